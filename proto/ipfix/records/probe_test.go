package records_test

import (
	"strings"
	"testing"
	"time"

	"github.com/openifit/openifit/proto/ipfix"
	"github.com/openifit/openifit/proto/ipfix/ie"
	"github.com/openifit/openifit/proto/ipfix/records"
)

func probeFields() (counters, record []records.ProbeField) {
	counters = []records.ProbeField{{Name: "packets", Size: 8, Type: ie.TypeUnsigned64, Semantics: ie.SemanticsDeltaCounter}}
	record = []records.ProbeField{
		{Name: "time", Offset: 0, Size: 8, Type: ie.TypeDateTimeNanoseconds},
		{Name: "client_address", Offset: 8, Size: 4, Type: ie.TypeIPv4Address},
		{Name: "change", Offset: 12, Size: 2, Type: ie.TypeSigned16},
		{Name: "wide", Offset: 14, Size: 1, Type: ie.TypeBoolean},
		{Name: "raw", Offset: 16, Size: 3, Type: ie.TypeOctetArray, Text: "as it came"},
	}
	return counters, record
}

func TestProbeRecordsNeedAnEnterpriseNumber(t *testing.T) {
	counters, record := probeFields()
	elements := records.ProbeElements("dns", 1000, counters, record)
	if _, err := records.NewProbeLayout(ie.NewModel(0), elements, record, false); err == nil {
		t.Error("there are private elements without an enterprise number")
	}
	m := ie.NewModel(ie.ExperimentalPEN)
	if _, err := records.NewProbeLayout(m, elements[:2], counters[:0], true); err == nil || !strings.Contains(err.Error(), "belongs to no field") {
		t.Errorf("elements without fields: %v", err)
	}
}

func TestProbeRecordOnTheWire(t *testing.T) {
	counters, record := probeFields()
	elements := records.ProbeElements("my-dns", 1000, counters, record)
	if e := elements[0]; e.Name != "ifitProbeMyDnsPacketsCount" || e.Number != 1000 || !e.Counter {
		t.Errorf("the first element is %+v", e)
	}
	if e := elements[2]; e.Name != "ifitProbeMyDnsClientAddress" || e.Number != 1002 || e.Counter {
		t.Errorf("the third element is %+v", e)
	}
	l, err := records.NewProbeLayout(ie.NewModel(ie.ExperimentalPEN), elements, record, false)
	if err != nil {
		t.Fatal(err)
	}
	data := []byte{1, 0, 0, 0, 0, 0, 0, 0, 192, 0, 2, 1, 0xfe, 0xff, 1, 0, 'a', 'b', 'c', 0}
	if l.Fits(data[:18]) || !l.Fits(data) {
		t.Error("the length of a structure is not looked at")
	}
	var message []byte
	x, err := ipfix.NewExporter(ipfix.ExporterConfig{Domain: 7}, func(m ipfix.Message) error {
		message = append(message, m.Octets...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	id, err := x.Add(l.Template)
	if err != nil {
		t.Fatal(err)
	}
	now := ipfix.UnixNano(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).UnixNano())
	origin := records.Origin{Policy: 3, Generation: 4, Node: 5}
	clock := func(mono uint64) int64 { return int64(now) + int64(mono)*int64(time.Second) }
	if err := x.End(l.Append(x.Begin(id), origin, 0, now, data, clock)); err != nil {
		t.Fatal(err)
	}
	if err := x.Flush(); err != nil {
		t.Fatal(err)
	}
	// A collector that has learnt the elements from their descriptions.
	var learnt []ie.Element
	for _, i := range l.Types {
		e, err := i.Element()
		if err != nil {
			t.Fatal(err)
		}
		learnt = append(learnt, e)
	}
	m, err := ie.NewModel(ie.ExperimentalPEN).With(learnt...)
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	s := ipfix.NewSession(m, ipfix.UDP, ipfix.Limits{})
	err = s.Decode(time.Now(), message, func(r *ipfix.Record) {
		seen++
		if k := records.Classify(r.Template()); k != records.KindOther {
			t.Errorf("it passes for a record of kind %s", k)
		}
		at := func(name string) int {
			e, ok := m.ByName(name)
			if !ok {
				t.Fatalf("element %s is unknown", name)
			}
			return r.Lookup(e.ID)
		}
		if r.Uint64(at("ifitPolicyId")) != 3 || r.Uint64(at("ifitPolicyGeneration")) != 4 || r.Uint64(at("ifitNodeId")) != 5 {
			t.Error("the origin is another one")
		}
		if r.Time(at("ifitProbeMyDnsTime")) != now+ipfix.UnixNano(time.Second) || r.Time(at("observationTimeNanoseconds")) != now {
			t.Error("the times are others")
		}
		if a := r.Addr(at("ifitProbeMyDnsClientAddress")); a.String() != "192.0.2.1" {
			t.Errorf("the client is %s", a)
		}
		wide, ok := r.Bool(at("ifitProbeMyDnsWide"))
		if n := r.Int64(at("ifitProbeMyDnsChange")); n != -2 || !ok || !wide || r.String(at("ifitProbeMyDnsRaw")) != "abc" {
			t.Errorf("change %d, wide %t, raw %q", n, wide, r.String(at("ifitProbeMyDnsRaw")))
		}
	})
	if err != nil || seen != 1 {
		t.Errorf("%d records: %v", seen, err)
	}
}
