//go:build linux

package source_test

import (
	"math"
	"net/netip"
	"slices"
	"testing"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/dataplane/probe"
	"github.com/openifit/openifit/dataplane/probe/probetest"
	"github.com/openifit/openifit/dataplane/source"
	"github.com/openifit/openifit/lab/packet"
)

// sampled sums up the records of each policy's selected packets.
func sampled(records []flow.Record) map[flow.PolicyRef]uint64 {
	out := make(map[flow.PolicyRef]uint64)
	for _, r := range records {
		if r.Sampled {
			out[r.Policies[0]] += r.Packets
		}
	}
	return out
}

func (s *stand) policyCounters(t *testing.T, id uint32) probe.PolicyCounters {
	t.Helper()
	all, err := s.engine.PolicyCounters()
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(all, func(c probe.PolicyCounters) bool { return c.Policy == id })
	if i < 0 {
		t.Fatalf("no counters of policy %d", id)
	}
	return all[i]
}

func systematic(id, generation, interval, space uint32) plan.Policy {
	p := probetest.Metering(id, generation)
	p.Select = plan.Selection{Algorithm: plan.SelectSystematicCount, Interval: interval, Space: space}
	return p
}

func uniform(id, generation, threshold uint32) plan.Policy {
	p := probetest.Metering(id, generation)
	p.Select = plan.Selection{Algorithm: plan.SelectUniform, Threshold: threshold}
	return p
}

// One count goes over all flows of the point, whatever their order.
func TestSystematicCountIsExact(t *testing.T) {
	s := newStand(t, systematic(1, 1, 3, 7))
	for i := range 1000 {
		p := v4(packet.UDP)
		if i%3 == 0 {
			p = v6(packet.TCP)
		}
		s.run.Run(t, p.Frame(), probetest.Arrival{})
	}
	if got := sampled(s.drain(t))[flow.PolicyRef{ID: 1, Generation: 1}]; got != 300 {
		t.Errorf("%d packets selected, want 300", got)
	}
	if c := s.policyCounters(t, 1); c.Observed != 1000 || c.Selected != 300 {
		t.Errorf("counted %+v", c)
	}
}

// The segments of a super-packet are packets: of each, its own turn decides.
func TestSystematicCountOfSuperPackets(t *testing.T) {
	s := newStand(t, systematic(1, 1, 3, 7))
	frame := with(v4(packet.TCP), func(s *packet.Spec) { s.Payload = make([]byte, 1300) }).Frame()
	for range 100 {
		s.run.Run(t, frame, probetest.Arrival{Segments: 13, SegmentSize: 100})
	}
	var octets uint64
	for _, r := range s.drain(t) {
		if r.Sampled {
			octets += r.Octets
		}
	}
	if c := s.policyCounters(t, 1); c.Observed != 1300 || c.Selected != 390 {
		t.Errorf("counted %+v", c)
	}
	// Shares of a super-packet are rounded down.
	if want := 390 * 140.0; math.Abs(float64(octets)-want) > 100 {
		t.Errorf("%d octets of selected packets, want %v", octets, want)
	}
}

// Another rate counts from its first packet on; other changes let the count
// go on where it is.
func TestSystematicCountThroughChanges(t *testing.T) {
	s := newStand(t, systematic(1, 1, 1, 9))
	frame := v4(packet.UDP).Frame()
	s.run.Repeat(t, frame, probetest.Arrival{}, 15)
	s.apply(t, systematic(1, 1, 1, 9), probetest.Metering(2, 1)) // a reload
	s.run.Repeat(t, frame, probetest.Arrival{}, 15)
	s.apply(t, systematic(1, 2, 1, 9), probetest.Metering(2, 1)) // a new generation
	s.run.Repeat(t, frame, probetest.Arrival{}, 15)
	if got := sampled(s.drain(t)); got[flow.PolicyRef{ID: 1, Generation: 1}] != 3 || got[flow.PolicyRef{ID: 1, Generation: 2}] != 2 {
		t.Errorf("packets 1, 11, 21; 31, 41 of 45 are due: selected %v", got)
	}
	s.apply(t, systematic(1, 3, 1, 4), probetest.Metering(2, 1)) // another rate
	s.run.Repeat(t, frame, probetest.Arrival{}, 6)
	s.apply(t, systematic(1, 4, 2, 2), probetest.Metering(2, 1))
	s.run.Repeat(t, frame, probetest.Arrival{}, 6)
	if got := sampled(s.drain(t)); got[flow.PolicyRef{ID: 1, Generation: 3}] != 2 || got[flow.PolicyRef{ID: 1, Generation: 4}] != 4 {
		t.Errorf("packets 1, 6; 1, 2, 5, 6 are due: selected %v", got)
	}
}

