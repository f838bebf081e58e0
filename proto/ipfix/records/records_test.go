package records_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/openifit/openifit/proto/ipfix"
	"github.com/openifit/openifit/proto/ipfix/ie"
	"github.com/openifit/openifit/proto/ipfix/records"
)

var (
	model  = ie.NewModel(ie.ExperimentalPEN)
	origin = records.Origin{Policy: 7, Generation: 3, Node: 0x123456}
	start  = ipfix.UnixNano(1_700_000_000_123_456_789)
	coarse = ipfix.UnixNano(1_700_000_000_123_000_000) // what milliseconds can tell
	v4     = records.Tuple{
		Source: netip.MustParseAddr("192.0.2.1"), Destination: netip.MustParseAddr("198.51.100.2"),
		SourcePort: 1024, DestinationPort: 443, Protocol: 6,
	}
	v6 = records.Tuple{
		Source: netip.MustParseAddr("2001:db8::1"), Destination: netip.MustParseAddr("2001:db8::2"),
		SourcePort: 53, DestinationPort: 5353, Protocol: 17,
	}
)

// link joins an exporter to a reader, so that what is written is read at once
// after Flush.
func link(t testing.TB, v records.Visitor) (*ipfix.Exporter, *records.Reader) {
	t.Helper()
	reader, err := records.NewReader(v)
	if err != nil {
		t.Fatal(err)
	}
	session := ipfix.NewSession(model, ipfix.UDP, ipfix.Limits{})
	now := time.Unix(1_700_000_000, 0)
	e, err := ipfix.NewExporter(ipfix.ExporterConfig{Domain: 9, MaxLength: 1400}, func(m ipfix.Message) error {
		return session.Decode(now, m.Octets, reader.Read)
	})
	if err != nil {
		t.Fatal(err)
	}
	return e, reader
}

// through sends a record and returns what was read.
func through[T any](t *testing.T, tmpl *ipfix.Template, tmplErr error, bind func(*records.Visitor, func(ipfix.Header, *T)), in T) {
	t.Helper()
	if tmplErr != nil {
		t.Fatal(tmplErr)
	}
	var got []T
	var v records.Visitor
	bind(&v, func(h ipfix.Header, r *T) {
		if h.Domain != 9 {
			t.Errorf("record came from domain %d", h.Domain)
		}
		got = append(got, *r)
	})
	e, reader := link(t, v)
	s, err := ipfix.NewStream[T](e, tmpl)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Write(&in); err != nil {
		t.Fatal(err)
	}
	if err := e.Flush(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]T{in}, got, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
		t.Errorf("written and read differ (-written +read):\n%s", diff)
	}
	if n := reader.Stats().Failed; n != 0 {
		t.Errorf("%d records failed", n)
	}
}

func TestRoundTrip(t *testing.T) {
	flow := records.Flow{
		Origin: origin, Tuple: v4, IngressInterface: 2, EgressInterface: 3, Direction: records.Egress,
		Octets: 1 << 40, Packets: 1 << 33, Start: coarse, End: coarse + 1e6, TCPControlBits: 0x1ff,
		MinimumHopLimit: 60, MaximumHopLimit: 64, EndReason: records.EndActive,
		DelayMin: 1, DelayMax: 2, DelayMean: 6, DelaySum: 3, DelayPackets: 4, Selector: 5,
	}
	postcard := records.Postcard{
		Origin: origin, Tuple: v4, PacketID: 0xbd49d10d, HopLimit: 63, DiffServ: 46, Direction: records.Egress,
		IngressInterface: 2, EgressInterface: 3, IngressTime: start, EgressTime: start + 2800, TransitDelay: 2800,
		Length: 1500, Segments: 1,
	}
	event := records.Event{
		ID: 1 << 50, Time: start, Origin: origin, Metric: records.PathChange, State: records.Momentary,
		Value: 1, Threshold: 2, IngressInterface: 3, EgressInterface: 4, HopLimit: 60,
		PreviousIngressInterface: 5, PreviousEgressInterface: 6, PreviousHopLimit: 61, Trigger: "slow", Tuple: v4,
		DropReason: "QDISC_DROP", DropLocation: "__dev_queue_xmit",
	}
	heavy := records.HeavyFlow{Origin: origin, Tuple: v4, Rank: 1, Octets: 10, Packets: 2, Start: start, End: start + 5}

	flows := func(v *records.Visitor, f func(ipfix.Header, *records.Flow)) { v.Flow = f }
	postcards := func(v *records.Visitor, f func(ipfix.Header, *records.Postcard)) { v.Postcard = f }
	events := func(v *records.Visitor, f func(ipfix.Header, *records.Event)) { v.Event = f }
	heavies := func(v *records.Visitor, f func(ipfix.Header, *records.HeavyFlow)) { v.HeavyFlow = f }

	drops := func(v *records.Visitor, f func(ipfix.Header, *records.Drop)) { v.Drop = f }
	culprits := func(v *records.Visitor, f func(ipfix.Header, *records.Culprit)) { v.Culprit = f }
	spreaders := func(v *records.Visitor, f func(ipfix.Header, *records.Spreader)) { v.Spreader = f }
	distinct := func(v *records.Visitor, f func(ipfix.Header, *records.Distinct)) { v.Distinct = f }
	t.Run("distinct", func(t *testing.T) {
		tmpl, err := records.DistinctTemplate(model)
		through(t, tmpl, err, distinct, records.Distinct{Origin: origin, Flows: 3, Sources: 2, Destinations: 1 << 40, Start: start, End: start + 5})
	})

	all := records.FlowOptions{TransitDelay: true, Sampled: true}
	for _, tuple := range []records.Tuple{v4, v6} {
		family := records.FamilyOf(tuple.Source)
		flow.Tuple, postcard.Tuple, event.Tuple, heavy.Tuple = tuple, tuple, tuple, tuple
		t.Run(family.String(), func(t *testing.T) {
			tmpl, err := records.FlowTemplate(model, family, records.DefaultFlowKeys(), all)
			through(t, tmpl, err, flows, flow)
			tmpl, err = records.PostcardTemplate(model, family)
			through(t, tmpl, err, postcards, postcard)
			tmpl, err = records.EventTemplate(model, family)
			through(t, tmpl, err, events, event)
			tmpl, err = records.HeavyFlowTemplate(model, family)
			through(t, tmpl, err, heavies, heavy)
			tmpl, err = records.DropTemplate(model, family)
			through(t, tmpl, err, drops, records.Drop{
				Origin: origin, Tuple: tuple, IngressInterface: 2, EgressInterface: 3, Packets: 7, Octets: 1 << 40, Start: start, End: start + 5,
				Status: records.DroppedUnroutable, Reason: "IP_INNOROUTES", Location: "ip_error",
			})
			tmpl, err = records.CulpritTemplate(model, family)
			through(t, tmpl, err, culprits, records.Culprit{Event: 1 << 50, Origin: origin, Tuple: tuple, Rank: 8, Octets: 125_000})
			tmpl, err = records.SpreaderTemplate(model, family)
			through(t, tmpl, err, spreaders, records.Spreader{Origin: origin, Rank: 1, Source: tuple.Source, Destinations: 900, Start: start, End: start + 5})
		})
	}
	t.Run("event about no flow", func(t *testing.T) {
		event.Tuple = records.Tuple{}
		tmpl, err := records.EventTemplate(model, records.NoFlow)
		through(t, tmpl, err, events, event)
	})
}
