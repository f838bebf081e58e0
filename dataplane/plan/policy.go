package plan

import (
	"math"
	"net/netip"
	"time"

	"github.com/openifit/openifit/dataplane/flow"
)

// Action is a set of things that a policy does with packets at a point.
type Action uint16

// Actions of a policy at an Observation Point.
const (
	// ActMeter counts packets into flow records.
	ActMeter Action = 1 << iota
	// ActDelay adds node transit delay to the flow records (egress only).
	ActDelay
	// ActSketch feeds the count-min sketch and its top-k list.
	ActSketch
	// ActMark marks selected packets (EDGE ingress), under a lease.
	ActMark
	// ActPostcard owns the postcards of marked packets of its flows (egress,
	// and ingress for packets delivered locally).
	ActPostcard
	// ActEvent evaluates triggers.
	ActEvent
	// ActTCP follows the health of TCP connections.
	ActTCP
	// ActDelayHistogram counts node transit delay, the egress queue included,
	// into histograms (egress only).
	ActDelayHistogram
	// ActQueueHistogram counts the backlog of the egress queue likewise.
	ActQueueHistogram
	// ActDrop notes flows, so that drops of their packets anywhere on the node
	// are counted: for the policy's PACKET_DROP triggers if it has any, else
	// for records.
	ActDrop
)

// ActDigest sends a postcard of each packet that hash-based selection takes
// (egress), whether or not it carries a mark. Packets that the node itself
// sends are left out.
const ActDigest Action = 1 << 12

// InnerActions are those that can be about the innermost IP header of a packet.
const InnerActions = ActMeter | ActDelay | ActSketch

// KeyField is a set of header fields beyond those always present.
type KeyField uint16

// Fields of the widest key of a point.
const (
	KeySourceAddress KeyField = 1 << iota
	KeyDestinationAddress
	KeySourcePort
	KeyDestinationPort
	KeyProtocol
	KeyDSCP
	KeyFlowLabel
	KeyVLAN
	KeyVNI
	KeyMPLS
	KeySegment
	KeyCustomerVLAN
	// KeyIngressInterface costs something at egress only: elsewhere it is the
	// point's interface.
	KeyIngressInterface
	// keyWide are the fields of the key's wide part.
	keyWide = KeyVNI | KeyMPLS | KeySegment | KeyCustomerVLAN | KeyIngressInterface
	// Key5Tuple is what postcards, sketches, flow lists and events need.
	Key5Tuple = KeySourceAddress | KeyDestinationAddress | KeySourcePort | KeyDestinationPort | KeyProtocol
)

// Policy is one policy's part in one Observation Point.
type Policy struct {
	flow.PolicyRef
	Name    string
	Actions Action
	// Inner: the policy reads the innermost IP header of packets in tunnels,
	// not the outermost one.
	Inner bool
	// Keys are the fields that the policy's Flow Keys and rules read.
	Keys KeyField
	// SourceBits and DestinationBits are read of addresses where Keys do not
	// ask for the whole.
	SourceBits, DestinationBits AddressBits
	// Biflow: records tell which direction opened a TCP connection.
	Biflow bool
	// FlowList: the policy accepts exactly the flows of Flows; otherwise it
	// accepts what Rules say, and everything when there are none.
	FlowList bool
	// Flows are in the order of flow.ID.Compare, each one once.
	Flows  []flow.ID
	Rules  []Rule
	Select Selection
	// MarkField is the field that ActMark changes.
	MarkField MarkField
	// Mark maps an unmarked DSCP to the marked one, NoMark where it has none
	// (MarkDSCP).
	Mark [64]uint8
	// MarkLabels are the flow labels that can be marked (MarkLabel).
	MarkLabels []LabelMark
	// Answer: postcards carry what the policy's uploaded probe answered, whose
	// program runs before that of the point.
	Answer bool
	// Sketch is set with ActSketch.
	Sketch Sketch
	// Triggers are set with ActEvent.
	Triggers []Trigger
	// Local: TCP health and histograms cover packets that the node itself sends.
	Local bool
	// ByIngress and ByEgress: the interfaces are Flow Keys of histograms.
	ByIngress, ByEgress bool
}

// Rule is one line of a policy's flow selection; the first that matches, by
// Sequence, decides. A flow that no rule matches is not selected.
type Rule struct {
	Sequence uint32
	// Family is 4, 6, or 0 for both.
	Family uint8
	// Source and Destination are the zero Prefix for any.
	Source, Destination netip.Prefix
	// Protocol is -1 for any; DSCP likewise; FlowLabel likewise.
	Protocol  int16
	DSCP      int8
	FlowLabel int32
	// Ports are inclusive ranges; 0..65535 is any.
	SourcePort, DestinationPort PortRange
	// VLAN is the outermost VLAN identifier, 0 for any.
	VLAN uint16
	// VNI is that of a VXLAN, NVGRE or GENEVE packet, MPLSLabel the top label.
	VNI, MPLSLabel Exactly
	// ActiveSegment is the IPv6 prefix in which the active segment lies, the
	// zero Prefix for any packet.
	ActiveSegment netip.Prefix
	// Deny excludes the flow.
	Deny bool
}

// Exactly is a value that a packet must have; the zero Exactly asks nothing of
// a packet.
type Exactly struct {
	Value uint32
	Given bool
}

func (e Exactly) matches(there bool, value uint32) bool {
	return !e.Given || there && e.Value == value
}

// PortRange is an inclusive range of ports.
type PortRange struct{ Min, Max uint16 }

// AnyPort is the range that every packet is in, those without ports included.
var AnyPort = PortRange{0, math.MaxUint16}

// SketchPart is a set of things that a sketch is asked for.
type SketchPart uint8

// Parts of a sketch.
const (
	// SketchHeavy lists the largest flows.
	SketchHeavy SketchPart = 1 << iota
	// SketchDistinct counts different flows, sources and destinations.
	SketchDistinct
	// SketchSpread lists the sources with the most destinations.
	SketchSpread
)

// Sketch configures a FLOW_SKETCH policy.
type Sketch struct {
	Parts SketchPart
	// LeastDestinations is how many a source must have to be listed.
	LeastDestinations uint64
	TopK              uint16
	Epoch             time.Duration
}

// Trigger is a condition that the kernel watches. For momentary metrics
// (NEW_FLOW, PATH_CHANGE) the thresholds are unused.
type Trigger struct {
	Name   string
	Metric flow.Metric
	// Raise and Clear are in the metric's unit: nanoseconds for delays, octets
	// for queues, octets per second for rates, octets in a millisecond for
	// bursts.
	Raise, Clear uint64
	// Hold is how long the condition must hold, either way, before it is told.
	Hold time.Duration
	// PerFlow keeps a state per flow instead of one per interface.
	PerFlow bool
}
