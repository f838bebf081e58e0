//go:build linux

package source_test

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/dataplane/probe/probetest"
	"github.com/openifit/openifit/lab/packet"
)

// reading is what the plain parser makes of a frame.
type reading struct {
	// outer is the outermost IP header, with all that the packet has beyond it.
	outer flow.Key
	// inner is the innermost IP header, nil for a packet without a tunnel.
	inner *flow.Key
	// unread: there is a tunnel whose inside could not be read.
	unread bool
}

// reference reads a frame as bpf/lib/parse.h and tunnel.h do, the plain way;
// false when it gives no flow record.
func reference(frame []byte) (r reading, ok bool) {
	at, etherType, ok := r.link(frame)
	if !ok {
		return r, false
	}
	h, ok := readIP(frame, at, len(frame), etherType)
	if !ok {
		return r, false
	}
	r.segment(h)
	inner, found := r.tunnels(frame, h)
	r.outer = r.whole(h)
	if found {
		key := r.whole(inner)
		r.inner = &key
	}
	return r, true
}

// whole adds to a header what is true of the whole packet.
func (r *reading) whole(h header) flow.Key {
	k := r.outer
	k.ID, k.DSCP, k.FlowLabel = h.ID, h.dscp, h.label
	return k
}

// segment notes the first segment routing header.
func (r *reading) segment(h header) {
	if h.segments && !r.outer.ActiveSegment.IsValid() && !h.Destination.IsUnspecified() {
		r.outer.ActiveSegment = h.Destination
	}
}

// link moves over the Ethernet header, tags and labels.
func (r *reading) link(frame []byte) (at int, etherType uint16, ok bool) {
	if len(frame) < 14 {
		return 0, 0, false
	}
	at, etherType = 14, binary.BigEndian.Uint16(frame[12:])
	for tags := 0; tags < 2 && (etherType == 0x8100 || etherType == 0x88a8); tags++ {
		if len(frame) < at+4 {
			return 0, 0, false
		}
		vlan := binary.BigEndian.Uint16(frame[at:]) & 0xfff
		if tags == 0 {
			r.outer.VLAN = vlan
		} else {
			r.outer.CustomerVLAN = vlan
		}
		etherType, at = binary.BigEndian.Uint16(frame[at+2:]), at+4
	}
	if etherType == 0x8847 || etherType == 0x8848 {
		return r.labels(frame, at)
	}
	return at, etherType, true
}

func (r *reading) labels(frame []byte, at int) (int, uint16, bool) {
	for range 16 {
		if len(frame) < at+4 {
			return 0, 0, false
		}
		entry := binary.BigEndian.Uint32(frame[at:])
		if !r.outer.Labelled {
			r.outer.Labelled, r.outer.MPLS = true, entry>>8
		}
		at += 4
		if entry&0x100 == 0 {
			continue
		}
		if len(frame) <= at {
			return 0, 0, false
		}
		switch frame[at] >> 4 {
		case 4:
			return at, 0x0800, true
		case 6:
			return at, 0x86dd, true
		}
		break
	}
	return at, 0, true
}

// header is an IP header and its transport header.
type header struct {
	flow.ID
	dscp  uint8
	label uint32
	// transport is where what follows begins; end is where it ends.
	transport, end int
	// whole tells that the transport header was read.
	whole bool
	// segments: there is a segment routing header.
	segments bool
}

// readIP reads an IP header of which limit is the end at most.
func readIP(frame []byte, at, limit int, etherType uint16) (h header, ok bool) {
	switch {
	case etherType == 0x0800 && at+20 <= limit && limit <= len(frame):
		return readIPv4(frame, at, limit)
	case etherType == 0x86dd && at+40 <= limit && limit <= len(frame):
		return readIPv6(frame, at, limit)
	}
	return h, false
}

func readIPv4(frame []byte, at, limit int) (h header, ok bool) {
	p := frame[at:]
	size, total := int(p[0]&0xf)*4, int(binary.BigEndian.Uint16(p[2:]))
	if p[0]>>4 != 4 || size < 20 || total < size {
		return h, false
	}
	h.dscp, h.Protocol = p[1]>>2, p[9]
	h.Source, h.Destination = netip.AddrFrom4([4]byte(p[12:16])), netip.AddrFrom4([4]byte(p[16:20]))
	h.transport, h.end = at+size, min(limit, at+total)
	if binary.BigEndian.Uint16(p[6:])&0x1fff == 0 {
		h.readTransport(frame)
	}
	return h, true
}

func readIPv6(frame []byte, at, limit int) (h header, ok bool) {
	p := frame[at:]
	if p[0]>>4 != 6 {
		return h, false
	}
	word, left := binary.BigEndian.Uint32(p), int(binary.BigEndian.Uint16(p[4:]))
	if left == 0 && p[6] == 0 { // a jumbogram's length is an option
		left = len(p) - 40
	}
	h.dscp, h.label, h.Protocol = uint8(word>>22&63), word&0xfffff, p[6]
	h.Source, h.Destination = netip.AddrFrom16([16]byte(p[8:24])), netip.AddrFrom16([16]byte(p[24:40]))
	h.transport, h.end = at+40, min(limit, at+40+left)
	skipped := 0
	for n := 0; ; n++ {
		size := 0
		switch h.Protocol {
		case 0, 43, 60:
			size = -1
		case 44:
			size = 8
		case 51:
			size = -2
		default:
			if n < 8 && skipped <= 1024 {
				h.readTransport(frame)
			}
			return h, true
		}
		if n == 8 || len(frame) < h.transport+8 {
			return h, true
		}
		ext := frame[h.transport:]
		switch size {
		case -1:
			size = (int(ext[1]) + 1) * 8
		case -2:
			size = (int(ext[1]) + 2) * 4
		}
		h.segments = h.segments || h.Protocol == 43 && ext[2] == 4
		later := h.Protocol == 44 && binary.BigEndian.Uint16(ext[2:])&0xfff8 != 0
		h.Protocol = ext[0]
		skipped += size
		h.transport += size
		if later {
			return h, true
		}
	}
}

