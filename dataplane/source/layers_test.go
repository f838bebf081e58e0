//go:build linux

package source_test

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/dataplane/probe/probetest"
	"github.com/openifit/openifit/lab/packet"
)

// anyRule is a rule that every flow satisfies.
func anyRule(sequence uint32) plan.Rule {
	return plan.Rule{
		Sequence: sequence, Protocol: -1, DSCP: -1, FlowLabel: -1, SourcePort: plan.AnyPort, DestinationPort: plan.AnyPort,
	}
}

// beyondRules ask for each field beyond the IP header, some to deny.
func beyondRules() [][]plan.Rule {
	rule := func(sequence uint32, change func(*plan.Rule)) plan.Rule {
		r := anyRule(sequence)
		change(&r)
		return r
	}
	vni := func(v uint32) func(*plan.Rule) {
		return func(r *plan.Rule) { r.VNI = plan.Exactly{Value: v, Given: true} }
	}
	label := func(v uint32) func(*plan.Rule) {
		return func(r *plan.Rule) { r.MPLSLabel = plan.Exactly{Value: v, Given: true} }
	}
	segment := func(prefix string) func(*plan.Rule) {
		return func(r *plan.Rule) { r.ActiveSegment = netip.MustParsePrefix(prefix) }
	}
	deny := func(r plan.Rule) plan.Rule {
		r.Deny = true
		return r
	}
	return [][]plan.Rule{
		{rule(1, func(r *plan.Rule) { r.VLAN = 9 })},
		{deny(rule(1, func(r *plan.Rule) { r.VLAN = 9 })), anyRule(2)},
		{rule(1, vni(7)), rule(2, vni(0x123456))},
		{deny(rule(1, vni(0xfedcba))), anyRule(2)},
		{rule(1, vni(0))},
		{rule(1, label(0))},
		{rule(1, label(16)), rule(2, label(0xfffff))},
		{rule(1, segment("2001:db8:f::/48"))},
		{deny(rule(1, segment("2001:db8:f::2/128"))), rule(2, segment("::/0"))},
		{rule(1, func(r *plan.Rule) { r.Family, r.VNI = 6, plan.Exactly{Value: 0x123456, Given: true} })},
	}
}

// Of each packet a policy gets the record of the header that it reads, if its
// rules accept that, whatever other policies there are.
func TestRulesBeyondTheIPHeader(t *testing.T) {
	var policies []plan.Policy
	for i, rules := range beyondRules() {
		for _, inner := range []bool{false, true} {
			p := probetest.Metering(uint32(len(policies))+1, 1)
			p.Name, p.Rules, p.Inner = "rules", rules, inner
			if i == 0 {
				p.Keys = wideOuter().Keys
			}
			policies = append(policies, p)
		}
	}
	s := newStand(t, policies...)
	accepted := 0
	for _, tt := range tunnelled() {
		s.run.Run(t, tt.frame, probetest.Arrival{})
		layers := map[flow.Layer]flow.Key{flow.LayerOnly: tt.seen(tt.outer)}
		if tt.inner != nil {
			layers = map[flow.Layer]flow.Key{flow.LayerOuter: tt.seen(tt.outer), flow.LayerInner: tt.seen(*tt.inner)}
		}
		for _, r := range s.drain(t) {
			key, ok := layers[r.Layer]
			if !ok || r.Key != key {
				t.Errorf("%s: record %+v", tt.name, r)
			}
			var want []flow.PolicyRef
			for i := range policies {
				p := &policies[i]
				reads := r.Layer == flow.LayerOnly || p.Inner == (r.Layer == flow.LayerInner)
				if reads && p.Accepts(&key) {
					want = append(want, p.PolicyRef)
				}
			}
			accepted += len(want)
			if !slices.Equal(r.Policies, want) {
				t.Errorf("%s: flow %+v belongs to %v, want %v", tt.name, key, r.Policies, want)
			}
		}
	}
	if accepted < 100 {
		t.Errorf("only %d flows were accepted: too few to say anything", accepted)
	}
}

// Whichever header a sampled policy reads, each packet is offered to it once.
func TestSelectionOfEitherLayer(t *testing.T) {
	outer, inner := wideOuter(), wideInner()
	for _, p := range []*plan.Policy{&outer, &inner} {
		p.Select = plan.Selection{Algorithm: plan.SelectSystematicCount, Interval: 1, Space: 1}
	}
	s := newStand(t, outer, inner)
	vxlan := tunnel(4, 17, packet.VXLAN(5, v4(packet.UDP).Frame())).Frame()
	for range 10 {
		s.run.Run(t, vxlan, probetest.Arrival{})
		s.run.Run(t, v4(packet.UDP).Frame(), probetest.Arrival{})
	}
	for _, id := range []uint32{7, 8} {
		if c := s.policyCounters(t, id); c.Observed != 20 || c.Selected != 10 {
			t.Errorf("policy %d: %+v", id, c)
		}
	}
	selected, packets := make(map[uint32]uint64), make(map[flow.Layer]uint64)
	for _, r := range s.drain(t) {
		if !r.Sampled {
			packets[r.Layer] += r.Packets
			continue
		}
		selected[r.Policies[0].ID] += r.Packets
		if tunnelled := r.Key.Source == near4.Addr(); tunnelled && r.Policies[0].ID == inner.ID {
			t.Errorf("the inner policy has a record of the outer header: %+v", r)
		}
	}
	if selected[7] != 10 || selected[8] != 10 {
		t.Errorf("selected %v", selected)
	}
	if packets[flow.LayerOnly] != 10 || packets[flow.LayerOuter] != 10 || packets[flow.LayerInner] != 10 {
		t.Errorf("canonical records hold %v", packets)
	}
	if c := s.counters(t); c.Packets != 20 {
		t.Errorf("counted %+v", c)
	}
}

