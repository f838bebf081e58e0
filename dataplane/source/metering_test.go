//go:build linux

package source_test

import (
	"bytes"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/dataplane/probe"
	"github.com/openifit/openifit/dataplane/probe/probetest"
	"github.com/openifit/openifit/dataplane/source"
	"github.com/openifit/openifit/lab/packet"
)

// stand is a point that sees only what a test hands it.
type stand struct {
	pair    *probetest.Pair
	engine  *probe.Engine
	records *source.Records
	point   plan.Point
	run     *probetest.Runner
}

func newStand(t *testing.T, policies ...plan.Policy) *stand {
	t.Helper()
	pair := probetest.NewPair(t)
	s := &stand{pair: pair, engine: pair.Engine(t), point: pair.Quiet(t)}
	var err error
	if s.records, err = source.NewRecords(s.engine); err != nil {
		t.Fatal(err)
	}
	s.apply(t, policies...)
	return s
}

func (s *stand) apply(t *testing.T, policies ...plan.Policy) {
	t.Helper()
	s.point.Policies = policies
	s.pair.Apply(t, s.engine, plan.Plan{MaxFlows: 1024, Points: []plan.Point{s.point}})
	s.run = s.pair.Runner(t, s.engine, s.point.ID)
}

func (s *stand) drain(t *testing.T) []flow.Record {
	t.Helper()
	var out []flow.Record
	err := s.pair.Do(func() error {
		return s.records.Drain(func(r *flow.Record) { out = append(out, *r) })
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := s.records.Orphans(); n != 0 {
		t.Fatalf("%d packets in records of no policy", n)
	}
	return out
}

func (s *stand) counters(t *testing.T) probe.PointCounters {
	t.Helper()
	all, err := s.engine.PointCounters()
	if err != nil || len(all) != 1 {
		t.Fatalf("counters of %d points, %v", len(all), err)
	}
	return all[0]
}

// wide is a policy that reads every field.
func wide() plan.Policy {
	p := probetest.Metering(7, 1)
	p.Keys |= plan.KeyDSCP | plan.KeyFlowLabel | plan.KeyVLAN
	return p
}

var (
	src4, dst4 = netip.MustParseAddrPort("192.0.2.1:1000"), netip.MustParseAddrPort("198.51.100.2:2000")
	src6, dst6 = netip.MustParseAddrPort("[2001:db8::1]:1000"), netip.MustParseAddrPort("[2001:db8:1::2]:2000")
)

func v4(protocol uint8) packet.Spec {
	return packet.Spec{Source: src4, Destination: dst4, Protocol: protocol, HopLimit: 60, Payload: []byte("payload")}
}

func v6(protocol uint8) packet.Spec {
	return packet.Spec{Source: src6, Destination: dst6, Protocol: protocol, HopLimit: 60, Payload: []byte("payload")}
}

// key is the flow of packets between the two hosts.
func key(family int, protocol uint8, sport, dport uint16) flow.Key {
	k := flow.Key{ID: flow.ID{Source: src4.Addr(), Destination: dst4.Addr(), SourcePort: sport, DestinationPort: dport, Protocol: protocol}}
	if family == 6 {
		k.Source, k.Destination = src6.Addr(), dst6.Addr()
	}
	return k
}

// extensions is a chain of IPv6 extension headers of eight octets each; last
// is the protocol behind them.
func extensions(last uint8, types ...uint8) (first uint8, chain []byte) {
	for i := range types {
		next := last
		if i+1 < len(types) {
			next = types[i+1]
		}
		switch types[i] {
		case 44: // fragment, more to come
			chain = append(chain, next, 0, 0, 1, 0, 0, 0, 9)
		case 51: // AH counts words of four octets, less two
			chain = append(chain, next, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2)
		default: // PadN
			chain = append(chain, next, 0, 1, 4, 0, 0, 0, 0)
		}
	}
	return types[0], chain
}

func extended(s packet.Spec, types ...uint8) packet.Spec {
	s.FirstExtension, s.Extensions = extensions(s.Protocol, types...)
	return s
}

func with[T any](v T, change func(*T)) T {
	change(&v)
	return v
}

func TestPacketsBecomeRecords(t *testing.T) {
	tcp4, tcp6 := v4(packet.TCP), v6(packet.TCP)
	tcp4.TCPFlags, tcp6.TCPFlags = 0x12, 0x18
	icmp4, icmp6 := v4(packet.ICMP), v6(packet.ICMPv6)
	icmp4.Payload, icmp6.Payload = []byte{8, 3, 0, 0, 0, 1, 0, 2}, []byte{128, 1, 0, 0, 0, 1, 0, 2}
	sctp, dccp := v4(132), v6(33)
	sctp.Payload = []byte{0x03, 0xe8, 0x07, 0xd0, 0, 0, 0, 1, 0, 0, 0, 0}
	dccp.Payload = sctp.Payload
	later6 := extended(v6(packet.UDP), 44)
	later6.Extensions[3] |= 8 // offset 1
	padded := v4(packet.UDP).Frame()[:14+20]
	padded[17] = 20 // the IP packet ends here, the rest is padding
	padded = append(padded, 0x03, 0xe8, 0x07, 0xd0, 0, 8, 0, 0)
	jumbo := v6(packet.UDP).Frame()
	jumbo[18], jumbo[19] = 0, 0 // BIG TCP
	jumbogram := extended(v6(packet.UDP), 0).Frame()
	jumbogram[18], jumbogram[19] = 0, 0
	doubled := with(v4(packet.UDP), func(s *packet.Spec) { s.VLAN = 7 }).Frame()
	doubled = slices.Concat(doubled[:12], []byte{0x88, 0xa8, 0x20, 9}, doubled[12:])

	tests := []struct {
		name   string
		frame  []byte
		key    flow.Key
		octets uint64
		flags  uint16
		// segmentSize makes a super-packet of one segment.
		segmentSize uint32
		// truncated tells that the packet counts as such.
		truncated bool
	}{
		{name: "TCP cut off within its header", frame: slices.Clip(tcp4.Frame())[:14+20+19], key: key(4, 6, 0, 0), octets: 47, truncated: true},
		{name: "UDP longer than the packet says", frame: padded, key: key(4, 17, 0, 0), octets: 20, truncated: true},
		{name: "payload length 0, the rest is padding", frame: jumbo, key: key(6, 17, 0, 0), octets: 40, truncated: true},
		{name: "eight extension headers", frame: extended(v6(packet.UDP), 0, 60, 60, 60, 60, 60, 60, 60).Frame(), key: key(6, 17, 0, 0), octets: 55 + 64, truncated: true},
		{name: "extension header cut off", frame: extended(v6(packet.UDP), 0).Frame()[:14+40+7], key: key(6, 0, 0, 0), octets: 63, truncated: true},
		{name: "later fragment, IPv4", frame: with(v4(packet.UDP), func(s *packet.Spec) { s.Fragment = 5 }).Frame(), key: key(4, 17, 0, 0), octets: 35},
		{name: "later fragment, IPv6", frame: later6.Frame(), key: key(6, 17, 0, 0), octets: 63},
		{name: "UDP, IPv4", frame: v4(packet.UDP).Frame(), key: key(4, 17, 1000, 2000), octets: 35},
		{name: "UDP, IPv6", frame: v6(packet.UDP).Frame(), key: key(6, 17, 1000, 2000), octets: 55},
		{name: "TCP, IPv4", frame: tcp4.Frame(), key: key(4, 6, 1000, 2000), octets: 47, flags: 0x12},
		{name: "TCP, IPv6", frame: tcp6.Frame(), key: key(6, 6, 1000, 2000), octets: 67, flags: 0x18},
		{name: "SCTP", frame: sctp.Frame(), key: key(4, 132, 1000, 2000), octets: 32},
		{name: "DCCP", frame: dccp.Frame(), key: key(6, 33, 1000, 2000), octets: 52},
		{name: "ICMP", frame: icmp4.Frame(), key: key(4, 1, 0, 8*256+3), octets: 28},
		{name: "ICMPv6", frame: icmp6.Frame(), key: key(6, 58, 0, 128*256+1), octets: 48},
		{name: "GRE", frame: v4(47).Frame(), key: key(4, 47, 0, 0), octets: 27},
		{name: "ESP", frame: v6(50).Frame(), key: key(6, 50, 0, 0), octets: 47},
		{name: "no next header", frame: v6(59).Frame(), key: key(6, 59, 0, 0), octets: 47},
		{name: "DSCP", frame: with(v4(packet.UDP), func(s *packet.Spec) { s.DSCP, s.ECN = 46, 3 }).Frame(),
			key: with(key(4, 17, 1000, 2000), func(k *flow.Key) { k.DSCP = 46 }), octets: 35},
		{name: "DSCP and flow label", frame: with(v6(packet.UDP), func(s *packet.Spec) { s.DSCP, s.ECN, s.FlowLabel = 46, 1, 0xfedcb }).Frame(),
			key: with(key(6, 17, 1000, 2000), func(k *flow.Key) { k.DSCP, k.FlowLabel = 46, 0xfedcb }), octets: 55},
		{name: "VLAN", frame: with(v4(packet.UDP), func(s *packet.Spec) { s.VLAN = 4095 }).Frame(),
			key: with(key(4, 17, 1000, 2000), func(k *flow.Key) { k.VLAN = 4095 }), octets: 35},
		{name: "two tags", frame: doubled, key: with(key(4, 17, 1000, 2000), func(k *flow.Key) { k.VLAN = 9 }), octets: 35},
		{name: "everything", frame: with(v6(packet.UDP), func(s *packet.Spec) { s.DSCP, s.FlowLabel, s.VLAN = 63, 0xfffff, 4094 }).Frame(),
			key: with(key(6, 17, 1000, 2000), func(k *flow.Key) { k.DSCP, k.FlowLabel, k.VLAN = 63, 0xfffff, 4094 }), octets: 55},
		{name: "IPv4 options", frame: with(v4(packet.UDP), func(s *packet.Spec) { s.Options = []byte{1, 1, 1, 1, 1, 1, 1, 0} }).Frame(),
			key: key(4, 17, 1000, 2000), octets: 43},
		{name: "first fragment, IPv4", frame: with(v4(packet.UDP), func(s *packet.Spec) { s.Fragment = 0x2000 }).Frame(),
			key: key(4, 17, 1000, 2000), octets: 35},
		{name: "hop-by-hop", frame: extended(v6(packet.UDP), 0).Frame(), key: key(6, 17, 1000, 2000), octets: 63},
		{name: "routing, destination, first fragment", frame: extended(v6(packet.UDP), 43, 60, 44).Frame(), key: key(6, 17, 1000, 2000), octets: 79},
		{name: "AH", frame: extended(v6(packet.UDP), 51).Frame(), key: key(6, 17, 1000, 2000), octets: 67},
		{name: "seven extension headers", frame: extended(v6(packet.UDP), 0, 60, 60, 60, 60, 60, 60).Frame(), key: key(6, 17, 1000, 2000), octets: 55 + 56},
		{name: "payload length 0, BIG TCP", frame: jumbo, segmentSize: 1000, key: key(6, 17, 1000, 2000), octets: 55},
		{name: "payload length 0, jumbogram", frame: jumbogram, key: key(6, 17, 1000, 2000), octets: 63},
	}
	s := newStand(t, wide())
	for _, tt := range tests {
		before := s.counters(t)
		out := s.run.Run(t, tt.frame, probetest.Arrival{SegmentSize: tt.segmentSize})
		if out.Verdict != probetest.Next || !bytes.Equal(out.Frame, tt.frame) {
			t.Errorf("%s: verdict %d, %x became %x", tt.name, out.Verdict, tt.frame, out.Frame)
		}
		got := s.drain(t)
		if len(got) != 1 {
			t.Errorf("%s: %d records: %+v", tt.name, len(got), got)
			continue
		}
		if got[0].First == 0 || got[0].First != got[0].Last {
			t.Errorf("%s: from %d to %d", tt.name, got[0].First, got[0].Last)
		}
		want := flow.Record{
			Key: tt.key, Ifindex: s.point.ID.Ifindex, IngressIfindex: s.point.ID.Ifindex, Policies: []flow.PolicyRef{{ID: 7, Generation: 1}},
			Packets: 1, Octets: tt.octets, TCPFlags: tt.flags, MinTTL: 60, MaxTTL: 60,
			First: got[0].First, Last: got[0].Last,
		}
		if diff := cmp.Diff(want, got[0], cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
		after := s.counters(t)
		if after.Packets != before.Packets+1 || after.Octets != before.Octets+tt.octets || (after.Truncated != before.Truncated) != tt.truncated {
			t.Errorf("%s: counters went from %+v to %+v", tt.name, before, after)
		}
	}
}

// Wherever a packet is cut off, it passes unchanged and is counted once.
func TestPacketsCutOffAnywhere(t *testing.T) {
	s := newStand(t, wide())
	tcp := with(v4(packet.TCP), func(s *packet.Spec) { s.VLAN, s.Options = 7, []byte{1, 1, 1, 1} })
	chain := with(extended(v6(packet.TCP), 0, 43, 51, 44, 60), func(s *packet.Spec) { s.VLAN = 7 })
	for _, frame := range [][]byte{tcp.Frame(), chain.Frame(), with(v6(packet.ICMPv6), func(s *packet.Spec) { s.VLAN = 7 }).Frame()} {
		before := s.counters(t)
		for n := 14; n <= len(frame); n++ {
			cut := slices.Clone(frame[:n])
			out := s.run.Run(t, cut, probetest.Arrival{})
			if out.Verdict != probetest.Next || !bytes.Equal(out.Frame, cut) {
				t.Fatalf("%d octets: verdict %d, %x became %x", n, out.Verdict, cut, out.Frame)
			}
		}
		var recorded uint64
		for _, r := range s.drain(t) {
			recorded += r.Packets
		}
		after := s.counters(t)
		sent := uint64(len(frame) - 14 + 1)
		lost := after.NotIP - before.NotIP + after.Malformed - before.Malformed
		if after.Packets-before.Packets != sent || recorded+lost != sent {
			t.Errorf("%d ways to cut %x: %d packets in records, counters went from %+v to %+v", sent, frame, recorded, before, after)
		}
	}
}

func TestPacketsThatAreNotIP(t *testing.T) {
	s := newStand(t, wide())
	frame := with(v4(packet.UDP), func(s *packet.Spec) { s.VLAN = 7 }).Frame()
	tripled := slices.Concat(frame[:12], []byte{0x81, 0, 0, 1, 0x81, 0, 0, 2}, frame[12:])
	arp := append(make([]byte, 12), 0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 1)
	for _, frame := range [][]byte{tripled, append(arp, make([]byte, 40)...)} {
		s.run.Run(t, frame, probetest.Arrival{})
	}
	if c := s.counters(t); c.Packets != 2 || c.NotIP != 2 || c.Malformed != 0 || c.Octets != 0 {
		t.Errorf("counted %+v", c)
	}
	if got := s.drain(t); len(got) != 0 {
		t.Errorf("records %+v", got)
	}
}

// A super-packet counts as the packets that leave it.
func TestSuperPackets(t *testing.T) {
	s := newStand(t, wide())
	frame := with(v4(packet.TCP), func(s *packet.Spec) { s.Payload = make([]byte, 1400) }).Frame()
	s.run.Run(t, frame, probetest.Arrival{Segments: 14, SegmentSize: 100})
	got := s.drain(t)
	if len(got) != 1 || got[0].Packets != 14 || got[0].Octets != 1400+14*40 {
		t.Errorf("records %+v", got)
	}
	if c := s.counters(t); c.Packets != 14 || c.Octets != 1400+14*40 {
		t.Errorf("counted %+v", c)
	}
}

// Fields that no policy reads do not divide flows.
func TestKeyHoldsWhatPoliciesRead(t *testing.T) {
	s := newStand(t)
	several := func() []packet.Spec {
		return []packet.Spec{
			v6(packet.UDP),
			with(v6(packet.UDP), func(s *packet.Spec) { s.Source = netip.MustParseAddrPort("[2001:db8::9]:1000") }),
			with(v6(packet.UDP), func(s *packet.Spec) { s.Destination = netip.MustParseAddrPort("[2001:db8::9]:2000") }),
			with(v6(packet.UDP), func(s *packet.Spec) { s.Source = netip.AddrPortFrom(src6.Addr(), 9) }),
			with(v6(packet.UDP), func(s *packet.Spec) { s.Destination = netip.AddrPortFrom(dst6.Addr(), 9) }),
			with(v6(packet.TCP), func(s *packet.Spec) {}),
			with(v6(packet.UDP), func(s *packet.Spec) { s.DSCP = 9 }),
			with(v6(packet.UDP), func(s *packet.Spec) { s.FlowLabel = 9 }),
			with(v6(packet.UDP), func(s *packet.Spec) { s.VLAN = 9 }),
		}
	}
	for bit := range len(several()) - 1 {
		policy := probetest.Metering(1, 1)
		policy.Keys = 1 << bit
		s.apply(t, policy)
		for _, p := range several() {
			s.run.Run(t, p.Frame(), probetest.Arrival{})
		}
		// One packet differs in this field, all others are one flow.
		got := s.drain(t)
		if len(got) != 2 || got[0].Packets+got[1].Packets != 9 || min(got[0].Packets, got[1].Packets) != 1 {
			t.Errorf("key of field %#x: records %+v", 1<<bit, got)
		}
	}
}

func TestFullTableRefusesAndCounts(t *testing.T) {
	pair := probetest.NewPair(t)
	s := &stand{pair: pair, engine: pair.Engine(t), point: pair.Quiet(t, probetest.Metering(1, 1))}
	var err error
	if s.records, err = source.NewRecords(s.engine); err != nil {
		t.Fatal(err)
	}
	pair.Apply(t, s.engine, plan.Plan{MaxFlows: 100, Points: []plan.Point{s.point}})
	s.run = pair.Runner(t, s.engine, s.point.ID)
	for port := range uint16(150) {
		p := with(v4(packet.UDP), func(s *packet.Spec) { s.Source = netip.AddrPortFrom(src4.Addr(), port+1) })
		s.run.Repeat(t, p.Frame(), probetest.Arrival{}, 3)
	}
	var recorded uint64
	records := s.drain(t)
	for _, r := range records {
		recorded += r.Packets
	}
	c := s.counters(t)
	if c.Packets != 450 || recorded+c.Refused != 450 || len(records) < 100 || c.Refused == 0 {
		t.Errorf("%d records of %d packets, counters %+v", len(records), recorded, c)
	}
}
