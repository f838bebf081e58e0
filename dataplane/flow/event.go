package flow

// Metric is what a trigger watches. The values are those of ifitEventMetric.
type Metric uint8

// Metrics of triggers.
const (
	MetricTransitDelay Metric = 1
	MetricPathDelay    Metric = 2
	MetricQueueDepth   Metric = 3
	MetricPacketDrop   Metric = 4
	MetricPathChange   Metric = 5
	MetricNewFlow      Metric = 6
	MetricFlowRate     Metric = 7
	MetricMicroburst   Metric = 8
)

// EventState tells what an event says of its trigger's condition. The values
// are those of ifitEventState.
type EventState uint8

// States of an event.
const (
	EventRaised    EventState = 1
	EventCleared   EventState = 2
	EventMomentary EventState = 3
)

// Event is one report of a trigger, evaluated where the packets are.
type Event struct {
	// Time is the UNIX time in nanoseconds.
	Time   int64
	Policy PolicyRef
	// Trigger is the index of the trigger in its policy's plan.
	Trigger uint8
	Metric  Metric
	State   EventState
	// ID is the flow that crossed the threshold last; PerFlow tells whether
	// the state belongs to that flow or to the interface.
	ID      ID
	PerFlow bool
	// Ifindex is the interface at which the condition holds.
	Ifindex   uint32
	Direction Direction
	// Value and Threshold are in the metric's unit: nanoseconds for delays,
	// octets for queues, octets per second for rates, octets in a millisecond
	// for bursts, packets per second for drops.
	// Value is 0 when a condition was cleared because its packets stopped.
	Value, Threshold uint64
	// The path of the flow now and before; only PATH_CHANGE sets the latter.
	IngressIfindex, EgressIfindex                 uint32
	PreviousIngressIfindex, PreviousEgressIfindex uint32
	HopLimit, PreviousHopLimit                    uint8
	// DropReason and DropLocation tell of the last packet of a PACKET_DROP why
	// and where the kernel dropped it, as those of a Drop do.
	DropReason, DropLocation string
	// Culprits are the flows that filled the bin of a MICROBURST, the largest
	// first; those without octets are none.
	Culprits [MaxCulprits]Culprit
}

// MaxCulprits is how many flows the event of a burst names.
const MaxCulprits = 8

// Culprit is a flow with what it had of a bin.
type Culprit struct {
	ID ID
	// Octets is never too small; it is exact where no more flows filled the
	// bin than an event names.
	Octets uint64
}

// HeavyFlow is one flow of a sketch's top-k list.
type HeavyFlow struct {
	ID     ID
	Policy PolicyRef
	// Rank is 1 for the largest flow.
	Rank uint32
	// Octets is an estimate over the epoch, never too small. Packets are scaled
	// from those counted since the flow was listed.
	Octets, Packets uint64
	// Start and End bound the epoch, UNIX times in nanoseconds.
	Start, End int64
}
