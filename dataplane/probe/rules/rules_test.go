package rules

import (
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
)

// lookup is the longest match of a trie, as the kernel finds it.
func lookup(t map[Prefix]Set, addr netip.Addr) Set {
	for bits := addr.BitLen(); bits >= 0; bits-- {
		if s, ok := t[key(netip.PrefixFrom(addr, bits).Masked())]; ok {
			return s
		}
	}
	return Set{}
}

// accepted is what the program makes of the tables.
func (c *Compiled) accepted(k *flow.Key, slot int) bool {
	sport, dport := k.SourcePort, k.DestinationPort
	if !plan.HasPorts(k.Protocol) {
		dport = 0
	}
	label, ok := c.Labels[k.FlowLabel]
	if !ok {
		label = c.Tables.OtherLabel
	}
	for w := range c.Tables.Accept.W {
		match := lookup(c.Sources, k.Source).W[w] & lookup(c.Destinations, k.Destination).W[w] &
			c.Tables.SourceClass[c.Tables.SourcePort[sport]].W[w] &
			c.Tables.DestinationClass[c.Tables.DestinationPort[dport]].W[w] &
			c.Tables.Protocol[k.Protocol].W[w] & c.Tables.Dscp[k.DSCP].W[w] & label.W[w] &
			c.Tables.Policy[slot].W[w]
		if match != 0 {
			return match&-match&c.Tables.Accept.W[w] != 0
		}
	}
	return false
}

// generator makes rules and flows out of few values, so that they meet often.
type generator struct{ *rand.Rand }

func (g generator) addr(family uint8) netip.Addr {
	if family == 4 {
		return netip.AddrFrom4([4]byte{10, byte(g.IntN(2)), byte(g.IntN(3)) << 6, byte(g.IntN(3))})
	}
	var a [16]byte
	a[0], a[7], a[8], a[15] = 0xfd, byte(g.IntN(2)), byte(g.IntN(2))<<7, byte(g.IntN(3))
	return netip.AddrFrom16(a)
}

func (g generator) prefix(family uint8) netip.Prefix {
	if g.IntN(3) == 0 {
		return netip.Prefix{}
	}
	a := g.addr(family)
	// Not masked on purpose: an operator writes 10.1.2.3/8.
	return netip.PrefixFrom(a, g.IntN(a.BitLen()+1))
}

func (g generator) ports() plan.PortRange {
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

func (g generator) port() uint16 {
	if g.IntN(4) == 0 {
		return 65535 - uint16(g.IntN(5))
	}
	return uint16(g.IntN(12))
}

func (g generator) rule(sequence int) plan.Rule {
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
	return r
}

func (g generator) flow() flow.Key {
	family := uint8(4 + 2*g.IntN(2))
	k := flow.Key{
		ID: flow.ID{
			Source: g.addr(family), Destination: g.addr(family), SourcePort: g.port(), DestinationPort: g.port(),
			Protocol: []uint8{6, 17, 58, 1}[g.IntN(4)],
		},
		DSCP: uint8(g.IntN(2) * 46), FlowLabel: uint32(g.IntN(4)),
	}
	if !plan.HasPorts(k.Protocol) {
		k.SourcePort = 0 // the other one holds ICMP's type and code
	}
	return k
}

// Tables and the plain reading of the rules must agree on every flow.
func TestTablesSayWhatRulesSay(t *testing.T) {
	g := generator{rand.New(rand.NewPCG(1, 2))}
	accepted := 0
	for range 100 {
		var policies []plan.Policy
		for left := plan.MaxRules; left > 0 && len(policies) < plan.MaxPolicies; {
			n := min(left, 1+g.IntN(12))
			left -= n
			var p plan.Policy
			for i := range n {
				p.Rules = append(p.Rules, g.rule(i))
			}
			policies = append(policies, p)
		}
		c, err := Compile(policies)
		if err != nil {
			t.Fatal(err)
		}
		for range 100 {
			k := g.flow()
			for slot := range policies {
				want := policies[slot].Accepts(&k)
				if got := c.accepted(&k, slot); got != want {
					t.Fatalf("flow %+v: accepted %v, want %v, by the rules %+v", k, got, want, policies[slot].Rules)
				}
				if want {
					accepted++
				}
			}
		}
	}
	if accepted < 1000 {
		t.Errorf("only %d of the flows were accepted: too few to say anything", accepted)
	}
}

func TestTooManyRules(t *testing.T) {
	if _, err := Compile([]plan.Policy{{Rules: make([]plan.Rule, Max+1)}}); err == nil {
		t.Error("accepted")
	}
}

func BenchmarkCompile(b *testing.B) {
	g := generator{rand.New(rand.NewPCG(1, 2))}
	var p plan.Policy
	for i := range plan.MaxRules {
		p.Rules = append(p.Rules, g.rule(i))
	}
	for b.Loop() {
		if _, err := Compile([]plan.Policy{p}); err != nil {
			b.Fatal(err)
		}
	}
}
