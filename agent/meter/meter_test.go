package meter

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
)

const second = time.Second

var ingress = plan.PointID{Ifindex: 3, Direction: flow.Ingress}

// collector keeps what a meter emits.
type collector struct{ got []Record }

func (c *collector) take(r *Record) { c.got = append(c.got, *r) }

func (c *collector) packets() (n uint64) {
	for _, r := range c.got {
		n += r.Packets
	}
	return n
}

func ref(id, generation uint32) flow.PolicyRef {
	return flow.PolicyRef{ID: id, Generation: generation}
}

func metering(id uint32) Policy {
	return Policy{
		PolicyRef: ref(id, 1), Records: true, Keys: FiveTuple,
		ActiveTimeout: 60 * second, IdleTimeout: 10 * second, MaxFlows: 100,
		Points: []plan.PointID{ingress},
	}
}

func record(source string, port uint16, packets uint64, policies ...flow.PolicyRef) flow.Record {
	return flow.Record{
		Key: flow.Key{ID: flow.ID{
			Source: netip.MustParseAddr(source), Destination: netip.MustParseAddr(source).Next(),
			SourcePort: port, DestinationPort: 53, Protocol: 17,
		}, DSCP: 10},
		Ifindex: 3, IngressIfindex: 3, Policies: policies,
		Packets: packets, Octets: 100 * packets, First: 1000, Last: 2000,
		MinTTL: 60, MaxTTL: 62,
	}
}

func TestUnknownPolicyIsCounted(t *testing.T) {
	var c collector
	m := New(c.take)
	r := record("10.0.0.1", 1, 7, ref(9, 1))
	m.Observe(&r, 0)
	m.Drained(100 * second)
	if m.Unknown() != 7 || len(c.got) != 0 {
		t.Errorf("unknown %d packets, %d records", m.Unknown(), len(c.got))
	}
	if _, ok := m.Totals(9); ok || m.Hits(9) != nil {
		t.Error("a policy that was never configured has counters")
	}
}

func TestFullCacheEndsTheLeastUsedFlow(t *testing.T) {
	var c collector
	m := New(c.take)
	p := metering(1)
	p.MaxFlows = 2
	m.Configure([]Policy{p})
	for i, port := range []uint16{1, 2, 1, 3} {
		r := record("10.0.0.1", port, 1, ref(1, 1))
		m.Observe(&r, time.Duration(i))
	}
	if len(c.got) != 1 || c.got[0].Key.SourcePort != 2 || c.got[0].EndReason != EndLackOfResources {
		t.Fatalf("evicted %+v", c.got)
	}
	m.Flush()
	totals, _ := m.Totals(1)
	if c.packets() != 4 || totals.Early != 1 || totals.Records != 3 || totals.Flows != 0 {
		t.Errorf("%d packets, totals %+v", c.packets(), totals)
	}
}

func TestTimeouts(t *testing.T) {
	var c collector
	m := New(c.take)
	m.Configure([]Policy{metering(1)})
	busy, idle := record("10.0.0.1", 1, 1, ref(1, 1)), record("10.0.0.1", 2, 1, ref(1, 1))
	m.Observe(&idle, 0)
	for now := time.Duration(0); now <= 60*second; now += 5 * second {
		m.Observe(&busy, now)
		m.Drained(now)
	}
	var got []EndReason
	for _, r := range c.got {
		got = append(got, r.EndReason)
	}
	if diff := cmp.Diff([]EndReason{EndIdle, EndActive}, got); diff != "" {
		t.Fatal(diff)
	}
	if c.got[1].Packets != 13 {
		t.Errorf("active timeout gave %d packets, want 13", c.got[1].Packets)
	}
}

