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
	"github.com/openifit/openifit/dataplane/probe/probetest"
	"github.com/openifit/openifit/lab/packet"
)

// wideOuter and wideInner are policies that read every field, of the outermost
// and of the innermost header.
func wideOuter() plan.Policy {
	p := wide()
	p.Keys |= plan.KeyVNI | plan.KeyMPLS | plan.KeySegment | plan.KeyCustomerVLAN
	return p
}

func wideInner() plan.Policy {
	p := wideOuter()
	p.ID, p.Name, p.Inner = 8, "inner", true
	return p
}

// Hosts of tunnels: between whom the tunnels are.
var (
	near4, far4 = netip.MustParseAddrPort("203.0.113.1:50000"), netip.MustParseAddrPort("203.0.113.2:4789")
	near6, far6 = netip.MustParseAddrPort("[2001:db8:f::1]:50000"), netip.MustParseAddrPort("[2001:db8:f::2]:6081")
)

// tunnel is the outermost packet: IPv4 or IPv6, of a protocol, with a payload.
func tunnel(family int, protocol uint8, payload []byte) packet.Spec {
	s := packet.Spec{Source: near4, Destination: far4, Protocol: protocol, HopLimit: 99, DSCP: 8, Payload: payload}
	if family == 6 {
		s.Source, s.Destination = near6, far6
	}
	return s
}

// outerKey is the flow of the tunnel.
func outerKey(family int, protocol uint8) flow.Key {
	k := flow.Key{ID: flow.ID{Source: near4.Addr(), Destination: far4.Addr(), Protocol: protocol}, DSCP: 8}
	if family == 6 {
		k.Source, k.Destination = near6.Addr(), far6.Addr()
	}
	if protocol == packet.UDP {
		k.SourcePort, k.DestinationPort = 50000, 4789
		if family == 6 {
			k.DestinationPort = 6081
		}
	}
	return k
}

// tunnelTest is a packet and what is read of it.
type tunnelTest struct {
	name  string
	frame []byte
	// outer is the outermost header, inner the innermost one if there is
	// another. Fields beyond the IP header are filled in from beyond.
	outer  flow.Key
	inner  *flow.Key
	beyond flow.Key
	// outerOctets and innerOctets are the lengths of the IP packets.
	outerOctets, innerOctets uint64
	// unread tells that the inside of a tunnel was not read.
	unread bool
}

