//go:build linux

package probetest

import (
	"net/netip"
	"testing"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/lab/packet"
	"github.com/openifit/openifit/lab/testenv"
)

// The domain of tests marks best effort as 3 and EF as 47.
const (
	Mark0, Mark46 = 3, 47
	// MarkPolicy is the number of Marking.
	MarkPolicy = 9
)

// Beyond are addresses to which a router forwards.
const (
	Beyond4 = "10.0.0.77:2000"
	Beyond6 = "[fd00::77]:2000"
)

func noMarks() (m [64]uint8) {
	for i := range m {
		m[i] = plan.NoMark
	}
	return m
}

// MarkPlan is a plan for a domain with marks.
func MarkPlan(points ...plan.Point) plan.Plan {
	unmark := noMarks()
	unmark[Mark0], unmark[Mark46] = 0, 46
	return plan.Plan{MaxFlows: 64, Unmark: unmark, Points: points}
}

// Marking is a policy about marked packets.
func Marking(actions plan.Action) plan.Policy {
	marks := noMarks()
	marks[0], marks[46] = Mark0, Mark46
	return plan.Policy{
		PolicyRef: flow.PolicyRef{ID: MarkPolicy, Generation: 4}, Name: "marking",
		Actions: actions, Keys: plan.Key5Tuple, Mark: marks,
	}
}

// Edge is the ingress point of an EDGE interface.
func (p *Pair) Edge(foreign plan.ForeignMark, policies ...plan.Policy) plan.Point {
	point := p.Ingress(policies...)
	point.Role, point.StripForeign, point.ForeignMark, point.Unmark = plan.RoleEdge, true, foreign, true
	return point
}

// NewRouter makes a pair whose near end forwards what is not for itself.
func NewRouter(t testing.TB) *Pair {
	t.Helper()
	pair := NewPair(t)
	testenv.Sysctl(t, pair.Near, "net/ipv4/ip_forward", "1")
	testenv.Sysctl(t, pair.Near, "net/ipv6/conf/all/forwarding", "1")
	return pair
}

// UDP is a packet from the far end with ECN and 20 octets of payload.
func UDP(destination string, dscp uint8) packet.Spec {
	s := packet.Spec{
		Source: netip.MustParseAddrPort("10.0.0.2:1000"), Destination: netip.MustParseAddrPort(destination),
		DSCP: dscp, ECN: 1, Identification: 0x1234, Payload: []byte("twenty octets, these"),
	}
	if !s.Destination.Addr().Is4() {
		s.Source = netip.MustParseAddrPort("[fd00::2]:1000")
	}
	return s
}

// MarkLabel0 and MarkLabel5 are the marks of flow labels 0 and 5 in FieldPlan.
const MarkLabel0, MarkLabel5 = 0xabcde, 0x12345

func labelMarks() []plan.LabelMark {
	return []plan.LabelMark{{Unmarked: 5, Marked: MarkLabel5}, {Unmarked: 0, Marked: MarkLabel0}}
}

// FieldPlan is a plan for a domain with marks in all fields.
func FieldPlan(points ...plan.Point) plan.Plan {
	p := MarkPlan(points...)
	p.UnmarkFlag, p.UnmarkLabels = true, labelMarks()
	return p
}

// MarkingIn is a policy about packets marked in a field.
func MarkingIn(field plan.MarkField, actions plan.Action) plan.Policy {
	p := Marking(actions)
	p.MarkField = field
	if field == plan.MarkLabel {
		p.MarkLabels = labelMarks()
	}
	return p
}
