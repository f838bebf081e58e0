package measure

// Phase tells the beginning of a condition from its end.
type Phase string

// Phases of an event, in the words of the model.
const (
	Raised    Phase = "RAISED"
	Cleared   Phase = "CLEARED"
	Momentary Phase = "MOMENTARY"
)

// Metrics of events, as the model's identities.
const (
	TransitDelay = "TRANSIT_DELAY"
	QueueDepth   = "QUEUE_DEPTH"
	PacketDrop   = "PACKET_DROP"
	PathChange   = "PATH_CHANGE"
	NewFlow      = "NEW_FLOW"
	FlowRate     = "FLOW_RATE"
	Microburst   = "MICROBURST"
)

// Event is what a node's trigger reported over gNMI with mutual TLS. Nothing
// that came over plain UDP is ever made an Event, because a loop may act on it.
type Event struct {
	// ID is the controller's number, NodeID the node's own.
	ID         uint64 `json:"id"`
	Node       string `json:"node"`
	NodeID     uint64 `json:"node-event-id"`
	Policy     string `json:"policy"`
	Generation uint32 `json:"generation"`
	Trigger    string `json:"trigger"`
	Metric     string `json:"metric"`
	Phase      Phase  `json:"phase"`
	Interface  string `json:"interface,omitempty"`
	Direction  string `json:"direction,omitempty"`
	// Flow is zero when the event concerns no flow.
	Flow Flow `json:"flow,omitzero"`
	// Value and Threshold are in the metric's unit: nanoseconds for delays,
	// octets for queues and bursts, octets per second for rates, packets per
	// second for drops.
	Value     uint64 `json:"value"`
	Threshold uint64 `json:"threshold"`
	// Now and Before are set by PATH_CHANGE.
	Now    Way `json:"now,omitzero"`
	Before Way `json:"before,omitzero"`
	// Drop is set by PACKET_DROP, Culprits by MICROBURST, the largest first.
	Drop     Drop      `json:"drop,omitzero"`
	Culprits []Culprit `json:"culprits,omitempty"`
	// Time is the node's clock, Received the controller's; UNIX nanoseconds.
	Time     int64 `json:"time"`
	Received int64 `json:"received"`
	// Replayed is true for what had happened before the subscription began.
	Replayed bool `json:"replayed,omitempty"`
}

// Way is how a flow crosses a node; interfaces are named where they are known.
type Way struct {
	Ingress  string `json:"ingress,omitempty"`
	Egress   string `json:"egress,omitempty"`
	HopLimit uint8  `json:"hop-limit,omitempty"`
}

// Drop tells why and where a node dropped the last packet.
type Drop struct {
	Reason   string `json:"reason,omitempty"`
	Location string `json:"location,omitempty"`
}

// Culprit is a flow with what it had of the millisecond of a burst.
type Culprit struct {
	Flow   Flow   `json:"flow"`
	Octets uint64 `json:"octets"`
}
