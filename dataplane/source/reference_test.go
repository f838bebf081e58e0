//go:build linux

package source_test

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/dataplane/probe/probetest"
	"github.com/openifit/openifit/lab/packet"
)

// reference reads a frame as bpf/lib/parse.h does, the plain way; false when
// it gives no flow record.
func reference(frame []byte) (flow.Key, bool) {
	var k flow.Key
	if len(frame) < 14 {
		return k, false
	}
	rest, etherType := frame[14:], binary.BigEndian.Uint16(frame[12:])
	for tags := 0; tags < 2 && (etherType == 0x8100 || etherType == 0x88a8); tags++ {
		if len(rest) < 4 {
			return k, false
		}
		if tags == 0 {
			k.VLAN = binary.BigEndian.Uint16(rest) & 0xfff
		}
		etherType, rest = binary.BigEndian.Uint16(rest[2:]), rest[4:]
	}
	switch {
	case etherType == 0x0800 && len(rest) >= 20:
		return k, readIPv4(&k, rest)
	case etherType == 0x86dd && len(rest) >= 40:
		return k, readIPv6(&k, rest)
	}
	return k, false
}

func readIPv4(k *flow.Key, p []byte) bool {
	size, total := int(p[0]&0xf)*4, int(binary.BigEndian.Uint16(p[2:]))
	if p[0]>>4 != 4 || size < 20 || total < size {
		return false
	}
	k.DSCP, k.Protocol = p[1]>>2, p[9]
	k.Source, k.Destination = netip.AddrFrom4([4]byte(p[12:16])), netip.AddrFrom4([4]byte(p[16:20]))
	if binary.BigEndian.Uint16(p[6:])&0x1fff == 0 && len(p) >= size {
		readPorts(k, p[size:], total-size)
	}
	return true
}

func readIPv6(k *flow.Key, p []byte) bool {
	if p[0]>>4 != 6 {
		return false
	}
	head, left := binary.BigEndian.Uint32(p), int(binary.BigEndian.Uint16(p[4:]))
	if left == 0 && p[6] == 0 { // a jumbogram's length is an option
		left = len(p) - 40
	}
	k.DSCP, k.FlowLabel, k.Protocol = uint8(head>>22&63), head&0xfffff, p[6]
	k.Source, k.Destination = netip.AddrFrom16([16]byte(p[8:24])), netip.AddrFrom16([16]byte(p[24:40]))
	p = p[40:]
	skipped := 0
	for n := 0; ; n++ {
		size := 0
		switch k.Protocol {
		case 0, 43, 60:
			size = -1
		case 44:
			size = 8
		case 51:
			size = -2
		default:
			if n < 8 && skipped <= 1024 && skipped <= left && skipped <= len(p) {
				readPorts(k, p[skipped:], left-skipped)
			}
			return true
		}
		if n == 8 || len(p) < skipped+8 {
			return true
		}
		ext := p[skipped:]
		switch size {
		case -1:
			size = (int(ext[1]) + 1) * 8
		case -2:
			size = (int(ext[1]) + 2) * 4
		}
		later := k.Protocol == 44 && binary.BigEndian.Uint16(ext[2:])&0xfff8 != 0
		k.Protocol = ext[0]
		skipped += size
		if later {
			return true
		}
	}
}

func readPorts(k *flow.Key, p []byte, left int) {
	needs := map[uint8]int{1: 8, 58: 8, 6: 20, 17: 8, 136: 8, 33: 12, 132: 12}[k.Protocol]
	switch {
	case needs == 0 || left < needs || len(p) < needs:
	case k.Protocol == 1 || k.Protocol == 58:
		k.DestinationPort = binary.BigEndian.Uint16(p)
	default:
		k.SourcePort, k.DestinationPort = binary.BigEndian.Uint16(p), binary.BigEndian.Uint16(p[2:])
	}
}

// mutate spoils a frame in the way that a fuzzer does.
func mutate(g *rand.Rand, frame []byte) []byte {
	for range g.IntN(4) {
		switch g.IntN(4) {
		case 0:
			frame = frame[:14+g.IntN(len(frame)-13)]
		default:
			frame[12+g.IntN(len(frame)-12)] = byte(g.Uint32() >> (8 * g.IntN(4)))
		}
	}
	return frame
}

// Whatever the octets are, the kernel reads them as the reference does.
func TestParserAgainstReference(t *testing.T) {
	s := newStand(t, wide())
	s.pair.Apply(t, s.engine, plan.Plan{MaxFlows: 65536, Points: []plan.Point{s.point}})
	s.run = s.pair.Runner(t, s.engine, s.point.ID)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	g := rand.New(rand.NewPCG(seed, 0))
	tcp := with(v4(packet.TCP), func(s *packet.Spec) { s.Options = []byte{1, 1, 1, 1} })
	sctp := v6(132)
	sctp.Payload = make([]byte, 16)
	seeds := []packet.Spec{
		v4(packet.UDP), v6(packet.UDP), tcp, v6(packet.TCP), sctp, v4(packet.ICMP), v6(packet.ICMPv6),
		extended(v6(packet.UDP), 0, 43, 44, 51, 60), extended(v6(packet.TCP), 60, 60, 60, 60, 60, 60, 60),
		extended(v6(packet.ICMPv6), 51, 51),
	}
	want := make(map[flow.Key]uint64)
	sent := make(map[flow.Key][]byte)
	for range 5000 {
		p := seeds[g.IntN(len(seeds))]
		// A tag, because the kernel itself refuses to run programs on some
		// broken packets without one.
		p.VLAN = uint16(1 + g.IntN(4094))
		frame := mutate(g, p.Frame())
		s.run.Run(t, frame, probetest.Arrival{})
		if k, ok := reference(frame); ok {
			want[k]++
			sent[k] = frame
		}
	}
	got := make(map[flow.Key]uint64)
	for _, r := range s.drain(t) {
		got[r.Key] += r.Packets
	}
	for k, n := range want {
		if got[k] != n {
			t.Errorf("%+v: %d packets, want %d: %x", k, got[k], n, sent[k])
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d flows, want %d", len(got), len(want))
		for k := range got {
			if _, ok := want[k]; !ok {
				t.Log(cmp.Diff(flow.Key{}, k, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })))
			}
		}
	}
	if len(want) < 1000 {
		t.Errorf("only %d flows: too few to say anything", len(want))
	}
}