// tunnelled is the matrix of tunnels. Inside of each is a UDP packet of IPv4
// with 35 octets, or of IPv6 with 55.
func tunnelled() []tunnelTest {
	in4, in6 := v4(packet.UDP).Packet(), v6(packet.UDP).Packet()
	frame4, frame6 := v4(packet.UDP).Frame(), v6(packet.UDP).Frame()
	udp4, udp6 := key(4, 17, 1000, 2000), key(6, 17, 1000, 2000)
	ten, vsid := uint32(10), uint32(0x123456<<8|0x77)
	sid1, sid2 := netip.MustParseAddr("2001:db8:f::2"), netip.MustParseAddr("2001:db8:5::3")
	arp := packet.Ethernet(0x0806, make([]byte, 28))

	var out []tunnelTest
	add := func(name string, family int, protocol uint8, payload []byte, inner *flow.Key, beyond flow.Key) *tunnelTest {
		s := tunnel(family, protocol, payload)
		tt := tunnelTest{name: name, frame: s.Frame(), outer: outerKey(family, protocol), inner: inner, beyond: beyond}
		tt.outerOctets = uint64(len(s.Packet()))
		switch {
		case inner == nil:
		case inner.Source.Is4():
			tt.innerOctets = uint64(len(in4))
		default:
			tt.innerOctets = uint64(len(in6))
		}
		out = append(out, tt)
		return &out[len(out)-1]
	}
	vxlan := flow.Key{Overlay: flow.OverlayVXLAN, VNI: 0xfedcba}
	geneve := flow.Key{Overlay: flow.OverlayGENEVE, VNI: 7}
	nvgre := flow.Key{Overlay: flow.OverlayNVGRE, VNI: 0x123456}
	labelled := flow.Key{Labelled: true, MPLS: 16<<4 | 5<<1}

	// What is broken, not IP, or too deep comes first.
	add("VXLAN header cut off", 4, 17, packet.VXLAN(0xfedcba, frame4)[:7], nil, flow.Key{}).unread = true
	add("inner Ethernet header cut off", 4, 17, packet.VXLAN(0xfedcba, frame4)[:8+13], nil, vxlan).unread = true
	add("inner IP header cut off", 4, 17, packet.VXLAN(0xfedcba, frame4)[:8+14+19], nil, vxlan).unread = true
	add("VXLAN without VNI", 4, 17, append([]byte{0}, packet.VXLAN(0xfedcba, frame4)[1:]...), nil, flow.Key{})
	add("ARP in VXLAN", 4, 17, packet.VXLAN(0xfedcba, arp), nil, vxlan)
	add("GENEVE of version 1", 6, 17, append([]byte{0x40}, packet.GENEVE(7, packet.EtherTEB, nil, frame4)[1:]...), nil, flow.Key{})
	add("options of GENEVE cut off", 6, 17, packet.GENEVE(7, packet.EtherTEB, make([]byte, 8), nil)[:8+4], nil, geneve).unread = true
	add("GRE with routing", 4, 47, packet.GRE{Flags: 0x4000, Protocol: packet.EtherIPv4}.Wrap(in4), nil, flow.Key{})
	add("GRE of version 1", 4, 47, packet.GRE{Flags: 1, Protocol: packet.EtherIPv4}.Wrap(in4), nil, flow.Key{})
	add("GRE with PPP", 4, 47, packet.GRE{Protocol: 0x880b}.Wrap(in4), nil, flow.Key{})
	add("key of GRE cut off", 4, 47, packet.GRE{Protocol: packet.EtherTEB, Key: &vsid}.Wrap(nil)[:6], nil, flow.Key{}).unread = true
	add("protocol 4 with IPv6", 4, 4, in6, nil, flow.Key{}).unread = true
	add("protocol 41 with nothing", 6, 41, nil, nil, flow.Key{}).unread = true
	later := tunnel(4, 4, in4)
	later.Fragment = 5
	out = append(out, tunnelTest{name: "later fragment of a tunnel", frame: later.Frame(), outer: outerKey(4, 4), outerOctets: 55, unread: true})
	deep := in4
	for range 5 {
		s := v4(4)
		s.Payload = deep
		deep = s.Packet()
	}
	deepest := key(4, 4, 0, 0)
	tt := add("six headers of IPv4", 4, 4, deep, &deepest, flow.Key{})
	tt.innerOctets, tt.unread = uint64(len(in4)+2*20), true

	add("IPv4 in IPv4", 4, 4, in4, &udp4, flow.Key{})
	add("IPv6 in IPv4", 4, 41, in6, &udp6, flow.Key{})
	add("IPv4 in IPv6", 6, 4, in4, &udp4, flow.Key{})
	add("IPv6 in IPv6", 6, 41, in6, &udp6, flow.Key{})
	add("Ethernet in IPv6", 6, 143, frame4, &udp4, flow.Key{})
	add("tagged Ethernet in IPv4", 4, 143, packet.Tag(packet.EtherVLAN, 77, frame6), &udp6, flow.Key{})
	add("GRE with IPv4", 4, 47, packet.GRE{Protocol: packet.EtherIPv4}.Wrap(in4), &udp4, flow.Key{})
	add("GRE with IPv6", 6, 47, packet.GRE{Protocol: packet.EtherIPv6}.Wrap(in6), &udp6, flow.Key{})
	add("GRE with checksum, key and sequence number", 4, 47,
		packet.GRE{Protocol: packet.EtherIPv4, Checksum: &ten, Key: &vsid, Sequence: &ten}.Wrap(in4), &udp4, flow.Key{})
	add("GRE with Ethernet", 4, 47, packet.GRE{Protocol: packet.EtherTEB}.Wrap(frame6), &udp6, flow.Key{})
	add("NVGRE", 4, 47, packet.GRE{Protocol: packet.EtherTEB, Key: &vsid}.Wrap(frame4), &udp4, nvgre)
	add("GRE with labels", 4, 47, packet.GRE{Protocol: packet.EtherMPLS}.Wrap(packet.MPLS(5, in4, 16, 17)), &udp4, labelled)
	add("VXLAN", 4, 17, packet.VXLAN(0xfedcba, frame4), &udp4, vxlan)
	add("VXLAN with two tags inside", 4, 17,
		packet.VXLAN(0xfedcba, packet.Tag(packet.EtherSVLAN, 5, packet.Tag(packet.EtherVLAN, 6, frame6))), &udp6, vxlan)
	add("GENEVE with Ethernet", 6, 17, packet.GENEVE(7, packet.EtherTEB, nil, frame4), &udp4, geneve)
	add("GENEVE with options and IPv6", 6, 17, packet.GENEVE(7, packet.EtherIPv6, make([]byte, 12), in6), &udp6, geneve)
	four := in4
	for range 3 {
		s := v4(4)
		s.Payload = four
		four = s.Packet()
	}
	add("five headers of IPv4", 4, 4, four, &udp4, flow.Key{})
	vlans := tunnel(4, 17, packet.VXLAN(0xfedcba, packet.Ethernet(packet.EtherIPv4, tunnel(4, 47, packet.GRE{Protocol: packet.EtherTEB, Key: &vsid}.Wrap(frame6)).Packet())))
	out = append(out, tunnelTest{
		name: "NVGRE in VXLAN", frame: vlans.Frame(), outer: outerKey(4, 17), inner: &udp6, beyond: nvgre,
		outerOctets: uint64(len(vlans.Packet())), innerOctets: 55,
	})
	return append(out, append(segmentRouted(in4, sid1, sid2), beneath(in4, in6)...)...)
}

