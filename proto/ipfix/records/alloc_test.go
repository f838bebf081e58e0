package records_test

import (
	"testing"

	"github.com/openifit/openifit/proto/ipfix"
	"github.com/openifit/openifit/proto/ipfix/records"
)

func writeWithoutAllocation[T any](t *testing.T, e *ipfix.Exporter, tmpl *ipfix.Template, err error, v T) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	s, err := ipfix.NewStream[T](e, tmpl)
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(1000, func() {
		if err := s.Write(&v); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%T: writing and reading cost %v allocations", v, n)
	}
}

func TestNoAllocations(t *testing.T) {
	var flows, postcards, events, heavy int
	e, reader := link(t, records.Visitor{
		Flow:      func(ipfix.Header, *records.Flow) { flows++ },
		Postcard:  func(ipfix.Header, *records.Postcard) { postcards++ },
		Event:     func(ipfix.Header, *records.Event) { events++ },
		HeavyFlow: func(ipfix.Header, *records.HeavyFlow) { heavy++ },
	})
	tmpl, err := records.FlowTemplate(model, records.IPv4, []string{"sourceIPv4Address"}, records.FlowOptions{})
	writeWithoutAllocation(t, e, tmpl, err, records.Flow{Origin: origin, Tuple: v4, Start: start, End: start})
	tmpl, err = records.PostcardTemplate(model, records.IPv6)
	writeWithoutAllocation(t, e, tmpl, err, records.Postcard{Origin: origin, Tuple: v6, IngressTime: start})
	tmpl, err = records.EventTemplate(model, records.IPv4)
	writeWithoutAllocation(t, e, tmpl, err, records.Event{Origin: origin, Tuple: v4, Time: start, Trigger: "slow queue"})
	tmpl, err = records.HeavyFlowTemplate(model, records.IPv4)
	writeWithoutAllocation(t, e, tmpl, err, records.HeavyFlow{Origin: origin, Tuple: v4, Start: start, End: start})
	if err := e.Flush(); err != nil {
		t.Fatal(err)
	}
	for name, n := range map[string]int{"flows": flows, "postcards": postcards, "events": events, "heavy flows": heavy} {
		if n < 1000 {
			t.Errorf("%d %s were read", n, name)
		}
	}
	if n := reader.Stats().Failed; n != 0 {
		t.Errorf("%d records failed", n)
	}
}
