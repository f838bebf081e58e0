package ipfix_test

import (
	"encoding/binary"
	"testing"

	"github.com/openifit/openifit/proto/ipfix"
)

func TestNoAllocations(t *testing.T) {
	e, err := ipfix.NewExporter(ipfix.ExporterConfig{MaxLength: 400}, func(ipfix.Message) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	variable := append(append([]string{}, fixedFields[:15]...), "userName", "interfaceName", "ipHeaderPacketSection")
	for name, specs := range map[string][]string{"fixed": fixedFields, "variable": variable} {
		v := sample()
		s, err := ipfix.NewStream[all](e, mustTemplate(t, specs...))
		if err != nil {
			t.Fatal(err)
		}
		if n := testing.AllocsPerRun(1000, func() {
			if err := s.Write(&v); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%s: writing a record costs %v allocations", name, n)
		}
		readWithoutAllocation(t, name, specs)
	}
}

func readWithoutAllocation(t *testing.T, name string, specs []string) {
	e, p := newExporter(t, ipfix.ExporterConfig{MaxLength: 1400, FirstCopies: 1})
	stream, err := ipfix.NewStream[all](e, mustTemplate(t, specs...))
	if err != nil {
		t.Fatal(err)
	}
	v := sample()
	for range 4 {
		if err := stream.Write(&v); err != nil {
			t.Fatal(err)
		}
	}
	mustFlush(t, e)
	s := newSession(ipfix.UDP)
	d, err := ipfix.NewDecoder[all]()
	if err != nil {
		t.Fatal(err)
	}
	var got all
	visit := func(r *ipfix.Record) {
		if err := d.Decode(r, &got); err != nil {
			t.Error(err)
		}
	}
	sequence := uint32(0)
	if n := testing.AllocsPerRun(1000, func() {
		binary.BigEndian.PutUint32(p.messages[0][8:], sequence)
		sequence += 4
		if err := s.Decode(now, p.messages[0], visit); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%s: reading 4 records costs %v allocations", name, n)
	}
	if s.Stats().DataRecords < 4000 || got.U64 != v.U64 {
		t.Errorf("%s: %d records were read, the last with %d octets", name, s.Stats().DataRecords, got.U64)
	}
}