func TestUniformSelection(t *testing.T) {
	const n = 100_000
	frame := v4(packet.UDP).Frame()
	super := with(v4(packet.TCP), func(s *packet.Spec) { s.Payload = make([]byte, 1000) }).Frame()
	for _, p := range []float64{0, 0.001, 0.25, 0.9, 1} {
		threshold, _ := plan.Threshold(p)
		s := newStand(t, uniform(1, 1, threshold))
		s.run.Repeat(t, frame, probetest.Arrival{}, n/2)
		s.run.Repeat(t, super, probetest.Arrival{Segments: 10, SegmentSize: 100}, n/20)
		c := s.policyCounters(t, 1)
		// Six standard deviations: once in 500 million runs by chance.
		if off := math.Abs(float64(c.Selected) - n*p); c.Observed != n || off > 6*math.Sqrt(n*p*(1-p)) {
			t.Errorf("probability %v: %d of %d packets selected", p, c.Selected, c.Observed)
		}
		if got := sampled(s.drain(t))[flow.PolicyRef{ID: 1, Generation: 1}]; got != c.Selected {
			t.Errorf("probability %v: %d packets in records, %d selected", p, got, c.Selected)
		}
	}
}

// More sampled policies than the plain loop takes, each with its own rate.
func TestManySampledPolicies(t *testing.T) {
	var policies []plan.Policy
	for i := range uint32(plan.MaxPolicies) {
		policies = append(policies, systematic(i+1, 1, 1, i))
	}
	s := newStand(t, policies...)
	s.run.Repeat(t, v4(packet.UDP).Frame(), probetest.Arrival{}, 640)
	got := sampled(s.drain(t))
	for i := range uint64(plan.MaxPolicies) {
		want := (640 + i) / (i + 1)
		if n := got[flow.PolicyRef{ID: uint32(i + 1), Generation: 1}]; n != want {
			t.Errorf("1 in %d: %d of 640 packets, want %d", i+1, n, want)
		}
	}
}

