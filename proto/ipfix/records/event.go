package records

import (
	"fmt"

	"github.com/openifit/openifit/proto/ipfix"
	"github.com/openifit/openifit/proto/ipfix/ie"
)

// Metric is what an event is about, the value of ifitEventMetric.
type Metric uint8

// The metrics, with the units of an event's value and threshold.
const (
	TransitDelay Metric = 1 // nanoseconds
	PathDelay    Metric = 2 // nanoseconds
	QueueDepth   Metric = 3 // octets
	PacketDrop   Metric = 4 // packets
	PathChange   Metric = 5 // none
	NewFlow      Metric = 6 // none
	FlowRate     Metric = 7 // octets per second
	Microburst   Metric = 8 // octets within a millisecond
)

var metricNames = [...]string{
	TransitDelay: "TRANSIT_DELAY", PathDelay: "PATH_DELAY", QueueDepth: "QUEUE_DEPTH", PacketDrop: "PACKET_DROP",
	PathChange: "PATH_CHANGE", NewFlow: "NEW_FLOW", FlowRate: "FLOW_RATE", Microburst: "MICROBURST",
}

// String is the metric's name in the YANG model.
func (m Metric) String() string {
	if int(m) < len(metricNames) && metricNames[m] != "" {
		return metricNames[m]
	}
	return fmt.Sprintf("Metric(%d)", uint8(m))
}

// EventState says what became of the condition, the value of ifitEventState.
type EventState uint8

// The states. Momentary events have no end that could be told.
const (
	Raised    EventState = 1
	Cleared   EventState = 2
	Momentary EventState = 3
)

var stateNames = [...]string{Raised: "RAISED", Cleared: "CLEARED", Momentary: "MOMENTARY"}

// String is the state's name in the YANG model.
func (s EventState) String() string {
	if int(s) < len(stateNames) && stateNames[s] != "" {
		return stateNames[s]
	}
	return fmt.Sprintf("EventState(%d)", uint8(s))
}

// Event is what a trigger reports.
type Event struct {
	ID   uint64         `ipfix:"ifitEventId"`
	Time ipfix.UnixNano `ipfix:"observationTimeNanoseconds"`
	Origin
	Metric Metric     `ipfix:"ifitEventMetric"`
	State  EventState `ipfix:"ifitEventState"`
	// Value and Threshold have the metric's units.
	Value            uint64 `ipfix:"ifitEventValue"`
	Threshold        uint64 `ipfix:"ifitEventThreshold"`
	IngressInterface uint32 `ipfix:"ingressInterface"`
	EgressInterface  uint32 `ipfix:"egressInterface"`
	HopLimit         uint8  `ipfix:"ipTTL"`
	// The path before a PATH_CHANGE, else 0.
	PreviousIngressInterface uint32 `ipfix:"ifitPreviousIngressInterface"`
	PreviousEgressInterface  uint32 `ipfix:"ifitPreviousEgressInterface"`
	PreviousHopLimit         uint8  `ipfix:"ifitPreviousHopLimit"`
	// Trigger is its name in the policy.
	Trigger string `ipfix:"ifitTriggerName"`
	// DropReason and DropLocation tell of the last packet of a PACKET_DROP why
	// and where it was dropped, as those of a Drop do; else they are empty.
	DropReason   string `ipfix:"ifitDropReason"`
	DropLocation string `ipfix:"ifitDropLocation"`
	// Tuple of the flow, zero for events about none.
	Tuple
}

// EventTemplate needs an enterprise number in the model. NoFlow is the family
// of events about an interface or the node.
func EventTemplate(m *ie.Model, family Family) (*ipfix.Template, error) {
	return template(m, family.String()+" event", []string{"ifitEventId", "observationTimeNanoseconds"}, originFields, []string{
		"ifitEventMetric", "ifitEventState", "ifitEventValue", "ifitEventThreshold",
		"ingressInterface", "egressInterface", "ipTTL",
		"ifitPreviousIngressInterface", "ifitPreviousEgressInterface", "ifitPreviousHopLimit", "ifitTriggerName",
		"ifitDropReason", "ifitDropLocation",
	}, tupleFields(family))
}
