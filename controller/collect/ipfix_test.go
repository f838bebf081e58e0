package collect_test

import (
	"context"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/openconfig/ygot/ygot"

	"github.com/openifit/openifit/controller/collect"
	"github.com/openifit/openifit/controller/inventory"
	"github.com/openifit/openifit/gen/yang"
	"github.com/openifit/openifit/proto/ipfix"
	"github.com/openifit/openifit/proto/ipfix/ie"
	"github.com/openifit/openifit/proto/ipfix/records"
)

var tuple = records.Tuple{
	Source: netip.MustParseAddr("192.0.2.1"), Destination: netip.MustParseAddr("198.51.100.2"),
	SourcePort: 1024, DestinationPort: 443, Protocol: 6,
}

// domain returns an inventory in which r1 has told to be Observation Domain 9.
func domain(t testing.TB) *inventory.Inventory {
	t.Helper()
	inv, err := inventory.New(inventory.Config{
		Nodes: []inventory.NodeConfig{{Name: "r1", Address: "192.0.2.11:9339", Role: inventory.Head}},
	}, func(inventory.Node) {})
	if err != nil {
		t.Fatal(err)
	}
	d := &yang.Device{}
	d.GetOrCreateIfit().GetOrCreateDomain().GetOrCreateState().ObservationDomainId = ygot.Uint32(9)
	inv.Observe("r1", d, time.Now())
	return inv
}

