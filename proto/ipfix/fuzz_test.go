package ipfix_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/openifit/openifit/proto/ipfix"
	"github.com/openifit/openifit/proto/ipfix/ie"
)

// touch reads a record in every way, whether or not its fields have the type.
func touch(r *ipfix.Record) {
	for i := range r.Len() {
		r.Bytes(i)
		r.Uint64(i)
		r.Int64(i)
		r.Float64(i)
		r.Bool(i)
		r.Addr(i)
		r.MAC(i)
		r.Time(i)
	}
}

// frame makes a message of whatever sets the fuzzer has thought out.
func frame(sets []byte) []byte {
	if len(sets) > ipfix.MaxMessageLength-ipfix.HeaderLength {
		sets = sets[:ipfix.MaxMessageLength-ipfix.HeaderLength]
	}
	return message(0, sets)
}

func FuzzMessage(f *testing.F) {
	f.Add([]byte(nil))
	f.Add(message(0, set(2, portsTemplate), set(256, "01bb 06")))
	f.Add(message(0, set(2, namesTemplate), set(257, "04 65746830 00000002 ff0004 65746831 00000003")))
	f.Fuzz(func(t *testing.T, msg []byte) {
		for _, transport := range []ipfix.Transport{ipfix.UDP, ipfix.TCP} {
			s := newSession(transport)
			_ = s.Decode(now, msg, touch)
			_ = s.Decode(now, msg, touch)
		}
	})
}

func FuzzSets(f *testing.F) {
	f.Add(set(2, portsTemplate), set(256, "01bb 06"))
	f.Add(set(3, "0102 0002 0001 000a 0004 0052 ffff"), set(258, "00000002 04 65746830"))
	f.Add(set(256, "01bb 06"), set(2, portsTemplate))
	f.Add(set(2, "0100 0002 0124 ffff 0125 ffff"), set(256, "ff0003 040102 03 ff0100"))
	f.Fuzz(func(t *testing.T, first, second []byte) {
		limits := ipfix.Limits{Templates: 8, TemplateFields: 64, PendingOctets: 1024}
		s := ipfix.NewSession(ie.NewModel(ie.ExperimentalPEN), ipfix.TCP, limits)
		d, err := ipfix.NewDecoder[all]()
		if err != nil {
			t.Fatal(err)
		}
		var v all
		records := uint64(0)
		visit := func(r *ipfix.Record) {
			records++
			touch(r)
			_ = d.Decode(r, &v)
		}
		for i, sets := range [][]byte{first, second, first, second} {
			before := s.Stats()
			err := s.Decode(now.Add(time.Duration(i)*time.Second), frame(sets), visit)
			after := s.Stats()
			if err != nil {
				before.MalformedMessages++
				if before != after {
					t.Fatalf("a message with the error %v changed %+v into %+v", err, before, after)
				}
			}
		}
		if n := s.Stats().DataRecords; n != records {
			t.Fatalf("%d records were visited, %d counted", records, n)
		}
		fields := 0
		for _, tmpl := range s.Templates() {
			fields += tmpl.Len()
		}
		if len(s.Templates()) > limits.Templates || fields > limits.TemplateFields {
			t.Fatalf("%d templates of %d fields are held", len(s.Templates()), fields)
		}
	})
}

// FuzzReencode takes what is decoded, encodes it under the template received,
// and expects the octets received.
func FuzzReencode(f *testing.F) {
	f.Add(set(2, portsTemplate), uint16(256), []byte{1, 0xbb, 6, 0, 53, 17})
	f.Add(set(3, "0102 0002 0001 000a 0004 0052 ffff"), uint16(258), []byte{0, 0, 0, 2, 4, 'e', 't', 'h', '0'})
	f.Fuzz(func(t *testing.T, templates []byte, id uint16, body []byte) {
		s := newSession(ipfix.TCP)
		if s.Decode(now, frame(templates), touch) != nil {
			return
		}
		data := append([]byte{byte(id >> 8), byte(id), byte((len(body) + 4) >> 8), byte(len(body) + 4)}, body...)
		e, p := newExporter(t, ipfix.ExporterConfig{MaxLength: ipfix.MaxMessageLength, Transport: ipfix.TCP})
		var want []byte
		var out uint16
		err := s.Decode(now, frame(data), func(r *ipfix.Record) {
			if out == 0 {
				var fields []ipfix.Field
				for _, field := range r.Template().All() {
					fields = append(fields, field)
				}
				tmpl, err := ipfix.NewTemplate(fields...)
				if r.Template().Scope() > 0 {
					tmpl, err = ipfix.NewOptionsTemplate(r.Template().Scope(), fields...)
				}
				if err != nil {
					t.Fatal(err)
				}
				if !tmpl.Same(r.Template()) {
					t.Fatal("the template came out differently")
				}
				if out, err = e.Add(tmpl); err != nil {
					return // too long for a message together with its template
				}
			}
			want = append(want, r.Octets()...)
			if err := e.End(append(e.Begin(out), r.Octets()...)); err != nil {
				t.Fatal(err)
			}
		})
		if err != nil || out == 0 {
			return
		}
		if err := e.Flush(); err != nil {
			t.Fatal(err)
		}
		again := newSession(ipfix.TCP)
		var got []byte
		for _, m := range p.messages {
			if err := again.Decode(now, m, func(r *ipfix.Record) { got = append(got, r.Octets()...) }); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(got, want) {
			t.Fatalf("records %x came out as %x", want, got)
		}
	})
}