// segmentRouted are packets with a segment routing header.
func segmentRouted(in4 []byte, sid1, sid2 netip.Addr) []tunnelTest {
	udp4 := key(4, 17, 1000, 2000)
	routed := func(protocol, left uint8, payload []byte) packet.Spec {
		s := tunnel(6, protocol, payload)
		s.FirstExtension, s.Extensions = 43, packet.SegmentRouting(protocol, left, sid2, sid1)
		return s
	}
	carrying := routed(4, 1, in4)
	// The list does not count: the destination is the active segment.
	beyondList := routed(4, 200, in4)
	alone := routed(packet.TCP, 0, []byte("payload"))
	gre := tunnel(4, 47, packet.GRE{Protocol: packet.EtherIPv6}.Wrap(carrying.Packet()))
	segment := flow.Key{ActiveSegment: sid1}
	tcp := outerKey(6, packet.TCP)
	tcp.SourcePort, tcp.DestinationPort = 50000, 6081
	return []tunnelTest{
		{name: "SRv6 with IPv4", frame: carrying.Frame(), outer: outerKey(6, 4), inner: &udp4, beyond: segment,
			outerOctets: 40 + 40 + 35, innerOctets: 35},
		{name: "more segments left than there are", frame: beyondList.Frame(), outer: outerKey(6, 4), inner: &udp4, beyond: segment,
			outerOctets: 40 + 40 + 35, innerOctets: 35},
		{name: "SRv6 without a tunnel", frame: alone.Frame(), outer: tcp, beyond: segment, outerOctets: 40 + 40 + 27},
		{name: "SRv6 in GRE", frame: gre.Frame(), outer: outerKey(4, 47), inner: &udp4, beyond: segment,
			outerOctets: 20 + 4 + 40 + 40 + 35, innerOctets: 35},
	}
}

// beneath are packets beneath tags and labels, which are no tunnels by
// themselves: the only IP header is read.
func beneath(in4, in6 []byte) []tunnelTest {
	udp4, udp6 := key(4, 17, 1000, 2000), key(6, 17, 1000, 2000)
	one := flow.Key{Labelled: true, MPLS: 0xfffff<<4 | 7<<1 | 1}
	tagged := packet.Tag(packet.EtherSVLAN, 9, packet.Tag(packet.EtherVLAN, 7, packet.Ethernet(packet.EtherIPv4, in4)))
	labels := packet.Tag(packet.EtherVLAN, 9, packet.Ethernet(0x8848, packet.MPLS(0, tunnel(4, 41, in6).Packet(), 0, 17, 18)))
	sixteen := make([]uint32, 16)
	return []tunnelTest{
		{name: "customer's tag", frame: tagged, outer: udp4, beyond: flow.Key{VLAN: 9, CustomerVLAN: 7}, outerOctets: 35},
		{name: "one label", frame: packet.Ethernet(packet.EtherMPLS, packet.MPLS(7, in6, 0xfffff)), outer: udp6, beyond: one, outerOctets: 55},
		{name: "sixteen labels", frame: packet.Ethernet(packet.EtherMPLS, packet.MPLS(0, in4, sixteen...)), outer: udp4,
			beyond: flow.Key{Labelled: true}, outerOctets: 35},
		{name: "tunnel beneath a tag and labels", frame: labels, outer: outerKey(4, 41), inner: &udp6,
			beyond: flow.Key{VLAN: 9, Labelled: true}, outerOctets: 75, innerOctets: 55},
	}
}