func (h *header) readTransport(frame []byte) {
	needs := map[uint8]int{1: 8, 58: 8, 6: 20, 17: 8, 136: 8, 33: 12, 132: 12}[h.Protocol]
	if h.transport+needs > h.end {
		return
	}
	h.whole = true
	switch p := frame[h.transport:]; {
	case needs == 0:
	case h.Protocol == 1 || h.Protocol == 58:
		h.DestinationPort = binary.BigEndian.Uint16(p)
	default:
		h.SourcePort, h.DestinationPort = binary.BigEndian.Uint16(p), binary.BigEndian.Uint16(p[2:])
	}
}

// mutate spoils a frame in the way that a fuzzer does.
func mutate(g *rand.Rand, frame []byte) []byte {
	for range g.IntN(4) {
		switch {
		case len(frame) == 14:
		case g.IntN(4) == 0:
			frame = frame[:14+g.IntN(len(frame)-13)]
		default:
			frame[14+g.IntN(len(frame)-14)] = byte(g.Uint32() >> (8 * g.IntN(4)))
		}
	}
	return frame
}

// observed is a flow, and the layer at which it was seen.
type observed struct {
	layer flow.Layer
	key   flow.Key
}

// counts are packets by what they were seen as, at a point with policies that
// read the outermost header and others that read the innermost one.
type counts map[observed]uint64

// add counts what the reference makes of a frame.
func (c counts) add(r reading) {
	if r.inner == nil {
		c[observed{flow.LayerOnly, r.outer}]++
		return
	}
	c[observed{flow.LayerOuter, r.outer}]++
	c[observed{flow.LayerInner, *r.inner}]++
}

// drained are the counts of the kernel.
func (s *stand) drained(t *testing.T) counts {
	t.Helper()
	c := make(counts)
	for _, r := range s.drain(t) {
		c[observed{r.Layer, r.Key}] += r.Packets
	}
	return c
}

// compare reports where two counts differ.
func (c counts) compare(t *testing.T, want counts, sent map[observed][]byte) {
	t.Helper()
	for o, n := range want {
		if c[o] != n {
			t.Errorf("%+v: %d packets, want %d: %x", o, c[o], n, sent[o])
		}
	}
	for o, n := range c {
		if want[o] == 0 {
			t.Errorf("%+v: %d packets, want none", o, n)
		}
	}
}

// Whatever the octets are, the kernel reads them as the reference does.
func TestParserAgainstReference(t *testing.T) {
	s := newStand(t, wideOuter(), wideInner())
	s.pair.Apply(t, s.engine, plan.Plan{MaxFlows: 65536, Points: []plan.Point{s.point}})
	s.run = s.pair.Runner(t, s.engine, s.point.ID)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	g := rand.New(rand.NewPCG(seed, 0))
	tcp := with(v4(packet.TCP), func(s *packet.Spec) { s.Options = []byte{1, 1, 1, 1} })
	sctp := v6(132)
	sctp.Payload = make([]byte, 16)
	var seeds [][]byte
	for _, p := range []packet.Spec{
		v4(packet.UDP), v6(packet.UDP), tcp, v6(packet.TCP), sctp, v4(packet.ICMP), v6(packet.ICMPv6),
		extended(v6(packet.UDP), 0, 43, 44, 51, 60), extended(v6(packet.TCP), 60, 60, 60, 60, 60, 60, 60),
		extended(v6(packet.ICMPv6), 51, 51),
	} {
		seeds = append(seeds, p.Frame())
	}
	for _, tt := range tunnelled() {
		seeds = append(seeds, tt.frame)
	}
	want, sent := make(counts), make(map[observed][]byte)
	before := s.counters(t).TunnelsUnread
	unread := uint64(0)
	for range 10000 {
		// A tag, because the kernel itself refuses to run programs on some
		// broken packets without one.
		frame := mutate(g, packet.Tag(packet.EtherVLAN, uint16(1+g.IntN(4094)), seeds[g.IntN(len(seeds))]))
		s.run.Run(t, frame, probetest.Arrival{})
		r, ok := reference(frame)
		if !ok {
			continue
		}
		want.add(r)
		sent[observed{flow.LayerOnly, r.outer}], sent[observed{flow.LayerOuter, r.outer}] = frame, frame
		if r.inner != nil {
			sent[observed{flow.LayerInner, *r.inner}] = frame
		}
		if r.unread {
			unread++
		}
	}
	s.drained(t).compare(t, want, sent)
	if got := s.counters(t).TunnelsUnread - before; got != unread {
		t.Errorf("%d tunnels unread, want %d", got, unread)
	}
	if len(want) < 1000 || unread < 10 {
		t.Errorf("only %d flows and %d tunnels unread: too few to say anything", len(want), unread)
	}
}
