//go:build linux

package source_test

import (
	"testing"

	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/dataplane/probe/probetest"
	"github.com/openifit/openifit/lab/packet"
)

const (
	fin, syn, psh, ack, cwr = 0x01, 0x02, 0x08, 0x10, 0x80
)

func TestPropertyMatch(t *testing.T) {
	tcp := func(flags uint8, change func(*packet.Spec)) packet.Spec {
		s := v4(packet.TCP)
		s.TCPFlags = flags
		if change != nil {
			change(&s)
		}
		return s
	}
	six := func(flags uint8) packet.Spec {
		return with(v6(packet.TCP), func(s *packet.Spec) { s.TCPFlags = flags })
	}
	later := with(v4(packet.TCP), func(s *packet.Spec) { s.Fragment = 100 })
	first := tcp(syn, func(s *packet.Spec) { s.Fragment = 0x2000 })
	super := tcp(fin|psh|ack|cwr, func(s *packet.Spec) { s.Payload = make([]byte, 950) })
	one := probetest.Arrival{}
	ten := probetest.Arrival{Segments: 10, SegmentSize: 100}

	s := newStand(t, selecting(1, 1, plan.Selection{Algorithm: plan.SelectProperty, Match: plan.AnyProperties()}))
	for i, c := range []struct {
		name    string
		ask     func(*plan.Properties)
		packet  packet.Spec
		arrival probetest.Arrival
		want    uint64
	}{
		{"flags of UDP", func(m *plan.Properties) { m.TCPClear = syn }, v4(packet.UDP), one, 0},
		{"flags of a later fragment", func(m *plan.Properties) { m.TCPClear = syn }, later, one, 0},
		{"one of two flags", func(m *plan.Properties) { m.TCPSet = syn | ack }, tcp(syn, nil), one, 0},
		{"a flag too many", func(m *plan.Properties) { m.TCPSet, m.TCPClear = syn, ack }, tcp(syn|ack, nil), one, 0},
		{"too short", func(m *plan.Properties) { m.MinLength = 48 }, tcp(0, nil), one, 0},
		{"too long", func(m *plan.Properties) { m.MaxLength = 46 }, tcp(0, nil), one, 0},
		{"TTL too low", func(m *plan.Properties) { m.MinTTL = 61 }, tcp(0, nil), one, 0},
		{"TTL too high", func(m *plan.Properties) { m.MaxTTL = 59 }, six(0), one, 0},
		{"no fragment", func(m *plan.Properties) { m.Fragments = plan.FragmentsOnly }, tcp(0, nil), one, 0},
		{"a fragment", func(m *plan.Properties) { m.Fragments = plan.Unfragmented }, first, one, 0},
		{"another ECN", func(m *plan.Properties) { m.ECN = 1 << 3 }, tcp(0, func(s *packet.Spec) { s.ECN = 2 }), one, 0},
		{"another ECN of IPv6", func(m *plan.Properties) { m.ECN = 1 << 3 }, with(v6(packet.UDP), func(s *packet.Spec) { s.ECN = 1 }), one, 0},

		{"anything", func(*plan.Properties) {}, v6(packet.ICMPv6), one, 1},
		{"both flags", func(m *plan.Properties) { m.TCPSet = syn | ack }, tcp(syn|ack|psh, nil), one, 1},
		{"flags of IPv6", func(m *plan.Properties) { m.TCPSet, m.TCPClear = syn, ack }, six(syn), one, 1},
		{"flags of a first fragment", func(m *plan.Properties) { m.TCPSet = syn }, first, one, 1},
		{"exact length", func(m *plan.Properties) { m.MinLength, m.MaxLength = 47, 47 }, tcp(0, nil), one, 1},
		{"exact TTL", func(m *plan.Properties) { m.MinTTL, m.MaxTTL = 60, 60 }, tcp(0, nil), one, 1},
		{"fragments", func(m *plan.Properties) { m.Fragments = plan.FragmentsOnly }, later, one, 1},
		{"unfragmented", func(m *plan.Properties) { m.Fragments = plan.Unfragmented }, six(0), one, 1},
		{"congestion", func(m *plan.Properties) { m.ECN = 1 << 3 }, tcp(0, func(s *packet.Spec) { s.ECN = 3 }), one, 1},
		{"congestion in IPv6", func(m *plan.Properties) { m.ECN = 1 << 3 }, with(v6(packet.UDP), func(s *packet.Spec) { s.ECN = 3 }), one, 1},

		{"all segments", func(m *plan.Properties) { m.TCPSet = ack }, super, ten, 10},
		{"the last segment", func(m *plan.Properties) { m.TCPSet = fin }, super, ten, 1},
		{"the first segment", func(m *plan.Properties) { m.TCPSet = cwr }, super, ten, 1},
		{"all but the last", func(m *plan.Properties) { m.TCPClear = psh }, super, ten, 9},
		{"full segments", func(m *plan.Properties) { m.MinLength = 140 }, super, ten, 9},
		{"the short segment", func(m *plan.Properties) { m.MaxLength = 139 }, super, ten, 1},
		{"segments between", func(m *plan.Properties) { m.TCPClear = cwr | fin }, super, ten, 8},
		{"no segment is so long", func(m *plan.Properties) { m.MinLength = 141 }, super, ten, 0},
	} {
		m := plan.AnyProperties()
		c.ask(&m)
		s.apply(t, selecting(1, uint32(i+2), plan.Selection{Algorithm: plan.SelectProperty, Match: m}))
		before := s.policyCounters(t, 1)
		s.run.Run(t, c.packet.Frame(), c.arrival)
		after := s.policyCounters(t, 1)
		if got := after.Selected - before.Selected; got != c.want || after.Observed-before.Observed != uint64(max(c.arrival.Segments, 1)) {
			t.Errorf("%s: %d selected, want %d; counted %+v", c.name, got, c.want, after)
		}
	}
}
