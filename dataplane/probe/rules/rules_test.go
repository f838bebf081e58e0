package rules

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/dataplane/plan/plantest"
	"github.com/openifit/openifit/gen/bpf/point"
)

// lookup is the longest match of a trie, as the kernel finds it.
func (c *Compiled) lookup(t map[Prefix]uint32, addr netip.Addr) Set {
	for bits := addr.BitLen(); bits >= 0; bits-- {
		if s, ok := t[key(netip.PrefixFrom(addr, bits).Masked())]; ok {
			return c.Sets[s]
		}
	}
	return nil
}

// satisfied are the sets whose AND the program makes, as it finds them.
func (c *Compiled) satisfied(k *flow.Key) []Set {
	dport := k.DestinationPort
	if !plan.HasPorts(k.Protocol) {
		dport = 0
	}
	label := c.Sets[point.BPFIfitRuleSetIFIT_RULE_SET_OTHER]
	if place, ok := c.Values[Value{Field: point.BPFIfitRuleValueFieldIFIT_RULE_VALUE_FLOW_LABEL, Value: k.FlowLabel}]; ok {
		label = c.Sets[place]
	}
	out := []Set{
		c.Sets[int(point.BPFIfitRuleSetIFIT_RULE_SET_PROTOCOL)+int(k.Protocol)],
		c.Sets[int(point.BPFIfitRuleSetIFIT_RULE_SET_DSCP)+int(k.DSCP)], label,
	}
	for _, optional := range []struct {
		field point.BPFIfitRuleValueField
		there bool
		value uint32
	}{
		{point.BPFIfitRuleValueFieldIFIT_RULE_VALUE_VLAN, true, uint32(k.VLAN)},
		{point.BPFIfitRuleValueFieldIFIT_RULE_VALUE_VNI, k.Overlay != flow.NoOverlay, k.VNI},
		{point.BPFIfitRuleValueFieldIFIT_RULE_VALUE_MPLS, k.Labelled, k.MPLSLabel()},
		{point.BPFIfitRuleValueFieldIFIT_RULE_VALUE_SEGMENT, false, 0},
	} {
		set := c.Sets[uint32(point.BPFIfitRuleSetIFIT_RULE_SET_OTHER)+uint32(optional.field)]
		if place, ok := c.Values[Value{Field: optional.field, Value: optional.value}]; ok && optional.there {
			set = c.Sets[place]
		}
		if optional.field == point.BPFIfitRuleValueFieldIFIT_RULE_VALUE_SEGMENT && k.ActiveSegment.IsValid() && c.Segments != nil {
			set = c.lookup(c.Segments, k.ActiveSegment)
		}
		out = append(out, set)
	}
	if c.Sources != nil {
		out = append(out, c.Sets[c.Sources.Set(k.Source)])
	}
	if c.Destinations != nil {
		out = append(out, c.Sets[c.Destinations.Set(k.Destination)])
	}
	if c.SourcePorts != nil {
		out = append(out, c.Sets[c.SourcePorts.Set[k.SourcePort]])
	}
	if c.DestinationPorts != nil {
		out = append(out, c.Sets[c.DestinationPorts.Set[dport]])
	}
	return out
}

// accepted is the vector of slots that the program makes of the tables.
func (c *Compiled) accepted(k *flow.Key) (vector uint64) {
	sets, decided := c.satisfied(k), uint64(0)
	for w := range c.Words {
		fold, match := &c.Fold[w], ^uint64(0)
		for _, s := range sets {
			if s != nil { // of a field that no rule restricts
				match &= s[w]
			}
		}
		match &^= fold.Continued & decided
		first := match &^ ((match | fold.Last) - fold.First)
		a := first & fold.Accept
		a = (a | ((a &^ fold.Last) + ^fold.Last)) & fold.Last
		for i, moves := range fold.Gather {
			a = a&^moves | a&moves>>(1<<i)
		}
		vector |= a << fold.Before
		if match&fold.Continuing != 0 || decided&fold.Continued&fold.Continuing != 0 {
			decided = ^uint64(0)
		} else {
			decided = 0
		}
	}
	for i := len(c.Spread) - 1; i >= 0; i-- {
		vector = vector&^c.Spread[i] | vector<<(1<<i)&c.Spread[i]
	}
	return vector
}