// The kernel and the plain reading of rules and lists agree.
func TestClassification(t *testing.T) {
	rule := func(sequence uint32, change func(*plan.Rule)) plan.Rule {
		r := plan.Rule{Sequence: sequence, Protocol: -1, DSCP: -1, FlowLabel: -1, SourcePort: plan.AnyPort, DestinationPort: plan.AnyPort}
		change(&r)
		return r
	}
	ruled := func(id uint32, rules ...plan.Rule) plan.Policy {
		p := probetest.Metering(id, 1)
		p.Rules = rules
		return p
	}
	list := probetest.Metering(20, 1)
	list.FlowList = true
	list.Flows = []flow.ID{key(4, 17, 1000, 2000).ID, key(6, 6, 1000, 2000).ID}
	policies := []plan.Policy{
		probetest.Metering(1, 1),
		ruled(2, rule(1, func(r *plan.Rule) { r.Family = 6 })),
		ruled(3, rule(1, func(r *plan.Rule) { r.Source = netip.MustParsePrefix("192.0.2.0/24") })),
		ruled(4, rule(1, func(r *plan.Rule) { r.Destination = netip.MustParsePrefix("2001:db8:1::/48") })),
		ruled(5, rule(1, func(r *plan.Rule) { r.Protocol, r.Deny = 6, true }), rule(2, func(*plan.Rule) {})),
		ruled(6, rule(1, func(r *plan.Rule) { r.DestinationPort = plan.PortRange{Min: 1500, Max: 2500} })),
		ruled(7, rule(1, func(r *plan.Rule) { r.SourcePort = plan.PortRange{Min: 0, Max: 999} })),
		ruled(8, rule(1, func(r *plan.Rule) { r.DSCP = 46 })),
		ruled(9, rule(1, func(r *plan.Rule) { r.FlowLabel = 0x12345 })),
		ruled(10, rule(1, func(r *plan.Rule) { r.Deny = true }), rule(2, func(*plan.Rule) {})),
		ruled(11, rule(5, func(r *plan.Rule) { r.Source = netip.MustParsePrefix("192.0.2.1/32") }),
			rule(6, func(r *plan.Rule) { r.Source, r.Deny = netip.MustParsePrefix("192.0.0.0/8"), true }),
			rule(7, func(*plan.Rule) {})),
		list,
	}
	s := newStand(t, policies...)
	var packets []packet.Spec
	for _, p := range []packet.Spec{v4(packet.UDP), v6(packet.UDP), v4(packet.TCP), v6(packet.TCP), v4(packet.ICMP), v6(packet.ICMPv6)} {
		if p.Protocol == packet.ICMP || p.Protocol == packet.ICMPv6 {
			p.Payload = []byte{7, 0xd0, 0, 0, 0, 0, 0, 0} // type and code as port 2000
		}
		packets = append(packets, p,
			with(p, func(s *packet.Spec) { s.DSCP = 46 }),
			with(p, func(s *packet.Spec) { s.Source = netip.AddrPortFrom(s.Source.Addr(), 999) }),
			with(p, func(s *packet.Spec) { s.Destination = netip.AddrPortFrom(s.Destination.Addr(), 2501) }),
			with(p, func(s *packet.Spec) { s.Source = netip.AddrPortFrom(s.Source.Addr().Next(), 1000) }))
		if !p.IPv4() {
			packets = append(packets, with(p, func(s *packet.Spec) { s.FlowLabel = 0x12345 }))
		}
	}
	for _, p := range packets {
		s.run.Repeat(t, p.Frame(), probetest.Arrival{}, 2)
		got := s.drain(t)
		if len(got) != 1 || got[0].Packets != 2 {
			t.Fatalf("%+v: records %+v", p, got)
		}
		var want []flow.PolicyRef
		for i := range policies {
			if policies[i].Accepts(&got[0].Key) {
				want = append(want, policies[i].PolicyRef)
			}
		}
		if !slices.Equal(got[0].Policies, want) {
			t.Errorf("%s belongs to %v, want %v", got[0].Key.ID, got[0].Policies, want)
		}
	}
}

// What a sampled policy selects and a full table refuses is counted.
func TestSampledRecordsInAFullTable(t *testing.T) {
	pair := probetest.NewPair(t)
	s := &stand{pair: pair, engine: pair.Engine(t), point: pair.Quiet(t, systematic(1, 1, 1, 0))}
	var err error
	if s.records, err = source.NewRecords(s.engine); err != nil {
		t.Fatal(err)
	}
	pair.Apply(t, s.engine, plan.Plan{MaxFlows: 50, Points: []plan.Point{s.point}})
	s.run = pair.Runner(t, s.engine, s.point.ID)
	for port := range uint16(100) {
		p := with(v4(packet.UDP), func(s *packet.Spec) { s.Source = netip.AddrPortFrom(src4.Addr(), port+1) })
		s.run.Run(t, p.Frame(), probetest.Arrival{})
	}
	c := s.policyCounters(t, 1)
	got := sampled(s.drain(t))[flow.PolicyRef{ID: 1, Generation: 1}]
	if c.Selected != 100 || c.Refused == 0 || got+c.Refused != 100 {
		t.Errorf("%d packets in records, counted %+v", got, c)
	}
}
