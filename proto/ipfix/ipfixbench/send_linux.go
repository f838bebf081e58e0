package ipfixbench

import (
	"context"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/openifit/openifit/proto/ipfix"
	"github.com/openifit/openifit/proto/ipfix/udp"
)

// drain listens on loopback and reads whatever comes.
func drain(b *testing.B) netip.AddrPort {
	b.Helper()
	r, err := udp.Listen(context.Background(), udp.ReceiverConfig{
		Address: netip.MustParseAddrPort("127.0.0.1:0"), Buffer: 8 << 20,
	})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx, func(time.Time, ipfix.PeerKey, []byte) {}) }()
	b.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			b.Error(err)
		}
		if err := r.Close(); err != nil {
			b.Error(err)
		}
	})
	return r.LocalAddr()
}

// Send measures one reference record from struct to socket, over loopback to a
// receiver that reads.
func Send(b *testing.B) {
	b.ReportAllocs()
	sender, err := udp.Dial(context.Background(), udp.SenderConfig{Remote: drain(b), DSCP: udp.LE})
	if err != nil {
		b.Fatal(err)
	}
	defer sender.Close()
	e := newExporter(b, sender.Write)
	s, err := ipfix.NewStream[Flow](e, NewTemplate(b))
	if err != nil {
		b.Fatal(err)
	}
	record := sample(7)
	for b.Loop() {
		record.Octets++
		if err := s.Write(&record); err != nil {
			b.Fatal(err)
		}
	}
	if err := e.Flush(); err != nil {
		b.Fatal(err)
	}
	if err := sender.Flush(); err != nil {
		b.Fatal(err)
	}
	if st := sender.Stats(); st.Lost != 0 || st.Octets < uint64(b.N)*RecordLength {
		b.Fatalf("sender counted %+v for %d records", st, b.N)
	}
}

// SendFloor measures the same record appended by hand, each Message sent by
// itself.
func SendFloor(b *testing.B) {
	b.ReportAllocs()
	conn, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(drain(b)))
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	buf := make([]byte, 0, messageLength)
	var sequence uint32
	records := 0
	record := sample(7)
	for b.Loop() {
		record.Octets++
		if records == 0 {
			buf = append(buf[:0], make([]byte, ipfix.HeaderLength+ipfix.SetHeaderLength)...)
		}
		buf = appendFlow(buf, &record)
		if records++; records == perMessage {
			finish(buf, sequence)
			if _, err := conn.Write(buf); err != nil {
				b.Fatal(err)
			}
			sequence += perMessage
			records = 0
		}
	}
}
