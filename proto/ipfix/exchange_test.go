package ipfix_test

import (
	"testing"
	"time"

	"github.com/openifit/openifit/proto/ipfix"
	"github.com/openifit/openifit/proto/ipfix/ie"
)

// counters is a small record of registered elements.
type counters struct {
	Octets  uint64 `ipfix:"octetDeltaCount"`
	Packets uint64 `ipfix:"packetDeltaCount"`
}

func mustFields(t testing.TB, pen uint32, specs ...string) []ipfix.Field {
	t.Helper()
	fields, err := ipfix.Fields(ie.NewModel(pen), specs...)
	if err != nil {
		t.Fatal(err)
	}
	return fields
}

func mustTemplate(t testing.TB, specs ...string) *ipfix.Template {
	t.Helper()
	tmpl, err := ipfix.NewTemplate(mustFields(t, ie.ExperimentalPEN, specs...)...)
	if err != nil {
		t.Fatal(err)
	}
	return tmpl
}

func TestExchange(t *testing.T) {
	session := ipfix.NewSession(ie.NewModel(0), ipfix.UDP, ipfix.Limits{})
	decoder, err := ipfix.NewDecoder[counters]()
	if err != nil {
		t.Fatal(err)
	}
	var got []counters
	now := time.Unix(1_700_000_000, 0)
	exporter, err := ipfix.NewExporter(ipfix.ExporterConfig{Domain: 7, MaxLength: 100}, func(m ipfix.Message) error {
		return session.Decode(now, m.Octets, func(r *ipfix.Record) {
			var c counters
			if err := decoder.Decode(r, &c); err != nil {
				t.Error(err)
			}
			got = append(got, c)
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	stream, err := ipfix.NewStream[counters](exporter, mustTemplate(t, "octetDeltaCount[4]", "packetDeltaCount"))
	if err != nil {
		t.Fatal(err)
	}
	const n = 1000
	for i := range uint64(n) {
		if err := stream.Write(&counters{Octets: i * 1500, Packets: i}); err != nil {
			t.Fatal(err)
		}
	}
	if err := exporter.Flush(); err != nil {
		t.Fatal(err)
	}
	if len(got) != n {
		t.Fatalf("%d records of %d arrived", len(got), n)
	}
	for i, c := range got {
		if want := (counters{Octets: uint64(i) * 1500, Packets: uint64(i)}); c != want {
			t.Fatalf("record %d: got %+v, want %+v", i, c, want)
		}
	}
	if s := session.Stats(); s.LostRecords != 0 || s.DataRecords != n || s.TemplatesLearnt != 1 {
		t.Errorf("session counted %+v", s)
	}
}
