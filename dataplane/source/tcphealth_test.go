//go:build linux

package source_test

import (
	"encoding/binary"
	"net/netip"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/dataplane/probe"
	"github.com/openifit/openifit/dataplane/probe/probetest"
	"github.com/openifit/openifit/dataplane/source"
	"github.com/openifit/openifit/lab/packet"
)

const rst = 0x04 // beside the control bits of property_test.go

// segment is one packet of the connection between the two hosts; back is
// from the second to the first.
type segment struct {
	back     bool
	flags    uint8
	seq, ack uint32
	length   int
	window   uint16
	// tsval and tsecr are sent unless both are 0.
	tsval, tsecr uint32
	// options are sent before the time stamps.
	options []byte
	// words is a wrong length of the header, unless it is 0.
	words uint8
	// segments makes it a super-packet.
	segments uint32
	// after waits until so much time has gone since the segment before.
	after time.Duration
}

func (s segment) frame(family int, port uint16) []byte {
	spec := v4(packet.TCP)
	if family == 6 {
		spec = v6(packet.TCP)
	}
	spec.Source = netip.AddrPortFrom(spec.Source.Addr(), port)
	if s.back {
		spec.Source, spec.Destination = spec.Destination, spec.Source
	}
	options := slices.Clone(s.options)
	if s.tsval != 0 || s.tsecr != 0 {
		if len(options)%4 == 0 {
			options = append(options, 1, 1)
		}
		options = append(options, 8, 10)
		options = binary.BigEndian.AppendUint32(options, s.tsval)
		options = binary.BigEndian.AppendUint32(options, s.tsecr)
	}
	for len(options)%4 != 0 {
		options = append(options, 0)
	}
	spec.TCPFlags = s.flags
	spec.Payload = append(options, make([]byte, s.length)...)
	frame := spec.Frame()
	tcp := frame[len(frame)-len(spec.Payload)-20:]
	binary.BigEndian.PutUint32(tcp[4:], s.seq)
	binary.BigEndian.PutUint32(tcp[8:], s.ack)
	tcp[12] = byte(5+len(options)/4) << 4
	if s.words != 0 {
		tcp[12] = s.words << 4
	}
	binary.BigEndian.PutUint16(tcp[14:], s.window)
	return frame
}

func (s segment) arrival() probetest.Arrival {
	if s.segments < 2 {
		return probetest.Arrival{}
	}
	return probetest.Arrival{Segments: s.segments, SegmentSize: uint32(s.length) / s.segments}
}

// health is a policy that asks for the health of connections.
func health(id uint32) plan.Policy {
	p := probetest.Metering(id, 3)
	p.Actions |= plan.ActTCP
	return p
}