// Tables and the plain reading of the rules must agree on every flow.
func TestTablesSayWhatRulesSay(t *testing.T) {
	g := plantest.New(1)
	accepted, most := 0, 0
	for round := range 150 {
		policies := g.Policies(1+g.IntN(plan.MaxRules), []int{3, 32, 300}[round%3])
		// Between them are policies without rules, which others decide on.
		for i := len(policies) - 1; i >= 0 && len(policies) < plan.MaxPolicies; i-- {
			if g.IntN(3) == 0 {
				policies = slices.Insert(policies, i, plan.Policy{})
			}
		}
		c, err := Compile(policies)
		if err != nil {
			t.Fatal(err)
		}
		most = max(most, c.Words)
		for range 100 {
			k := g.Flow()
			got := c.accepted(&k)
			for slot := range policies {
				want := len(policies[slot].Rules) > 0 && policies[slot].Accepts(&k)
				if (len(policies[slot].Rules) > 0 && got>>slot&1 == 1) != want {
					t.Fatalf("flow %+v: accepted %v, want %v, by the rules %+v", k, !want, want, policies[slot].Rules)
				}
				if want {
					accepted++
				}
			}
		}
	}
	if accepted < 1000 || most != len(Compiled{}.Fold) {
		t.Errorf("only %d of the flows were accepted, and at most %d words used: too few to say anything", accepted, most)
	}
}

// The ends of the address space are in ranges like any other address.
func TestRangesAtTheEnds(t *testing.T) {
	any := plan.Rule{Protocol: -1, DSCP: -1, FlowLabel: -1, SourcePort: plan.AnyPort, DestinationPort: plan.AnyPort}
	for _, c := range []struct{ prefix, in, out string }{
		{"0.0.0.0/32", "0.0.0.0", "0.0.0.1"}, {"0.0.0.0/1", "127.255.255.255", "128.0.0.0"},
		{"255.255.255.255/32", "255.255.255.255", "255.255.255.254"}, {"128.0.0.0/1", "255.255.255.255", "127.255.255.255"},
		{"0.0.0.0/0", "255.255.255.255", "::"}, {"0.0.0.0/0", "0.0.0.0", "ffff::"},
		{"::/128", "::", "::1"}, {"::/0", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "255.255.255.255"},
		{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe"},
		{"0:0:0:1::/64", "::1:ffff:ffff:ffff:ffff", "::2:0:0:0:0"},
	} {
		r := any
		r.Source = netip.MustParsePrefix(c.prefix)
		compiled, err := Compile([]plan.Policy{{Rules: []plan.Rule{r}}})
		if err != nil {
			t.Fatal(err)
		}
		for addr, want := range map[string]uint64{c.in: 1, c.out: 0} {
			if got := compiled.Sets[compiled.Sources.Set(netip.MustParseAddr(addr))][0]; got != want {
				t.Errorf("%s in %s: %d, want %d", addr, c.prefix, got, want)
			}
		}
	}
}

func TestTooManyRules(t *testing.T) {
	if _, err := Compile([]plan.Policy{{Rules: make([]plan.Rule, Max+1)}}); err == nil {
		t.Error("accepted")
	}
}

func BenchmarkCompile(b *testing.B) {
	g := plantest.New(1)
	var p plan.Policy
	for i := range plan.MaxRules {
		p.Rules = append(p.Rules, g.Rule(i))
	}
	for b.Loop() {
		if _, err := Compile([]plan.Policy{p}); err != nil {
			b.Fatal(err)
		}
	}
}