// seen fills in the fields beyond the IP header.
func (tt *tunnelTest) seen(k flow.Key) flow.Key {
	b := tt.beyond
	b.ID, b.DSCP, b.FlowLabel = k.ID, k.DSCP, k.FlowLabel
	return b
}

// ttl of the headers in the matrix: tunnels have 99, what is inside 60.
func ttl(k flow.Key) uint8 {
	if k.DSCP == 8 {
		return 99
	}
	return 60
}

// A point with either policy, or with both, makes the records that these ask
// for, counts each packet once, and changes none.
func TestTunnelsBecomeRecords(t *testing.T) {
	refs := map[string][]flow.PolicyRef{
		"outer": {{ID: 7, Generation: 1}}, "inner": {{ID: 8, Generation: 1}}, "both": {{ID: 7, Generation: 1}, {ID: 8, Generation: 1}},
	}
	for name, policies := range map[string][]plan.Policy{
		"outer": {wideOuter()}, "inner": {wideInner()}, "both": {wideOuter(), wideInner()},
	} {
		s := newStand(t, policies...)
		for _, tt := range tunnelled() {
			record := func(layer flow.Layer, k flow.Key, octets uint64, policies []flow.PolicyRef) flow.Record {
				return flow.Record{
					Key: tt.seen(k), Layer: layer, Ifindex: s.point.ID.Ifindex, IngressIfindex: s.point.ID.Ifindex,
					Policies: policies, Packets: 1, Octets: octets, MinTTL: ttl(k), MaxTTL: ttl(k),
				}
			}
			var want []flow.Record
			switch {
			case tt.inner == nil || name == "outer":
				want = append(want, record(flow.LayerOnly, tt.outer, tt.outerOctets, refs[name]))
			case name == "inner":
				want = append(want, record(flow.LayerOnly, *tt.inner, tt.innerOctets, refs[name]))
			default:
				want = append(want, record(flow.LayerOuter, tt.outer, tt.outerOctets, refs["outer"]),
					record(flow.LayerInner, *tt.inner, tt.innerOctets, refs["inner"]))
			}
			before := s.counters(t)
			out := s.run.Run(t, tt.frame, probetest.Arrival{})
			if out.Verdict != probetest.Next || !bytes.Equal(out.Frame, tt.frame) {
				t.Errorf("%s, %s: verdict %d, %x became %x", name, tt.name, out.Verdict, tt.frame, out.Frame)
			}
			got := s.drain(t)
			for i := range got {
				got[i].First, got[i].Last = 0, 0
			}
			slices.SortFunc(got, func(a, b flow.Record) int { return int(a.Layer) - int(b.Layer) })
			if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
				t.Errorf("%s, %s: %s", name, tt.name, diff)
			}
			after := s.counters(t)
			if after.Packets != before.Packets+1 || after.Octets != before.Octets+tt.outerOctets ||
				(after.TunnelsUnread != before.TunnelsUnread) != tt.unread {
				t.Errorf("%s, %s: counters went from %+v to %+v", name, tt.name, before, after)
			}
		}
	}
}

// Wherever a packet of the matrix is cut off, it passes unchanged, and the
// kernel reads what the reference reads.
func TestTunnelsCutOffAnywhere(t *testing.T) {
	s := newStand(t, wideOuter(), wideInner())
	for _, tt := range tunnelled() {
		frame := packet.Tag(packet.EtherVLAN, 3, tt.frame)
		want, sent := make(counts), make(map[observed][]byte)
		for n := 14; n <= len(frame); n++ {
			cut := frame[:n:n]
			out := s.run.Run(t, cut, probetest.Arrival{})
			if out.Verdict != probetest.Next || !bytes.Equal(out.Frame, cut) {
				t.Fatalf("%s, %d octets: verdict %d, %x became %x", tt.name, n, out.Verdict, cut, out.Frame)
			}
			if r, ok := reference(cut); ok {
				want.add(r)
				sent[observed{flow.LayerOnly, r.outer}], sent[observed{flow.LayerOuter, r.outer}] = cut, cut
			}
		}
		s.drained(t).compare(t, want, sent)
		if t.Failed() {
			t.Fatalf("%s: %x", tt.name, frame)
		}
	}
}