// readTCP reads the health of all connections by direction.
func readTCP(t *testing.T, pair interface{ Do(func() error) error }, reader *source.TCP) map[flow.ID]flow.TCPHealth {
	t.Helper()
	out := make(map[flow.ID]flow.TCPHealth)
	err := pair.Do(func() error {
		return reader.Read(func(h *flow.TCPHealth) {
			if _, twice := out[h.ID]; twice {
				t.Errorf("%s was told twice", h.ID)
			}
			out[h.ID] = *h
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// tcpCounts are the parts of a flow.TCPHealth that do not depend on time.
type tcpCounts struct {
	Packets, Payload, Retransmitted, RetransmittedOctets, OutOfOrder, Gaps, DuplicateAcks, Probes, ZeroWindows, SYNs, FINs, Resets, Samples uint64
	Handshake                                                                                                                               bool
}

func countsOf(h flow.TCPHealth) tcpCounts {
	return tcpCounts{
		h.Packets, h.Payload, h.Retransmitted, h.RetransmittedOctets, h.OutOfOrder, h.Gaps, h.DuplicateAcks, h.Probes,
		h.ZeroWindows, h.SYNs, h.FINs, h.Resets, h.RTT.Samples, h.HandshakeRTT > 0,
	}
}

const wrap = 0xffffff00

func TestTCPHealth(t *testing.T) {
	data := func(seq uint32, length int) segment {
		return segment{flags: ack, seq: seq, ack: 1, length: length, window: 100}
	}
	acked := func(n uint32) segment { return segment{back: true, flags: ack, seq: 1, ack: n, window: 100} }
	closed := func(n uint32) segment { return segment{back: true, flags: ack, seq: 1, ack: n} }
	at := func(s segment, tsval uint32) segment { s.tsval, s.tsecr = tsval, 1; return s }
	super := func(s segment, n uint32) segment { s.segments = n; return s }
	s := newStand(t, health(7))
	reader := source.NewTCP(s.engine)
	port := uint16(10000)
	for _, c := range []struct {
		name     string
		segments []segment
		// there is what the first host sent, back what the second did.
		there, back tcpCounts
	}{
		{"reset of nobody's connection", []segment{{flags: rst, seq: 5}}, tcpCounts{Packets: 1, Resets: 1}, tcpCounts{}},
		{"header longer than the packet", []segment{{flags: ack, seq: 5, window: 9, words: 15}}, tcpCounts{}, tcpCounts{}},
		{"header shorter than a header", []segment{{flags: ack, seq: 5, window: 9, length: 40, words: 4}}, tcpCounts{}, tcpCounts{}},
		{"options of nothing", []segment{{flags: ack, seq: 5, window: 9, options: make([]byte, 4)}}, tcpCounts{Packets: 1}, tcpCounts{}},
		{"options without an end", []segment{{flags: ack, seq: 5, window: 9, length: 9, options: []byte{1, 1, 1, 5}}}, tcpCounts{Packets: 1, Payload: 9}, tcpCounts{}},
		{"options of no length", []segment{{flags: ack, seq: 5, window: 9, length: 9, options: []byte{3, 0, 8, 10}}}, tcpCounts{Packets: 1, Payload: 9}, tcpCounts{}},
		{"handshake", []segment{
			{flags: syn, seq: 99, window: 100}, {back: true, flags: syn | ack, seq: 0, ack: 100, window: 100}, data(100, 0),
		}, tcpCounts{Packets: 2, SYNs: 1, Handshake: true}, tcpCounts{Packets: 1, SYNs: 1, Handshake: true}},
		{"handshake, SYN sent twice", []segment{
			{flags: syn, seq: 99, window: 100}, {flags: syn, seq: 99, window: 100},
			{back: true, flags: syn | ack, seq: 0, ack: 100, window: 100}, data(100, 0),
		}, tcpCounts{Packets: 3, SYNs: 2, Retransmitted: 1}, tcpCounts{Packets: 1, SYNs: 1, Handshake: true}},
		{"SYN acknowledged by something else", []segment{
			{flags: syn, seq: 99}, {back: true, flags: ack, seq: 7, ack: 50},
		}, tcpCounts{Packets: 1, SYNs: 1}, tcpCounts{Packets: 1, ZeroWindows: 1}},
		{"ports used again", []segment{
			{flags: syn, seq: 99}, {back: true, flags: syn | ack, seq: 500, ack: 100}, data(100, 10), {flags: ack | fin, seq: 110, ack: 501, window: 100},
			{flags: syn, seq: 20}, {back: true, flags: syn | ack, seq: 3, ack: 21}, data(21, 10),
		}, tcpCounts{Packets: 5, Payload: 20, SYNs: 2, FINs: 1, Handshake: true}, tcpCounts{Packets: 2, SYNs: 2, Handshake: true}},
		{"in order, from the middle", []segment{data(100, 50), data(150, 50), acked(200)},
			tcpCounts{Packets: 2, Payload: 100}, tcpCounts{Packets: 1}},
		{"sent again", []segment{data(100, 50), data(150, 50), data(100, 50), acked(200)},
			tcpCounts{Packets: 3, Payload: 150, Retransmitted: 1, RetransmittedOctets: 50}, tcpCounts{Packets: 1}},
		{"sent again with more behind", []segment{data(100, 50), data(100, 80), data(180, 1)},
			tcpCounts{Packets: 3, Payload: 131, Retransmitted: 1, RetransmittedOctets: 50}, tcpCounts{}},
		{"sent again over the wrap", []segment{data(wrap, 0x100), data(0, 0x100), data(wrap+0x80, 0x100), data(0x100, 5)},
			tcpCounts{Packets: 4, Payload: 0x305, Retransmitted: 1, RetransmittedOctets: 0x100}, tcpCounts{}},
		{"in order over the wrap", []segment{data(wrap, 0x180), acked(0x80), data(0x80, 10)},
			tcpCounts{Packets: 2, Payload: 0x18a}, tcpCounts{Packets: 1}},
		{"lost before, then sent again", []segment{at(data(100, 50), 10), at(data(200, 50), 10), at(data(150, 50), 30)},
			tcpCounts{Packets: 3, Payload: 150, Gaps: 1, Retransmitted: 1, RetransmittedOctets: 50}, tcpCounts{}},
		{"overtaken", []segment{at(data(100, 50), 10), at(data(200, 50), 12), at(data(150, 50), 11)},
			tcpCounts{Packets: 3, Payload: 150, Gaps: 1, OutOfOrder: 1}, tcpCounts{}},
		{"overtaken over the wrap, time stamps as well", []segment{
			at(data(wrap, 0x80), 0xfffffffe), at(data(0x80, 10), 1), at(data(wrap+0x80, 0x100), 0xffffffff),
		}, tcpCounts{Packets: 3, Payload: 0x18a, Gaps: 1, OutOfOrder: 1}, tcpCounts{}},
		{"late without time stamps", []segment{data(100, 50), data(200, 50), {flags: ack, seq: 150, ack: 1, length: 50, window: 100, after: 4 * time.Millisecond}},
			tcpCounts{Packets: 3, Payload: 150, Gaps: 1, Retransmitted: 1, RetransmittedOctets: 50}, tcpCounts{}},
		{"several holes", []segment{
			at(data(100, 10), 5), at(data(120, 10), 5), at(data(140, 10), 5), at(data(160, 10), 5),
			at(data(150, 10), 4), at(data(110, 10), 4), at(data(130, 10), 9),
		}, tcpCounts{Packets: 7, Payload: 70, Gaps: 3, OutOfOrder: 2, Retransmitted: 1, RetransmittedOctets: 10}, tcpCounts{}},
		{"more holes than places", []segment{
			at(data(100, 10), 5), at(data(120, 10), 5), at(data(140, 10), 5), at(data(160, 10), 5), at(data(180, 10), 5), at(data(200, 10), 5),
			at(data(190, 10), 4), at(data(110, 10), 4),
		}, tcpCounts{Packets: 8, Payload: 80, Gaps: 5, OutOfOrder: 1, Retransmitted: 1, RetransmittedOctets: 10}, tcpCounts{}},
		{"hole that the other end has not seen", []segment{
			at(data(100, 10), 5), at(data(120, 10), 5), acked(130), at(data(110, 10), 4),
		}, tcpCounts{Packets: 3, Payload: 30, Gaps: 1, Retransmitted: 1, RetransmittedOctets: 10}, tcpCounts{Packets: 1}},
		{"hole that is filled by halves and sent again", []segment{
			at(data(100, 10), 5), at(data(130, 10), 5), at(data(110, 10), 4), at(data(110, 20), 4),
		}, tcpCounts{Packets: 4, Payload: 50, Gaps: 1, OutOfOrder: 1, Retransmitted: 1, RetransmittedOctets: 10}, tcpCounts{}},
		{"another connection altogether", []segment{data(100, 10), data(0x70000000, 10), data(0x7000000a, 10)},
			tcpCounts{Packets: 3, Payload: 30}, tcpCounts{}},
		{"keepalive", []segment{data(100, 10), acked(110), data(109, 0), acked(110), data(109, 1), acked(110), data(110, 5)},
			tcpCounts{Packets: 4, Payload: 16, Probes: 2}, tcpCounts{Packets: 3}},
		{"keepalive, other direction not seen", []segment{data(100, 10), data(109, 1)}, tcpCounts{Packets: 2, Payload: 11, Probes: 1}, tcpCounts{}},
		{"one octet sent again", []segment{data(100, 10), acked(109), data(109, 1)},
			tcpCounts{Packets: 2, Payload: 11, Retransmitted: 1, RetransmittedOctets: 1}, tcpCounts{Packets: 1}},
		{"closed window, probed, opened", []segment{data(100, 10), closed(110), data(110, 1), closed(110), data(110, 1), closed(110), acked(111), closed(111)},
			tcpCounts{Packets: 3, Payload: 12, Probes: 1}, tcpCounts{Packets: 5, ZeroWindows: 2}},
		{"FIN sent again", []segment{{flags: ack | fin, seq: 7, ack: 1, window: 9}, {flags: ack | fin, seq: 7, ack: 1, window: 9}},
			tcpCounts{Packets: 2, FINs: 2, Retransmitted: 1, RetransmittedOctets: 1}, tcpCounts{}},
		{"duplicate acknowledgements", []segment{data(100, 50), data(150, 50), data(200, 50), acked(150), acked(150), acked(150), acked(250), acked(250)},
			tcpCounts{Packets: 3, Payload: 150}, tcpCounts{Packets: 5, DuplicateAcks: 2}},
		{"acknowledgement with another window", []segment{data(100, 50), acked(100), {back: true, flags: ack, seq: 1, ack: 100, window: 200}},
			tcpCounts{Packets: 1, Payload: 50}, tcpCounts{Packets: 2}},
		{"super-packet, sent again in part", []segment{super(data(100, 400), 4), super(data(300, 400), 4)},
			tcpCounts{Packets: 8, Payload: 800, Retransmitted: 2, RetransmittedOctets: 200}, tcpCounts{}},
		{"round trip of a time stamp", []segment{
			{flags: ack, seq: 1, ack: 1, length: 5, window: 9, tsval: 10, tsecr: 1},
			{back: true, flags: ack, seq: 1, ack: 6, window: 9, tsval: 50, tsecr: 10},
			{back: true, flags: ack, seq: 1, ack: 6, window: 9, length: 5, tsval: 51, tsecr: 10},
			{flags: ack, seq: 6, ack: 6, window: 9, tsval: 11, tsecr: 51, options: []byte{2, 4, 5, 0xb4, 1, 1}},
		}, tcpCounts{Packets: 2, Payload: 5, Samples: 1}, tcpCounts{Packets: 2, Payload: 5, Samples: 1}},
		{"time stamp that was never echoed", []segment{
			{flags: ack, seq: 1, ack: 1, length: 5, window: 9, tsval: 10, tsecr: 1},
			{flags: ack, seq: 6, ack: 1, length: 5, window: 9, tsval: 11, tsecr: 1},
			{back: true, flags: ack, seq: 1, ack: 11, window: 9, tsval: 50, tsecr: 11},
		}, tcpCounts{Packets: 2, Payload: 10}, tcpCounts{Packets: 1}},
		{"time stamp of an acknowledgement asks for no answer", []segment{
			{flags: ack, seq: 1, ack: 1, window: 9, tsval: 10, tsecr: 1},
			{flags: ack, seq: 1, ack: 1, length: 5, window: 9, tsval: 10, tsecr: 1},
			{back: true, flags: ack, seq: 1, ack: 6, window: 9, length: 5, tsval: 50, tsecr: 10},
		}, tcpCounts{Packets: 2, Payload: 5}, tcpCounts{Packets: 1, Payload: 5}},
	} {
		for _, family := range []int{4, 6} {
			port++
			t.Run(c.name, func(t *testing.T) {
				before, begin := s.tcpSums(t), time.Now()
				for _, seg := range c.segments {
					for wait := time.Now(); time.Since(wait) < seg.after; {
						runtime.Gosched()
					}
					frame := seg.frame(family, port)
					out := s.run.Run(t, frame, seg.arrival())
					if out.Verdict != probetest.Next || !slices.Equal(out.Frame, frame) {
						t.Fatalf("verdict %d, %x became %x", out.Verdict, frame, out.Frame)
					}
				}
				took := uint64(time.Since(begin))
				all := readTCP(t, s.pair, reader)
				there := key(family, packet.TCP, port, 2000).ID
				sums := before
				for id, want := range map[flow.ID]tcpCounts{there: c.there, turned(there): c.back} {
					h, ok := all[id]
					if ok != (want.Packets > 0) {
						t.Errorf("%s: told is %v", id, ok)
					}
					if !ok {
						continue
					}
					got := countsOf(h)
					if diff := cmp.Diff(want, got); diff != "" {
						t.Errorf("%s: %s", id, diff)
					}
					if h.HandshakeRTT > took || h.RTT.Sum > took || h.RTT.Max > h.RTT.Sum || h.RTT.Min > h.RTT.Max || h.ZeroWindowTime > took+uint64(time.Second) {
						t.Errorf("%s: times beyond %d ns: %+v", id, took, h)
					}
					if len(h.Policies) != 1 || h.Policies[0] != (flow.PolicyRef{ID: 7, Generation: 3}) || h.Ifindex != s.point.ID.Ifindex {
						t.Errorf("%s belongs to %v at interface %d", id, h.Policies, h.Ifindex)
					}
					if age := time.Since(time.Unix(0, h.First)); h.First > h.Last+int64(time.Second) || age < 0 || age > time.Minute {
						t.Errorf("%s lasted from %d to %d", id, h.First, h.Last)
					}
					sums.Add(&probe.TCPCounters{
						Retransmitted: got.Retransmitted, OutOfOrder: got.OutOfOrder, DuplicateAcks: got.DuplicateAcks,
						ZeroWindows: got.ZeroWindows, Resets: got.Resets,
					})
				}
				if after := s.tcpSums(t); after != sums {
					t.Errorf("the policy's sums went from %+v to %+v, expected were %+v", before, after, sums)
				}
			})
		}
	}
}

func turned(id flow.ID) flow.ID {
	id.Source, id.Destination = id.Destination, id.Source
	id.SourcePort, id.DestinationPort = id.DestinationPort, id.SourcePort
	return id
}

// tcpSums are the counters of the policy.
func (s *stand) tcpSums(t *testing.T) probe.TCPCounters {
	t.Helper()
	all, err := s.engine.PolicyCounters()
	if err != nil || len(all) != 1 {
		t.Fatalf("counters of %d policies, %v", len(all), err)
	}
	return all[0].TCP
}
