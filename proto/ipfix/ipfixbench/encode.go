package ipfixbench

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/openifit/openifit/proto/ipfix"
)

// Encode measures one reference record through an Exporter, Messages included.
func Encode(b *testing.B) {
	b.ReportAllocs()
	var octets int
	e := newExporter(b, func(m ipfix.Message) error {
		octets += len(m.Octets)
		return nil
	})
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
	if octets < b.N*RecordLength {
		b.Fatalf("%d octets for %d records", octets, b.N)
	}
}

func newExporter(tb testing.TB, sink ipfix.Sink) *ipfix.Exporter {
	tb.Helper()
	e, err := ipfix.NewExporter(ipfix.ExporterConfig{Domain: 1, MaxLength: messageLength, Now: time.Now}, sink)
	if err != nil {
		tb.Fatal(err)
	}
	return e
}

// EncodeFloor measures the same record appended by hand.
func EncodeFloor(b *testing.B) {
	b.ReportAllocs()
	buf := make([]byte, 0, messageLength)
	var octets, records int
	var sequence uint32
	record := sample(7)
	for b.Loop() {
		record.Octets++
		if records == 0 {
			buf = append(buf[:0], make([]byte, ipfix.HeaderLength+ipfix.SetHeaderLength)...)
		}
		buf = appendFlow(buf, &record)
		if records++; records == perMessage {
			finish(buf, sequence)
			sequence += perMessage
			octets += len(buf)
			records = 0
		}
	}
	if b.N >= perMessage && octets == 0 {
		b.Fatal("no message was made")
	}
}

func finish(msg []byte, sequence uint32) {
	binary.BigEndian.PutUint16(msg, ipfix.Version)
	binary.BigEndian.PutUint16(msg[2:], uint16(len(msg)))
	binary.BigEndian.PutUint32(msg[4:], uint32(time.Now().Unix()))
	binary.BigEndian.PutUint32(msg[8:], sequence)
	binary.BigEndian.PutUint32(msg[12:], 1)
	binary.BigEndian.PutUint16(msg[16:], ipfix.FirstTemplateID)
	binary.BigEndian.PutUint16(msg[18:], uint16(len(msg)-ipfix.HeaderLength))
}

func appendFlow(b []byte, f *Flow) []byte {
	src, dst := f.Source.As4(), f.Destination.As4()
	b = append(b, src[:]...)
	b = append(b, dst[:]...)
	b = binary.BigEndian.AppendUint16(b, f.SourcePort)
	b = binary.BigEndian.AppendUint16(b, f.DestinationPort)
	b = append(b, f.Protocol)
	b = binary.BigEndian.AppendUint64(b, f.Octets)
	b = binary.BigEndian.AppendUint64(b, f.Packets)
	b = binary.BigEndian.AppendUint64(b, ipfix.ToNTP(f.Start))
	b = binary.BigEndian.AppendUint64(b, ipfix.ToNTP(f.End))
	b = binary.BigEndian.AppendUint32(b, f.IngressInterface)
	b = binary.BigEndian.AppendUint32(b, f.EgressInterface)
	b = binary.BigEndian.AppendUint32(b, f.DelayMax)
	return binary.BigEndian.AppendUint64(b, f.DelaySum)
}
