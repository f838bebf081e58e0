//go:build linux

package source_test

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/dataplane/probe/probetest"
	"github.com/openifit/openifit/dataplane/source"
	"github.com/openifit/openifit/lab/packet"
)

// coarse is a policy that reads less than the 5-tuple.
func coarse(id uint32, change func(*plan.Policy)) plan.Policy {
	p := probetest.Metering(id, 1)
	p.Keys = 0
	change(&p)
	return p
}

// Flows that no policy tells apart share one record, and the record holds of
// their addresses what some policy or rule reads.
func TestCoarseKeys(t *testing.T) {
	any := plan.Rule{Sequence: 1, Protocol: -1, DSCP: -1, FlowLabel: -1, SourcePort: plan.AnyPort, DestinationPort: plan.AnyPort}
	within := func(prefix string) []plan.Rule {
		r := any
		r.Source = netip.MustParsePrefix(prefix)
		return []plan.Rule{r}
	}
	v4 := func(a string) flow.Key {
		return flow.Key{ID: flow.ID{Source: netip.MustParseAddr(a), Destination: netip.IPv4Unspecified()}}
	}
	v6 := func(a string) flow.Key {
		return flow.Key{ID: flow.ID{Source: netip.MustParseAddr(a), Destination: netip.IPv6Unspecified()}}
	}
	s := newStand(t)
	for _, c := range []struct {
		name     string
		policies []plan.Policy
		want     map[flow.Key]uint64
	}{
		{"no key", []plan.Policy{coarse(1, func(*plan.Policy) {})}, map[flow.Key]uint64{
			v4("0.0.0.0"): 4, v6("::"): 3,
		}},
		{"prefixes", []plan.Policy{coarse(1, func(p *plan.Policy) { p.SourceBits = plan.AddressBits{IPv4: 20, IPv6: 33} })},
			map[flow.Key]uint64{
				v4("10.0.0.0"): 2, v4("10.0.16.0"): 1, v4("11.0.0.0"): 1, v6("2001:db8::"): 2, v6("2001:db8:8000::"): 1,
			}},
		{"one family", []plan.Policy{coarse(1, func(p *plan.Policy) { p.SourceBits = plan.AddressBits{IPv4: 8} })},
			map[flow.Key]uint64{v4("10.0.0.0"): 3, v4("11.0.0.0"): 1, v6("::"): 3}},
		{"longer by another policy", []plan.Policy{
			coarse(1, func(p *plan.Policy) { p.SourceBits = plan.AddressBits{IPv4: 8} }),
			coarse(2, func(p *plan.Policy) { p.SourceBits = plan.AddressBits{IPv4: 20} }),
		}, map[flow.Key]uint64{v4("10.0.0.0"): 2, v4("10.0.16.0"): 1, v4("11.0.0.0"): 1, v6("::"): 3}},
		{"longer by a rule", []plan.Policy{
			coarse(1, func(p *plan.Policy) { p.Rules = within("10.0.0.0/12") }),
		}, map[flow.Key]uint64{v4("10.0.0.0"): 3, v4("11.0.0.0"): 1, v6("::"): 3}},
		{"whole addresses", []plan.Policy{
			coarse(1, func(p *plan.Policy) { p.SourceBits = plan.WholeAddress }),
		}, map[flow.Key]uint64{
			v4("10.0.0.1"): 1, v4("10.0.15.2"): 1, v4("10.0.16.1"): 1, v4("11.0.0.1"): 1,
			v6("2001:db8::1"): 1, v6("2001:db8:7fff::1"): 1, v6("2001:db8:8000::1"): 1,
		}},
	} {
		s.apply(t, c.policies...)
		for i, source := range []string{"10.0.0.1", "10.0.15.2", "10.0.16.1", "11.0.0.1", "2001:db8::1", "2001:db8:7fff::1", "2001:db8:8000::1"} {
			p := packet.Spec{Source: netip.AddrPortFrom(netip.MustParseAddr(source), uint16(1000+i)), Destination: dst4, Protocol: packet.UDP}
			if !p.IPv4() {
				p.Destination = dst6
			}
			s.run.Run(t, p.Frame(), probetest.Arrival{})
		}
		got := make(map[flow.Key]uint64)
		for _, r := range s.drain(t) {
			got[r.Key] += r.Packets
		}
		if diff := cmp.Diff(c.want, got, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
}

// At egress, packets that came by different interfaces are different flows
// where a policy asks for that, and only there.
func TestInterfaceOfArrivalAsKey(t *testing.T) {
	pair := probetest.NewPair(t)
	s := &stand{pair: pair, engine: pair.Engine(t), point: pair.Quiet(t)}
	s.point.ID.Direction = flow.Egress
	var err error
	if s.records, err = source.NewRecords(s.engine); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		keys plan.KeyField
		want int
	}{{0, 1}, {plan.KeyIngressInterface, 3}} {
		s.apply(t, coarse(1, func(p *plan.Policy) { p.Keys = c.keys }))
		for _, ingress := range []uint32{0, 1, pair.Ifindex, 1} {
			s.run.Run(t, v4(packet.UDP).Frame(), probetest.Arrival{Ingress: ingress})
		}
		got := s.drain(t)
		if len(got) != c.want {
			t.Errorf("keys %b: %d records, want %d", c.keys, len(got), c.want)
		}
		if c.want == 1 {
			continue
		}
		for _, r := range got {
			want := uint64(1)
			if r.IngressIfindex == 1 {
				want = 2
			}
			if r.Packets != want {
				t.Errorf("%d packets from interface %d, want %d", r.Packets, r.IngressIfindex, want)
			}
		}
	}
}

// Who opened a connection is told where a policy asks for it, and is no
// control bit.
func TestWhoOpened(t *testing.T) {
	const syn, ack = 0x02, 0x10
	s := newStand(t)
	for _, pairs := range []bool{false, true} {
		p := probetest.Metering(1, 1)
		p.Biflow = pairs
		s.apply(t, p)
		for port, flags := range map[uint16][]uint8{1: {syn, ack}, 2: {syn | ack, ack}, 3: {ack}} {
			for _, f := range flags {
				spec := with(v4(packet.TCP), func(s *packet.Spec) {
					s.Source, s.TCPFlags = netip.AddrPortFrom(s.Source.Addr(), port), f
				})
				s.run.Run(t, spec.Frame(), probetest.Arrival{})
			}
		}
		for _, r := range s.drain(t) {
			if want := pairs && r.Key.SourcePort == 1; r.Opens != want || r.TCPFlags&^(syn|ack) != 0 {
				t.Errorf("pairs %v, port %d: opens %v with flags %#x", pairs, r.Key.SourcePort, r.Opens, r.TCPFlags)
			}
		}
	}
}
