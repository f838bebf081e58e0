package compile

import (
	"net/netip"
	"time"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/gen/yang"
)

// Result is a compiled tree.
type Result struct {
	Plan plan.Plan
	// Policies are sorted by name; disabled ones are among them.
	Policies   []Policy
	Collectors []Collector
	Domain     Domain
	Limits     Limits
}

// Domain is the node's identity in exported messages.
type Domain struct {
	NodeName          string
	ObservationDomain uint32
	// EnterpriseNumber is 0 where private elements are left out.
	EnterpriseNumber uint32
	// NodeID is the node's number in records.
	NodeID uint32
}

// Limits are the ceilings that are enforced beside the kernel.
type Limits struct {
	// ExportOctets per second, packet headers included; 0 means none.
	ExportOctets uint64
	// MapBytes is the kernel memory of maps, MemoryBytes that of the agent, in
	// octets; 0 means no ceiling.
	MapBytes, MemoryBytes uint64
	// CPUPercent of one processor; 0 means no ceiling.
	CPUPercent float64
}

// Collector is a Collecting Process that policies may export to.
type Collector struct {
	Name    string
	Address netip.AddrPort
	// Source is invalid where the route chooses.
	Source          netip.Addr
	DSCP            uint8
	TemplateRefresh time.Duration
	PathMTU         int
}

// Policy is what became of one policy on this node.
type Policy struct {
	flow.PolicyRef
	Name, Owner string
	Technique   yang.TECHNIQUE
	Enabled     bool
	Priority    uint16
	// LocalOriginated: packets of the node itself are covered too.
	LocalOriginated bool
	Roles           []yang.NodeRole
	Points          []Point
	// Missing are interfaces that the policy names and the kernel lacks.
	Missing []*Error
	// Declined are the reasons why this node does not admit the policy, which
	// has no points then.
	Declined []*Error
	// Omitted are data elements that this node leaves out of the policy's
	// records, because it does not admit them.
	Omitted []yang.DATA_ELEMENT
	// Actions are what the node does by itself while conditions of the
	// policy's triggers last.
	Actions []TriggerAction
	// Inner: rules and Flow Keys read the innermost IP header.
	Inner bool
	// FlowKeys are IANA names of the Flow Keys (FLOW_METERING).
	FlowKeys []string
	// Computing is what is computed of delays and queue depths.
	Computing Computing
	// SourceBits and DestinationBits are the lengths of prefixes among them.
	SourceBits, DestinationBits plan.AddressBits
	// Biflow: the two directions of a flow make one record.
	Biflow   bool
	Elements []yang.DATA_ELEMENT
	Rules    []plan.Rule
	Select   plan.Selection
	// Probability is set with plan.SelectUniform.
	Probability float64
	// Unmarked: postcards are of the packets that Select takes at each node, by
	// their hash, and no packet is marked (PBT_M).
	Unmarked bool
	// LabelMark: packets are marked by another flow label.
	LabelMark bool
	Sketch    plan.Sketch
	// SketchFloor is the rate in octets per second below which no flow is
	// heavy.
	SketchFloor uint64
	Triggers    []plan.Trigger
	// Custom is set for CUSTOM_PROBE.
	Custom Custom
	Export Export
}

// Active tells whether the node does anything for the policy.
func (p *Policy) Active() bool { return p.Enabled && len(p.Points) > 0 }

// Marks tells whether this node is a head of the policy.
func (p *Policy) Marks() bool {
	for _, at := range p.Points {
		if at.Actions&plan.ActMark != 0 {
			return true
		}
	}
	return false
}

// Point is one Observation Point of a policy.
type Point struct {
	plan.PointID
	Interface string
	Actions   plan.Action
}

// Export says how a policy's records leave the node.
type Export struct {
	Collectors []string
	// Failover: records go to the first collector that is up, otherwise to
	// all.
	Failover                   bool
	ActiveTimeout, IdleTimeout time.Duration
	DrainInterval              time.Duration
	BatchTimeout               time.Duration
	// MaxRecords and MaxOctets per second; 0 means no ceiling.
	MaxRecords, MaxOctets uint64
}