func listen(t testing.TB, inv *inventory.Inventory) *collect.IPFIX {
	t.Helper()
	c, err := collect.Listen(netip.MustParseAddrPort("127.0.0.1:0"), ie.ExperimentalPEN, inv)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// exporter writes messages of a domain to a sink.
func exporter(t testing.TB, id uint32, sink func([]byte)) *ipfix.Exporter {
	t.Helper()
	e, err := ipfix.NewExporter(ipfix.ExporterConfig{Domain: id, MaxLength: 1400}, func(m ipfix.Message) error {
		sink(append([]byte(nil), m.Octets...))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func write[T any](t testing.TB, e *ipfix.Exporter, tmpl *ipfix.Template, err error, list ...T) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	s, err := ipfix.NewStream[T](e, tmpl)
	if err != nil {
		t.Fatal(err)
	}
	for i := range list {
		if err := s.Write(&list[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Flush(); err != nil {
		t.Fatal(err)
	}
}

func postcards(t testing.TB, e *ipfix.Exporter, n int) {
	t.Helper()
	tmpl, err := records.PostcardTemplate(ie.NewModel(ie.ExperimentalPEN), records.IPv4)
	list := make([]records.Postcard, n)
	for i := range list {
		list[i] = records.Postcard{
			Origin: records.Origin{Policy: 7, Generation: 3}, Tuple: tuple, PacketID: uint64(i),
			HopLimit: 63, IngressInterface: 2, EgressInterface: 3, IngressTime: 1_700_000_000_000_000_000, EgressTime: 1_700_000_000_000_010_000,
			Segments: 1,
		}
	}
	write(t, e, tmpl, err, list...)
}

func TestReceive(t *testing.T) {
	inv := domain(t)
	c := listen(t, inv)
	from := netip.MustParseAddrPort("192.0.2.11:4000")
	var messages [][]byte
	model := ie.NewModel(ie.ExperimentalPEN)

	e := exporter(t, 9, func(m []byte) { messages = append(messages, m) })
	postcards(t, e, 40)
	tmpl, err := records.SelectorTemplate(model, records.UniformProbabilistic, 0)
	write(t, e, tmpl, err, records.Selector{Selector: 5, Algorithm: records.UniformProbabilistic, Probability: 0.25, Policy: 7})
	tmpl, err = records.FlowTemplate(model, records.IPv4, records.DefaultFlowKeys(), records.FlowOptions{TransitDelay: true, Sampled: true})
	write(t, e, tmpl, err,
		records.Flow{Origin: records.Origin{Policy: 7}, Tuple: tuple, Packets: 10, Octets: 1000, Direction: records.Egress,
			IngressInterface: 2, EgressInterface: 3, DelayPackets: 2, DelaySum: 30, DelayMin: 10, DelayMax: 20, Selector: 5},
		records.Flow{Origin: records.Origin{Policy: 7}, Tuple: tuple, Packets: 1, Octets: 100, IngressInterface: 2, Selector: 6})
	tmpl, err = records.EventTemplate(model, records.NoFlow)
	write(t, e, tmpl, err, records.Event{ID: 1, Metric: records.TransitDelay, State: records.Raised})
	stranger := exporter(t, 8, func(m []byte) { messages = append(messages, m) })
	postcards(t, stranger, 1)

	now := time.Now()
	for i, m := range messages {
		if i == 1 {
			// One message of postcards is lost on its way.
			continue
		}
		c.Receive(now, from, m)
		now = now.Add(2 * time.Second)
	}
	c.Receive(now, from, []byte("this is no IPFIX"))

	cards := <-c.Postcards
	if p := cards[0]; p.Node != "r1" || p.PolicyID != 7 || p.Generation != 3 || p.Flow.DestinationPort != 443 ||
		p.Egress-p.Ingress < 9_990 || p.Egress-p.Ingress > 10_010 || p.HopLimit != 63 || p.Authenticated {
		t.Errorf("postcard %+v", p)
	}
	for len(c.Postcards) > 0 {
		cards = append(cards, <-c.Postcards...)
	}
	flows := <-c.Flows
	for len(c.Flows) > 0 {
		flows = append(flows, <-c.Flows...)
	}
	if len(flows) != 2 || !flows[0].Egress || flows[0].Ifindex != 3 || flows[0].Ratio != 0.25 || flows[0].Delay.Mean() != 15 ||
		flows[1].Ratio != 0 || flows[1].Ifindex != 2 {
		t.Errorf("flows %+v", flows)
	}
	n := c.Counters()
	lost := uint64(40 - len(cards))
	if n.Postcards != uint64(len(cards))+1 || n.Lost != lost || lost == 0 || n.Flows != 2 || n.Events != 1 ||
		n.Malformed != 1 || n.UnknownDomain != 1 || n.Messages != uint64(len(messages)) {
		t.Errorf("counters %+v, %d postcards", n, len(cards))
	}
	if len(c.Postcards) != 0 {
		t.Error("an event came out as something else")
	}
}

// TestBusy fills the queue, and expects that what is lost is counted.
func TestBusy(t *testing.T) {
	c := listen(t, domain(t))
	sent := uint64(0)
	e := exporter(t, 9, func(m []byte) { c.Receive(time.Now(), netip.MustParseAddrPort("192.0.2.11:4000"), m) })
	for range 40 {
		postcards(t, e, 600)
		sent += 600
	}
	kept := uint64(0)
	for len(c.Postcards) > 0 {
		kept += uint64(len(<-c.Postcards))
	}
	if n := c.Counters(); n.DroppedPostcards == 0 || kept+n.DroppedPostcards != sent {
		t.Errorf("sent %d, kept %d, counters %+v", sent, kept, n)
	}
}

func TestSocket(t *testing.T) {
	c := listen(t, domain(t))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	conn, err := net.Dial("udp", c.Address().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	e := exporter(t, 9, func(m []byte) {
		if _, err := conn.Write(m); err != nil {
			t.Error(err)
		}
	})
	postcards(t, e, 1)
	select {
	case got := <-c.Postcards:
		if len(got) != 1 {
			t.Errorf("postcards %+v", got)
		}
	case <-time.After(20 * time.Second):
		t.Error("nothing came")
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if _, err := collect.Listen(netip.MustParseAddrPort("192.0.2.1:0"), 1, domain(t)); err == nil {
		t.Error("listens where it cannot")
	}
}

func BenchmarkReceive(b *testing.B) {
	c := listen(b, domain(b))
	var messages [][]byte
	postcards(b, exporter(b, 9, func(m []byte) { messages = append(messages, m) }), 1000)
	from := netip.MustParseAddrPort("192.0.2.11:4000")
	now := time.Now()
	records := 0
	go func() {
		for range c.Postcards {
		}
	}()
	b.ReportAllocs()
	b.ResetTimer()
	for i := 0; records < b.N; i++ {
		before := c.Counters().Postcards
		c.Receive(now, from, messages[i%len(messages)])
		records += int(c.Counters().Postcards - before)
	}
	b.ReportMetric(float64(records)/b.Elapsed().Seconds(), "postcards/s")
	b.StopTimer()
	close(c.Postcards)
}