// Every segment of a super-packet gets all headers of its tunnel.
func TestSuperPacketsInTunnels(t *testing.T) {
	in := with(v4(packet.TCP), func(s *packet.Spec) { s.Payload = make([]byte, 1400) })
	frame := tunnel(4, 17, packet.VXLAN(5, in.Frame())).Frame()
	// IPv4, UDP, VXLAN and Ethernet around IPv4 and TCP.
	const inner, outer = 20 + 20, 20 + 8 + 8 + 14 + 20 + 20
	s := newStand(t, wideOuter(), wideInner())
	s.run.Run(t, frame, probetest.Arrival{Segments: 14, SegmentSize: 100})
	want := map[flow.Layer]uint64{flow.LayerOuter: 1400 + 14*outer, flow.LayerInner: 1400 + 14*inner}
	records := s.drain(t)
	for _, r := range records {
		if r.Packets != 14 || r.Octets != want[r.Layer] {
			t.Errorf("record %+v, want %d octets", r, want[r.Layer])
		}
	}
	if c := s.counters(t); len(records) != 2 || c.Packets != 14 || c.Octets != want[flow.LayerOuter] {
		t.Errorf("%d records, counted %+v", len(records), c)
	}
}

// Flow tables change their keys' width with what policies read; no count is
// lost or mixed up.
func TestWidthOfKeysChanges(t *testing.T) {
	narrow := probetest.Metering(1, 1)
	wide := with(probetest.Metering(2, 1), func(p *plan.Policy) { p.Keys |= plan.KeyVNI })
	s := newStand(t, narrow)
	frame := tunnel(4, 17, packet.VXLAN(5, v4(packet.UDP).Frame())).Frame()
	type counted struct {
		policy, vni uint32
	}
	want := make(map[counted]uint64)
	for round, policies := range [][]plan.Policy{{narrow}, {narrow, wide}, {wide}, {narrow}} {
		s.apply(t, policies...)
		s.run.Repeat(t, frame, probetest.Arrival{}, uint32(10+round))
		vni := uint32(0)
		if len(policies) > 1 || policies[0].ID == 2 {
			vni = 5
		}
		for _, p := range policies {
			want[counted{p.ID, vni}] += uint64(10 + round)
		}
	}
	got := make(map[counted]uint64)
	for range 2 {
		for _, r := range s.drain(t) {
			for _, p := range r.Policies {
				got[counted{p.ID, r.Key.VNI}] += r.Packets
			}
		}
	}
	for c, n := range want {
		if got[c] != n {
			t.Errorf("policy %d, VNI %d: %d packets, want %d", c.policy, c.vni, got[c], n)
		}
	}
	if len(got) != len(want) || s.counters(t).Packets != 10+11+12+13 {
		t.Errorf("records %v, want %v; counters %+v", got, want, s.counters(t))
	}
}

// A sketch of inner flows holds them, and no flow of a tunnel.
func TestSketchOfInnerFlows(t *testing.T) {
	pair := probetest.NewPair(t)
	engine := pair.Engine(t)
	policy := with(sketching(4), func(p *plan.Policy) { p.Inner = true })
	pair.Apply(t, engine, plan.Plan{MaxFlows: 64, Points: []plan.Point{pair.Ingress(policy)}})
	run := pair.Runner(t, engine, pair.Ingress().ID)
	in := v4(packet.UDP)
	run.Repeat(t, tunnel(4, 17, packet.VXLAN(5, in.Frame())).Frame(), probetest.Arrival{}, 10)
	shorten(t, pair, engine, policy)
	list, _ := epoch(t, engine)
	if len(list) != 1 || list[0].ID != key(4, 17, 1000, 2000).ID || list[0].Packets != 10 || list[0].Octets != 350 {
		t.Errorf("heavy flows %+v", list)
	}
}

// What is about the outermost header is so also where others read the inner
// one: a marked packet in a tunnel gives one postcard, of the tunnel, and
// leaves without its mark.
func TestMarksBesideInnerPolicies(t *testing.T) {
	for _, others := range [][]plan.Policy{{wideInner()}, {wideInner(), wideOuter()}} {
		pair := probetest.NewRouter(t)
		engine := pair.Engine(t)
		point := pair.Egress(append(others, probetest.Marking(plan.ActPostcard))...)
		point.Role, point.Postcards, point.Unmark = plan.RoleEdge, true, true
		p := probetest.MarkPlan(point)
		pair.Apply(t, engine, p)
		s := tunnel(4, 17, packet.VXLAN(5, v4(packet.UDP).Frame()))
		s.DSCP = probetest.Mark0
		out := pair.Runner(t, engine, point.ID).Run(t, s.Frame(), probetest.Arrival{Ingress: pair.Ifindex})
		seen, err := packet.Parse(out.Frame)
		if out.Verdict != probetest.Next || err != nil || seen.DSCP != 0 {
			t.Errorf("verdict %d, %+v, %v", out.Verdict, seen, err)
		}
		counters, err := engine.PolicyCounters()
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range counters {
			want := uint64(0)
			if c.Policy == probetest.MarkPolicy {
				want = 1
			}
			if c.Postcards != want {
				t.Errorf("policy %d: %+v", c.Policy, c)
			}
		}
	}
}
