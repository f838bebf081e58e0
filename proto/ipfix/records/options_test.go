package records_test

import (
	"os"
	"strings"
	"testing"

	"github.com/openifit/openifit/proto/ipfix"
	"github.com/openifit/openifit/proto/ipfix/ie"
	"github.com/openifit/openifit/proto/ipfix/records"
)

func TestOptionsRoundTrip(t *testing.T) {
	tmpl, err := records.PolicyNameTemplate(model)
	through(t, tmpl, err, func(v *records.Visitor, f func(ipfix.Header, *records.PolicyName)) { v.PolicyName = f },
		records.PolicyName{Policy: 7, Name: "elephants.raise", Owner: "controller-1"})
	tmpl, err = records.InterfaceNameTemplate(model)
	through(t, tmpl, err, func(v *records.Visitor, f func(ipfix.Header, *records.InterfaceName)) { v.InterfaceName = f },
		records.InterfaceName{Interface: 3, Name: "eth0"})
	tmpl, err = records.ExporterReliabilityTemplate(model)
	through(t, tmpl, err, func(v *records.Visitor, f func(ipfix.Header, *records.ExporterReliability)) {
		v.ExporterReliability = f
	},
		records.ExporterReliability{ExportingProcess: 1, NotSentFlows: 2, NotSentPackets: 3, NotSentOctets: 4, First: start, Last: start + 1})
	tmpl, err = records.MeterReliabilityTemplate(model)
	through(t, tmpl, err, func(v *records.Visitor, f func(ipfix.Header, *records.MeterReliability)) { v.MeterReliability = f },
		records.MeterReliability{Domain: 9, MeteringProcess: 1, IgnoredPackets: 2, IgnoredOctets: 3, First: start, Last: start + 1, RingLost: 4, InsertRefused: 5})
	tmpl, err = records.MeterReliabilityTemplate(ie.NewModel(0))
	through(t, tmpl, err, func(v *records.Visitor, f func(ipfix.Header, *records.MeterReliability)) { v.MeterReliability = f },
		records.MeterReliability{Domain: 9, MeteringProcess: 1, IgnoredPackets: 2, IgnoredOctets: 3})
	tmpl, err = records.MeterStatisticsTemplate(model)
	through(t, tmpl, err, func(v *records.Visitor, f func(ipfix.Header, *records.MeterStatistics)) { v.MeterStatistics = f },
		records.MeterStatistics{Domain: 9, MeteringProcess: 1, ExportedMessages: 2, ExportedFlowRecords: 3, ExportedOctets: 4})
	tmpl, err = records.SelectionSequenceTemplate(model)
	through(t, tmpl, err, func(v *records.Visitor, f func(ipfix.Header, *records.SelectionSequence)) { v.SelectionSequence = f },
		records.SelectionSequence{Sequence: 1, Point: 2, Selector: 3})
	tmpl, err = records.SequenceStatisticsTemplate(model)
	through(t, tmpl, err, func(v *records.Visitor, f func(ipfix.Header, *records.SequenceStatistics)) { v.SequenceStatistics = f },
		records.SequenceStatistics{Sequence: 1, Observed: 1 << 40, Selected: 1 << 30})
}

func TestSelectorRoundTrip(t *testing.T) {
	for _, s := range []records.Selector{
		{Algorithm: records.SystematicCount, PacketInterval: 1, PacketSpace: 99},
		{Algorithm: records.SystematicTime, TimeInterval: 1000, TimeSpace: 9000},
		{Algorithm: records.RandomNOutOfN, Size: 1, Population: 100},
		{Algorithm: records.UniformProbabilistic, Probability: 0.015625},
		{Algorithm: records.SystematicCount, PacketInterval: 1, PacketSpace: 99, Scope: records.ScopeFlows},
		{Algorithm: records.PropertyMatch, TCPControlBits: 2, TCPControlBitsAbsent: 16, MinimumLength: 40, MaximumLength: 65535,
			MinimumHopLimit: 1, MaximumHopLimit: 255, ECNCodepoints: 8, FragmentMatch: 1},
		{Algorithm: records.HashBOB, PayloadOffset: 4, PayloadSize: 16, OutputRangeMax: 1<<32 - 1, SelectedRanges: ranges(1), DigestOutput: true},
		{Algorithm: records.HashIPSX, PayloadSize: 16, OutputRangeMax: 1<<16 - 1, SelectedRanges: ranges(3)},
		{Algorithm: records.HashCRC, PayloadSize: 16, OutputRangeMax: 1<<32 - 1, SelectedRanges: ranges(8)},
	} {
		s.Selector, s.Policy, s.Generation = 5, 7, 3
		tmpl, err := records.SelectorTemplate(model, s.Algorithm, s.Ranges())
		through(t, tmpl, err, func(v *records.Visitor, f func(ipfix.Header, *records.Selector)) { v.Selector = f }, s)
	}
}

func TestNoSelectorTemplate(t *testing.T) {
	for _, c := range []struct {
		algorithm records.Algorithm
		ranges    int
	}{{99, 0}, {9, 1}, {records.HashBOB, 0}, {records.HashCRC, 9}, {records.UniformProbabilistic, 1}} {
		if _, err := records.SelectorTemplate(model, c.algorithm, c.ranges); err == nil {
			t.Errorf("algorithm %d with %d ranges has a template", c.algorithm, c.ranges)
		}
	}
}

// ranges makes so many, the first of which holds 0.
func ranges(n int) (s records.SelectedRanges) {
	var list []records.HashRange
	for i := range uint64(n) {
		list = append(list, records.HashRange{Min: 100 * i, Max: 100*i + 9})
	}
	s.Select(list...)
	return s
}

func TestTypeInformation(t *testing.T) {
	tmpl, err := records.TypeInformationTemplate(model)
	if err != nil {
		t.Fatal(err)
	}
	described := records.DescribePrivate(model)
	table, err := os.ReadFile("../ie/gen/ifit.csv")
	if err != nil {
		t.Fatal(err)
	}
	if rows := strings.Count(string(table), "\n") - 1; len(described) != rows || rows < 26 {
		t.Fatalf("%d private elements of %d are described", len(described), rows)
	}
	// A collector that knows only the registry learns all of them.
	learnt := ie.NewModel(0)
	e, _ := link(t, records.Visitor{TypeInformation: func(_ ipfix.Header, info *records.TypeInformation) {
		element, err := info.Element()
		if err != nil {
			t.Fatal(err)
		}
		if learnt, err = learnt.With(element); err != nil {
			t.Fatal(err)
		}
	}})
	s, err := ipfix.NewStream[records.TypeInformation](e, tmpl)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range described {
		if err := s.Write(&d); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Flush(); err != nil {
		t.Fatal(err)
	}
	for _, want := range model.Private() {
		if got, ok := learnt.Lookup(want.ID); !ok || got != want {
			t.Errorf("learnt %+v, %v, want %+v", got, ok, want)
		}
	}
}

func TestTypeInformationRefuses(t *testing.T) {
	for reason, info := range map[string]records.TypeInformation{
		"is not a private one":    {Number: 1, Name: "octetDeltaCount"},
		"29305 is not":            {PEN: ie.ReversePEN, Number: 1, Name: "x"},
		"it gives no name":        {PEN: 9, Number: 1},
		"data type 24 is unknown": {PEN: 9, Number: 1, Name: "x", Type: 24},
	} {
		if _, err := info.Element(); err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("%+v: got %v, want %q", info, err, reason)
		}
	}
}
