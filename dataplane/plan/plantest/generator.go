// Package plantest makes random rules and flows for tests of classification.
package plantest

import (
	"math/rand/v2"
	"net/netip"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
)

// Generator makes rules and flows out of few values, so that they meet often.
type Generator struct{ *rand.Rand }

// New returns a generator that makes the same from the same seed.
func New(seed uint64) Generator { return Generator{rand.New(rand.NewPCG(seed, 2))} }

func (g Generator) addr(family uint8) netip.Addr {
	if g.IntN(20) == 0 {
		return highest(family)
	}
	if family == 4 {
		return netip.AddrFrom4([4]byte{10, byte(g.IntN(2)), byte(g.IntN(3)) << 6, byte(g.IntN(3))})
	}
	var a [16]byte
	a[0], a[7], a[8], a[15] = 0xfd, byte(g.IntN(2)), byte(g.IntN(2))<<7, byte(g.IntN(3))
	return netip.AddrFrom16(a)
}

func highest(family uint8) netip.Addr {
	a := netip.MustParseAddr("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")
	if family == 4 {
		a = netip.AddrFrom4([4]byte{255, 255, 255, 255})
	}
	return a
}

func (g Generator) prefix(family uint8) netip.Prefix {
	if g.IntN(3) == 0 {
		return netip.Prefix{}
	}
	a := g.addr(family)
	// Not masked on purpose: an operator writes 10.1.2.3/8.
	return netip.PrefixFrom(a, g.IntN(a.BitLen()+1))
}

func (g Generator) ports() plan.PortRange {
	switch g.IntN(3) {
	case 0:
		return plan.AnyPort
	case 1:
		low := uint16(g.IntN(6))
		return plan.PortRange{Min: low, Max: low + uint16(g.IntN(5))}
	default:
		return plan.PortRange{Min: 65535 - uint16(g.IntN(3)), Max: 65535}
	}
}

func (g Generator) port() uint16 {
	if g.IntN(4) == 0 {
		return 65535 - uint16(g.IntN(5))
	}
	return uint16(g.IntN(12))
}

// Rule makes a rule that some of the flows satisfy.
func (g Generator) Rule(sequence int) plan.Rule {
	family := uint8(4 + 2*g.IntN(2))
	r := plan.Rule{
		Sequence: uint32(sequence), Source: g.prefix(family), Destination: g.prefix(family),
		Protocol: -1, DSCP: -1, FlowLabel: -1,
		SourcePort: g.ports(), DestinationPort: g.ports(), Deny: g.IntN(3) == 0,
	}
	if g.IntN(2) == 0 {
		r.Family = family
	}
	if g.IntN(2) == 0 {
		r.Protocol = []int16{6, 17, 58}[g.IntN(3)]
	}
	if g.IntN(4) == 0 {
		r.DSCP = int8(g.IntN(2) * 46)
	}
	if g.IntN(4) == 0 {
		r.FlowLabel = int32(g.IntN(3))
	}
	g.beyond(&r)
	return r
}

// beyond makes few rules ask for fields beyond the IP header.
func (g Generator) beyond(r *plan.Rule) {
	switch g.IntN(12) {
	case 0:
		r.VLAN = uint16(1 + g.IntN(2))
	case 1:
		r.VNI = plan.Exactly{Value: uint32(g.IntN(2)), Given: true}
	case 2:
		r.MPLSLabel = plan.Exactly{Value: uint32(g.IntN(2)), Given: true}
	case 3:
		r.ActiveSegment = g.prefix(6)
	}
}

// Policies makes policies with so many rules in all, 1 to most each, as far
// as a point can carry them.
func (g Generator) Policies(rules, most int) []plan.Policy {
	var out []plan.Policy
	for rules > 0 && len(out) < plan.MaxPolicies {
		n := min(rules, 1+g.IntN(most))
		rules -= n
		p := plan.Policy{PolicyRef: flow.PolicyRef{ID: uint32(len(out)) + 1, Generation: 1}}
		for i := range n {
			p.Rules = append(p.Rules, g.Rule(i))
		}
		out = append(out, p)
	}
	return out
}

// Flow makes the key of a flow that a packet can have.
func (g Generator) Flow() flow.Key {
	family := uint8(4 + 2*g.IntN(2))
	k := flow.Key{
		ID: flow.ID{
			Source: g.addr(family), Destination: g.addr(family), SourcePort: g.port(), DestinationPort: g.port(),
			Protocol: []uint8{6, 17, 58, 1}[g.IntN(4)],
		},
		DSCP: uint8(g.IntN(2) * 46), FlowLabel: uint32(g.IntN(4)),
	}
	k.VLAN = uint16(g.IntN(3))
	if g.IntN(2) == 0 {
		k.Overlay, k.VNI = flow.OverlayVXLAN, uint32(g.IntN(2))
	}
	if g.IntN(2) == 0 {
		k.Labelled, k.MPLS = true, uint32(g.IntN(2)<<4|g.IntN(16))
	}
	if g.IntN(2) == 0 {
		k.ActiveSegment = g.addr(6)
	}
	if !plan.HasPorts(k.Protocol) {
		k.SourcePort = 0 // the other one holds ICMP's type and code
	}
	return k
}
