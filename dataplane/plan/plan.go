package plan

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/openifit/openifit/dataplane/flow"
)

// MaxPolicies is the number of policies that one Observation Point can carry:
// one bit each in the vector that a flow record caches.
const MaxPolicies = 64

// MaxRules is the number of rules, over all policies, at one Observation Point.
const MaxRules = 1024

// Plan is all that must exist in the kernel of one node.
type Plan struct {
	// Points are sorted by ID; at most one per interface and direction.
	Points []Point
	// Unmark maps a marked DSCP to the unmarked one, for all marks of the
	// domain; NoMark where the code point is no mark. The zero value has no
	// marks.
	Unmark [64]uint8
	// UnmarkFlag: IPv4's reserved flag is a mark of the domain.
	UnmarkFlag bool
	// UnmarkLabels are the flow labels that are marks, by ascending mark.
	UnmarkLabels []LabelMark
	// MaxFlows is the number of places in each flow table of a point.
	MaxFlows uint32
	// MaxPostcards bounds postcards per second that this node emits; 0 does
	// not bound them.
	MaxPostcards uint32
	// MaxSelected bounds the packets per second that all policies of the node
	// together select; 0 does not bound them. Policies that select every packet
	// only count, and are not bounded.
	MaxSelected uint64
}

// NoMark stands in mark maps where a code point has no counterpart.
const NoMark = 0xff

// PointID names an Observation Point: an interface and a direction.
type PointID struct {
	Ifindex   uint32
	Direction flow.Direction
}

// Compare orders points by interface, ingress first.
func (id PointID) Compare(other PointID) int {
	return cmp.Or(cmp.Compare(id.Ifindex, other.Ifindex), cmp.Compare(id.Direction, other.Direction))
}

// String writes the point as "ifindex 3 ingress".
func (id PointID) String() string {
	return fmt.Sprintf("ifindex %d %s", id.Ifindex, strings.ToLower(id.Direction.String()))
}

// InterfaceRole is an interface's place in the IFIT domain.
type InterfaceRole uint8

// Roles of an interface.
const (
	RoleMonitor InterfaceRole = iota
	RoleCore
	RoleEdge
)

// ForeignMark is what an EDGE interface does with marks from outside.
type ForeignMark uint8

// Actions on foreign marks.
const (
	ForeignStrip ForeignMark = iota
	ForeignDrop
	ForeignPass
)

// Point is one Observation Point with everything that its one program does.
type Point struct {
	ID PointID
	// Interface is the interface's name, for pins, logs and state.
	Interface string
	Role      InterfaceRole
	// ForeignMark applies at EDGE ingress when the plan has any mark.
	ForeignMark ForeignMark
	// StripForeign: at EDGE ingress, look for foreign marks.
	StripForeign bool
	// Stamp: at ingress, write the arrival time into each packet, because
	// something on this node needs the transit delay.
	Stamp bool
	// Postcards: at egress, marked packets give a postcard.
	Postcards bool
	// Unmark: at EDGE egress marks are removed; at ingress they are removed
	// from packets that are delivered locally.
	Unmark bool
	// Policies are sorted by descending priority, then name.
	Policies []Policy
}
