package ipfixbench

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"github.com/openifit/openifit/proto/ipfix"
	"github.com/openifit/openifit/proto/ipfix/ie"
)

// messages makes a Message with the template and one with perMessage records.
func messages(tb testing.TB) (template, data []byte) {
	tb.Helper()
	var out [][]byte
	e := newExporter(tb, func(m ipfix.Message) error {
		out = append(out, append([]byte(nil), m.Octets...))
		return nil
	})
	s, err := ipfix.NewStream[Flow](e, NewTemplate(tb))
	if err != nil {
		tb.Fatal(err)
	}
	for e.Stats().TemplateRecords < 3 {
		if err := e.Flush(); err != nil {
			tb.Fatal(err)
		}
	}
	for n := range perMessage {
		record := sample(n)
		if err := s.Write(&record); err != nil {
			tb.Fatal(err)
		}
	}
	if err := e.Flush(); err != nil {
		tb.Fatal(err)
	}
	return out[0], out[len(out)-1]
}

// Decode measures one reference record from Message to struct, framing,
// templates and sequence numbers included.
func Decode(b *testing.B) {
	b.ReportAllocs()
	template, data := messages(b)
	s := ipfix.NewSession(ie.NewModel(0), ipfix.UDP, ipfix.Limits{})
	now := time.Now()
	if err := s.Decode(now, template, func(*ipfix.Record) {}); err != nil {
		b.Fatal(err)
	}
	d, err := ipfix.NewDecoder[Flow]()
	if err != nil {
		b.Fatal(err)
	}
	var record Flow
	var ports uint64
	visit := func(r *ipfix.Record) {
		if err := d.Decode(r, &record); err != nil {
			b.Error(err)
		}
		ports += uint64(record.SourcePort)
	}
	sequence := uint32(0)
	n := 0
	for b.Loop() {
		// A Message holds perMessage records, an operation is one of them.
		if n++; n == perMessage {
			n = 0
			binary.BigEndian.PutUint32(data[8:], sequence)
			sequence += perMessage
			if err := s.Decode(now, data, visit); err != nil {
				b.Fatal(err)
			}
		}
	}
	if b.N >= perMessage && (ports == 0 || s.Stats().LostRecords != 0) {
		b.Fatalf("decoded nothing, or lost %d records", s.Stats().LostRecords)
	}
}

// DecodeFloor measures the same record read at fixed offsets.
func DecodeFloor(b *testing.B) {
	b.ReportAllocs()
	_, data := messages(b)
	var record Flow
	var ports uint64
	n := 0
	for b.Loop() {
		if n++; n == perMessage {
			n = 0
			for at := ipfix.HeaderLength + ipfix.SetHeaderLength; len(data)-at >= RecordLength; at += RecordLength {
				readFlow(data[at:at+RecordLength], &record)
				ports += uint64(record.SourcePort)
			}
		}
	}
	if b.N >= perMessage && ports == 0 {
		b.Fatal("decoded nothing")
	}
}

func readFlow(b []byte, f *Flow) {
	_ = b[RecordLength-1]
	f.Source = netip.AddrFrom4([4]byte(b[0:]))
	f.Destination = netip.AddrFrom4([4]byte(b[4:]))
	f.SourcePort = binary.BigEndian.Uint16(b[8:])
	f.DestinationPort = binary.BigEndian.Uint16(b[10:])
	f.Protocol = b[12]
	f.Octets = binary.BigEndian.Uint64(b[13:])
	f.Packets = binary.BigEndian.Uint64(b[21:])
	f.Start = ipfix.FromNTP(binary.BigEndian.Uint64(b[29:]))
	f.End = ipfix.FromNTP(binary.BigEndian.Uint64(b[37:]))
	f.IngressInterface = binary.BigEndian.Uint32(b[45:])
	f.EgressInterface = binary.BigEndian.Uint32(b[49:])
	f.DelayMax = binary.BigEndian.Uint32(b[53:])
	f.DelaySum = binary.BigEndian.Uint64(b[57:])
}