func TestProjection(t *testing.T) {
	tests := []struct {
		name    string
		keys    Keys
		records int
	}{
		{"no keys but the family", 0, 2},
		{"source port", SourceTransportPort, 4},
		{"IPv4 source", SourceIPv4Address, 3},
		{"five-tuple", FiveTuple, 5},
		{"DSCP", IPDiffServCodePoint, 2},
		{"interface", IngressInterface, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var c collector
			m := New(c.take)
			p := metering(1)
			p.Keys = tt.keys
			m.Configure([]Policy{p})
			for _, r := range []flow.Record{
				record("10.0.0.1", 1, 1, ref(1, 1)), record("10.0.0.1", 2, 1, ref(1, 1)),
				record("10.0.0.9", 1, 1, ref(1, 1)),
				record("fd00::1", 1, 1, ref(1, 1)), record("fd00::9", 2, 1, ref(1, 1)),
			} {
				m.Observe(&r, 0)
			}
			m.Flush()
			if len(c.got) != tt.records || c.packets() != 5 {
				t.Errorf("%d records with %d packets, want %d with 5: %+v", len(c.got), c.packets(), tt.records, c.got)
			}
		})
	}
}

func TestRecordFields(t *testing.T) {
	var c collector
	m := New(c.take)
	p := metering(1)
	p.Keys |= IngressInterface
	m.Configure([]Policy{p})
	a := record("10.0.0.1", 1, 2, ref(1, 1))
	a.TCPFlags, a.Delay = 0x02, flow.Delay{Packets: 2, Sum: 30, Min: 10, Max: 20}
	b := a
	b.First, b.Last, b.TCPFlags, b.MinTTL, b.MaxTTL = 500, 3000, 0x10, 50, 61
	b.Delay = flow.Delay{Packets: 1, Sum: 5, Min: 5, Max: 5}
	m.Observe(&a, 0)
	m.Observe(&b, 0)
	m.Flush()
	want := []Record{{
		Policy: ref(1, 1), Keys: p.Keys, Family: 4, Key: flow.Key{ID: a.Key.ID},
		IngressIfindex: 3, Packets: 4, Octets: 400, First: 500, Last: 3000,
		TCPFlags: 0x12, MinTTL: 50, MaxTTL: 62,
		Delay: flow.Delay{Packets: 3, Sum: 35, Min: 5, Max: 20}, EndReason: EndForced,
	}}
	if diff := cmp.Diff(want, c.got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
}

func TestSampledPoliciesCountBoth(t *testing.T) {
	var c collector
	m := New(c.take)
	p := metering(1)
	p.Sampled = true
	m.Configure([]Policy{p, metering(2)})
	canonical := record("10.0.0.1", 1, 100, ref(1, 1), ref(2, 1))
	sampled := record("10.0.0.1", 1, 9, ref(1, 1))
	sampled.Sampled = true
	m.Observe(&canonical, 0)
	m.Observe(&sampled, 0)
	for id, want := range map[uint32]Totals{
		1: {PacketsObserved: 100, OctetsObserved: 10000, PacketsSelected: 9, OctetsSelected: 900, Flows: 1},
		2: {PacketsObserved: 100, OctetsObserved: 10000, PacketsSelected: 100, OctetsSelected: 10000, Flows: 1},
	} {
		if got, _ := m.Totals(id); got != want {
			t.Errorf("policy %d: %+v, want %+v", id, got, want)
		}
	}
}

func TestGenerationsDoNotMix(t *testing.T) {
	var c collector
	m := New(c.take)
	p := metering(1)
	m.Configure([]Policy{p})
	old := record("10.0.0.1", 1, 5, ref(1, 1))
	m.Observe(&old, 0)
	p.Generation, p.Sampled = 2, true
	m.Configure([]Policy{p})
	// What the kernel counted before the change is drained after it.
	m.Observe(&old, 1)
	sampled := record("10.0.0.1", 1, 3, ref(1, 2))
	sampled.Sampled = true
	m.Observe(&sampled, 1)
	m.Flush()
	got := map[uint32]uint64{}
	for _, r := range c.got {
		got[r.Policy.Generation] += r.Packets
	}
	if diff := cmp.Diff(map[uint32]uint64{1: 10, 2: 3}, got); diff != "" {
		t.Error(diff)
	}
}

func TestRemovedPolicyKeepsItsLastRecords(t *testing.T) {
	var c collector
	m := New(c.take)
	m.Configure([]Policy{metering(1)})
	r := record("10.0.0.1", 1, 5, ref(1, 1))
	m.Observe(&r, 0)
	m.Configure(nil)
	m.Drained(0)
	m.Drained(0)
	m.Observe(&r, 0)
	m.Drained(0)
	if c.packets() != 10 || m.Unknown() != 0 {
		t.Errorf("%d packets in records, %d unknown", c.packets(), m.Unknown())
	}
	m.Observe(&r, 0)
	if m.Unknown() != 5 {
		t.Errorf("%d packets unknown after the last drain, want 5", m.Unknown())
	}
}

func TestSilentPointsDoNotCountTwice(t *testing.T) {
	m := New(func(*Record) {})
	p := metering(1)
	p.Silent = []plan.PointID{{Ifindex: 4, Direction: flow.Egress}}
	m.Configure([]Policy{p})
	in := record("10.0.0.1", 1, 5, ref(1, 1))
	out := in
	out.Ifindex, out.Direction = 4, flow.Egress
	m.Observe(&in, 0)
	m.Observe(&out, 0)
	if got, _ := m.Totals(1); got.PacketsObserved != 5 {
		t.Errorf("observed %d packets, want 5", got.PacketsObserved)
	}
}

func TestOwnPacketsCountWhenAsked(t *testing.T) {
	m := New(func(*Record) {})
	p, own := metering(1), metering(2)
	own.LocalOriginated = true
	m.Configure([]Policy{p, own})
	r := record("10.0.0.1", 1, 5, ref(1, 1), ref(2, 1))
	r.Direction, r.IngressIfindex, r.EgressIfindex = flow.Egress, 0, 3
	m.Observe(&r, 0)
	r.IngressIfindex = 4
	m.Observe(&r, 0)
	for id, want := range map[uint32]uint64{1: 5, 2: 10} {
		if got, _ := m.Totals(id); got.PacketsObserved != want {
			t.Errorf("policy %d observed %d packets, want %d", id, got.PacketsObserved, want)
		}
	}
}

// Of a packet in a tunnel there are two records, and a rule looks at one.
func TestRuleHitsByLayer(t *testing.T) {
	any := plan.Rule{Sequence: 1, Protocol: -1, DSCP: -1, FlowLabel: -1, SourcePort: plan.AnyPort, DestinationPort: plan.AnyPort}
	outer, inner := metering(1), metering(2)
	outer.Rules, inner.Rules, inner.Inner = []plan.Rule{any}, []plan.Rule{any}, true
	m := New(func(*Record) {})
	m.Configure([]Policy{outer, inner})
	for layer, packets := range map[flow.Layer]uint64{flow.LayerOnly: 1, flow.LayerOuter: 10, flow.LayerInner: 100} {
		r := record("10.0.0.1", 1, packets)
		r.Layer = layer
		m.Observe(&r, 0)
	}
	for id, want := range map[uint32]uint64{1: 11, 2: 101} {
		if diff := cmp.Diff([]Hits{{1, want}}, m.Hits(id)); diff != "" {
			t.Errorf("policy %d: %s", id, diff)
		}
	}
}

// What is beyond the IP header divides flows where a policy asks for it, and
// comes out as it went in.
func TestKeysBeyondTheIPHeader(t *testing.T) {
	segment := netip.MustParseAddr("2001:db8::5")
	variants := []flow.Key{
		{VLAN: 5}, {CustomerVLAN: 5}, {Overlay: flow.OverlayVXLAN}, {Overlay: flow.OverlayNVGRE, VNI: 5},
		{Labelled: true}, {Labelled: true, MPLS: 5}, {ActiveSegment: segment},
	}
	for _, tt := range []struct {
		keys Keys
		want []flow.Key
	}{
		{0, []flow.Key{{}}},
		{VLANID, []flow.Key{{VLAN: 5}, {}}},
		{Dot1qCustomerVLANID, []flow.Key{{}, {CustomerVLAN: 5}}},
		{Layer2SegmentID, []flow.Key{{}, {Overlay: flow.OverlayVXLAN}, {Overlay: flow.OverlayNVGRE, VNI: 5}}},
		{MPLSTopLabelStackSection, []flow.Key{{}, {Labelled: true}, {Labelled: true, MPLS: 5}}},
		{SRHActiveSegmentIPv6, []flow.Key{{}, {ActiveSegment: segment}}},
	} {
		var c collector
		m := New(c.take)
		p := metering(1)
		p.Keys = tt.keys
		m.Configure([]Policy{p})
		for _, v := range variants {
			r := record("10.0.0.1", 1, 1, ref(1, 1))
			v.ID = r.Key.ID
			r.Key = v
			m.Observe(&r, 0)
		}
		m.Flush()
		var got []flow.Key
		for _, r := range c.got {
			r.Key.ID = flow.ID{}
			got = append(got, r.Key)
		}
		if diff := cmp.Diff(tt.want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" || c.packets() != 7 {
			t.Errorf("keys %#x, %d packets: %s", tt.keys, c.packets(), diff)
		}
	}
}

func TestRuleHits(t *testing.T) {
	wildcard := plan.Rule{Protocol: -1, DSCP: -1, FlowLabel: -1, SourcePort: plan.AnyPort, DestinationPort: plan.AnyPort}
	deny, ports, rest := wildcard, wildcard, wildcard
	deny.Sequence, deny.Deny, deny.Source = 10, true, netip.MustParsePrefix("10.1.0.0/16")
	ports.Sequence, ports.SourcePort = 20, plan.PortRange{Min: 5, Max: 9}
	rest.Sequence, rest.Family = 30, 6
	p := metering(1)
	p.Rules = []plan.Rule{deny, ports, rest}
	m := New(func(*Record) {})
	m.Configure([]Policy{p})
	for _, r := range []flow.Record{
		record("10.1.2.3", 5, 1), record("10.2.2.3", 5, 10, ref(1, 1)),
		record("fd00::1", 9, 100, ref(1, 1)), record("fd00::1", 10, 1000, ref(1, 1)), record("10.2.2.3", 10, 10000),
	} {
		m.Observe(&r, 0)
	}
	if diff := cmp.Diff([]Hits{{10, 1}, {20, 110}, {30, 1000}}, m.Hits(1)); diff != "" {
		t.Error(diff)
	}
	p.Rules = p.Rules[1:]
	m.Configure([]Policy{p})
	if diff := cmp.Diff([]Hits{{20, 110}, {30, 1000}}, m.Hits(1)); diff != "" {
		t.Errorf("after a rule went: %s", diff)
	}
}

func TestSteadyStateAllocatesNothing(t *testing.T) {
	m := New(func(*Record) {})
	m.Configure([]Policy{metering(1), metering(2)})
	r := record("10.0.0.1", 1, 1, ref(1, 1), ref(2, 1))
	now := time.Duration(0)
	if n := testing.AllocsPerRun(1000, func() {
		now += second
		m.Observe(&r, now)
		m.Drained(now)
	}); n != 0 {
		t.Errorf("%v allocations for a record", n)
	}
}

func BenchmarkObserve(b *testing.B) {
	m := New(func(*Record) {})
	p := metering(1)
	p.MaxFlows = 1 << 16
	m.Configure([]Policy{p})
	records := make([]flow.Record, 1<<14)
	for i := range records {
		records[i] = record("10.0.0.1", uint16(i), 1, ref(1, 1))
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		m.Observe(&records[i%len(records)], 0)
	}
}
