package export

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/proto/ipfix"
	"github.com/openifit/openifit/proto/ipfix/ie"
	"github.com/openifit/openifit/proto/ipfix/records"
)

const enterprise = 32473

// collecting is a Collecting Process that decodes what arrives.
type collecting struct {
	conn *net.UDPConn
	done chan struct{}

	mu        sync.Mutex
	session   *ipfix.Session
	flows     []records.Flow
	events    []records.Event
	cards     []records.Postcard
	heavy     []records.HeavyFlow
	distinct  []records.Distinct
	spreaders []records.Spreader
	names     map[uint32]string
	selector  []records.Selector
	losses    records.ExporterReliability
	order     []string
	errs      []error
}

func (c *collecting) visitor() records.Visitor {
	return records.Visitor{
		Flow: func(_ ipfix.Header, f *records.Flow) {
			c.flows, c.order = append(c.flows, *f), append(c.order, "flow")
		},
		Event: func(_ ipfix.Header, e *records.Event) {
			c.events, c.order = append(c.events, *e), append(c.order, "event")
		},
		Postcard:   func(_ ipfix.Header, p *records.Postcard) { c.cards = append(c.cards, *p) },
		HeavyFlow:  func(_ ipfix.Header, h *records.HeavyFlow) { c.heavy = append(c.heavy, *h) },
		Distinct:   func(_ ipfix.Header, d *records.Distinct) { c.distinct = append(c.distinct, *d) },
		Spreader:   func(_ ipfix.Header, x *records.Spreader) { c.spreaders = append(c.spreaders, *x) },
		PolicyName: func(_ ipfix.Header, n *records.PolicyName) { c.names[n.Policy] = n.Name },
		Selector:   func(_ ipfix.Header, s *records.Selector) { c.selector = append(c.selector, *s) },
		ExporterReliability: func(_ ipfix.Header, r *records.ExporterReliability) {
			c.losses = *r
		},
	}
}

func (c *collecting) reset(t *testing.T) *records.Reader {
	t.Helper()
	c.names = make(map[uint32]string)
	c.session = ipfix.NewSession(ie.NewModel(enterprise), ipfix.UDP, ipfix.Limits{})
	reader, err := records.NewReader(c.visitor())
	if err != nil {
		t.Fatal(err)
	}
	return reader
}

// listen starts a Collecting Process; port 0 takes a free one.
func listen(t *testing.T, port uint16) *collecting {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: int(port)})
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.SetReadBuffer(8 << 20); err != nil {
		t.Fatal(err)
	}
	c := &collecting{conn: conn, done: make(chan struct{})}
	reader := c.reset(t)
	go func() {
		defer close(c.done)
		buf := make([]byte, 65535)
		for {
			n, err := conn.Read(buf)
			if err != nil {
				return
			}
			c.take(reader, buf[:n])
		}
	}()
	t.Cleanup(c.stop)
	return c
}

func (c *collecting) take(reader *records.Reader, message []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.session.Decode(time.Now(), message, reader.Read); err != nil {
		c.errs = append(c.errs, err)
	}
}

func (c *collecting) stop() {
	_ = c.conn.Close()
	<-c.done
}

func (c *collecting) address() netip.AddrPort { return c.conn.LocalAddr().(*net.UDPAddr).AddrPort() }

func (c *collecting) flowCount() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.flows)
}

func (c *collecting) check(t *testing.T) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.session.Stats(); len(c.errs) > 0 || s.DroppedSets > 0 || s.LostRecords > 0 {
		t.Errorf("collector: errors %v, statistics %+v", c.errs, s)
	}
}

// wait polls until a condition holds.
func wait(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

func toward(name string, address netip.AddrPort) Collector {
	return Collector{Name: name, Address: address, DSCP: 1, TemplateRefresh: time.Hour, PathMTU: 1500}
}

func exporting(collectors ...string) Policy {
	return Policy{
		PolicyRef: flow.PolicyRef{ID: 1, Generation: 3}, Name: "p", Owner: "tests", Collectors: collectors,
		FlowKeys: records.DefaultFlowKeys(), BatchTimeout: 10 * time.Millisecond,
	}
}

func config(collectors []Collector, policies ...Policy) Config {
	return Config{
		ObservationDomain: 11, NodeID: 12, EnterpriseNumber: enterprise,
		Collectors: collectors, Policies: policies, Interfaces: []Interface{{2, "eth0"}},
	}
}

func configure(t testing.TB, p *Process, cfg Config) {
	t.Helper()
	commit, err := p.Prepare(cfg)
	if err != nil {
		t.Fatal(err)
	}
	commit()
}

// start runs an Exporting Process and returns it with a function that ends it.
func start(t testing.TB, dial Dialer, cfg Config) (*Process, func()) {
	t.Helper()
	p := New(dial, func() Statistics { return Statistics{} }, slog.New(slog.DiscardHandler))
	configure(t, p, cfg)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- p.Run(ctx) }()
	var once sync.Once
	stop := func() {
		once.Do(func() {
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(stop)
	return p, stop
}

func flowRecord(i int) *records.Flow {
	f := &records.Flow{
		Origin: records.Origin{Policy: 1, Generation: 3}, IPVersion: 4,
		Tuple: records.Tuple{
			Source: netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), Destination: netip.AddrFrom4([4]byte{10, 9, 9, 9}),
			SourcePort: uint16(i), DestinationPort: 80, Protocol: 6,
		},
		Packets: 1, Octets: 100, Start: 1e18, End: 1e18 + 1e9, EndReason: records.EndIdle,
	}
	if i%2 == 1 {
		f.IPVersion = 6
		f.Source, f.Destination = netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::2")
	}
	return f
}

func TestAbsentCollectorCostsNothingButRecords(t *testing.T) {
	// A port that was free a moment ago stands for the absent collector.
	absent := listen(t, 0)
	address := absent.address()
	absent.stop()
	p, stop := start(t, DialUDP, config([]Collector{toward("c", address)}, exporting("c")))
	wait(t, "the collector is known to be away", func() bool { return p.Collectors()[0].State == BackingOff })
	const offered = queuedFlows + 5000
	for i := range offered {
		p.Flow(flowRecord(i))
	}
	if got := p.Policy(1); got.Exported != 0 || got.Dropped != 5000 {
		t.Errorf("with the collector away: %+v, want 5000 dropped", got)
	}
	back := listen(t, address.Port())
	wait(t, "the queue has been sent", func() bool { return p.Policy(1).Exported+p.Policy(1).Dropped == offered })
	wait(t, "what was sent has arrived", func() bool { return back.flowCount() == int(p.Policy(1).Exported) })
	state := p.Collectors()[0]
	if state.State != Established || state.Reconnects == 0 || state.LastError == "" || state.Queued != 0 {
		t.Errorf("state %+v", state)
	}
	stop()
	back.check(t)
	back.mu.Lock()
	defer back.mu.Unlock()
	if back.losses.NotSentFlows != 5000 || back.losses.NotSentOctets != 500000 {
		t.Errorf("the collector was told of losses %+v", back.losses)
	}
	for _, f := range back.flows {
		if f.Packets != 1 || f.Origin != (records.Origin{Policy: 1, Generation: 3, Node: 12}) {
			t.Fatalf("flow %+v", f)
		}
	}
}

func TestRestartedCollectorLearnsAnew(t *testing.T) {
	first := listen(t, 0)
	address := first.address()
	p, _ := start(t, DialUDP, config([]Collector{toward("c", address)}, exporting("c")))
	for i := range 100 {
		p.Flow(flowRecord(i))
	}
	wait(t, "the first records have arrived", func() bool { return first.flowCount() == 100 })
	first.check(t)
	first.stop()
	// The next message finds nobody; everything from then on must wait.
	sent := 100
	wait(t, "the loss is noticed", func() bool {
		p.Flow(flowRecord(0))
		sent++
		return p.Collectors()[0].State == BackingOff
	})
	second := listen(t, address.Port())
	for i := range 100 {
		p.Flow(flowRecord(i))
		sent++
	}
	wait(t, "all is accounted for", func() bool { return p.Policy(1).Exported+p.Policy(1).Dropped == uint64(sent) })
	wait(t, "what was sent has arrived", func() bool { return 100+second.flowCount() == int(p.Policy(1).Exported) })
	second.mu.Lock()
	defer second.mu.Unlock()
	if len(second.errs) > 0 || second.session.Stats().DroppedSets > 0 || second.names[1] != "p" {
		t.Errorf("after the restart: %v, %+v, names %v", second.errs, second.session.Stats(), second.names)
	}
}

// gate is a connection that lets Messages through when it is told to.
type gate struct {
	open chan struct{}
	sink func([]byte)
	fail func() error
}

func (g *gate) MaxLength() (int, error) { return 65535, nil }
func (g *gate) Fits(int) bool           { return true }
func (g *gate) Flush() error            { return nil }

func (g *gate) Write(m ipfix.Message) error {
	if g.fail != nil {
		if err := g.fail(); err != nil {
			return err
		}
	}
	<-g.open
	g.sink(m.Octets)
	return nil
}
func (g *gate) Reusable(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }
func (g *gate) Close() error            { return nil }

func through(g *gate) Dialer {
	return func(context.Context, *Collector) (Conn, error) { return g, nil }
}

func TestEventsOvertakeBulk(t *testing.T) {
	c := &collecting{done: make(chan struct{})}
	reader := c.reset(t)
	g := &gate{open: make(chan struct{}), sink: func(m []byte) { c.take(reader, m) }}
	p, stop := start(t, through(g), config([]Collector{toward("c", netip.MustParseAddrPort("192.0.2.1:4739"))}, exporting("c")))
	for i := range 5000 {
		p.Flow(flowRecord(i))
	}
	p.Event(77, "slow", &flow.Event{
		Policy: flow.PolicyRef{ID: 1, Generation: 3}, Metric: flow.MetricTransitDelay, State: flow.EventRaised,
		Time: 1e18, Value: 5, Threshold: 4, EgressIfindex: 2,
	})
	close(g.open)
	wait(t, "all is sent", func() bool { return p.Policy(1).Exported == 5001 })
	stop()
	at := slices.Index(c.order, "event")
	if len(c.order) != 5001 || at < 0 || at > turn+100 {
		t.Errorf("the event came at place %d of %d", at, len(c.order))
	}
	if e := c.events[0]; e.ID != 77 || e.Trigger != "slow" || e.Value != 5 || e.Node != 12 {
		t.Errorf("event %+v", e)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.errs) > 0 || c.session.Stats().LostRecords > 0 {
		t.Errorf("%v %+v", c.errs, c.session.Stats())
	}
}

func TestBrokenConnectionIsMadeAnew(t *testing.T) {
	c := &collecting{done: make(chan struct{})}
	reader := c.reset(t)
	open := make(chan struct{})
	close(open)
	tries := 0
	g := &gate{open: open, sink: func(m []byte) { c.take(reader, m) }, fail: func() error {
		if tries++; tries == 2 || tries == 3 {
			return syscall.ENETUNREACH
		}
		return nil
	}}
	p, stop := start(t, through(g), config([]Collector{toward("c", netip.MustParseAddrPort("192.0.2.1:4739"))}, exporting("c")))
	const offered = 2000
	for i := range offered {
		p.Flow(flowRecord(i))
	}
	wait(t, "all is accounted for", func() bool { return p.Policy(1).Exported+p.Policy(1).Dropped == offered })
	stop()
	if got := p.Policy(1); len(c.flows) != int(got.Exported) || got.Exported == 0 || len(c.errs) > 0 {
		t.Errorf("%d arrived, counters %+v, errors %v", len(c.flows), got, c.errs)
	}
}

func TestCeilings(t *testing.T) {
	collector := listen(t, 0)
	limited := exporting("c")
	limited.MaxRecords = 10
	p, stop := start(t, DialUDP, config([]Collector{toward("c", collector.address())}, limited))
	for i := range 1000 {
		p.Flow(flowRecord(i))
	}
	wait(t, "all is accounted for", func() bool { return p.Policy(1).Exported+p.Policy(1).Dropped == 1000 })
	if got := p.Policy(1); got.Dropped < 500 || got.Exported < 10 {
		t.Errorf("10 records/s of 1000: %+v", got)
	}
	stop()

	// With 1 octet/s, nothing leaves behind the first burst.
	cfg := config([]Collector{toward("c", collector.address())}, exporting("c"))
	cfg.MaxOctets = 1
	p, stop = start(t, DialUDP, cfg)
	for i := range 2000 {
		p.Flow(flowRecord(i))
	}
	wait(t, "the burst is used up", func() bool { return p.Collectors()[0].Octets > maxDatagram-2*1500 })
	stop()
	got, state := p.Policy(1), p.Collectors()[0]
	if state.Octets > maxDatagram {
		t.Errorf("%d octets left under a ceiling of 1 octet/s with bursts of %d", state.Octets, maxDatagram)
	}
	if got.Exported+got.Dropped != 2000 || got.Dropped == 0 {
		t.Errorf("counters %+v do not add up to 2000", got)
	}
}

func TestReplicateAndFailover(t *testing.T) {
	a, b := listen(t, 0), listen(t, 0)
	collectors := []Collector{toward("a", a.address()), toward("b", b.address())}
	p, _ := start(t, DialUDP, config(collectors, exporting("a", "b")))
	p.Flow(flowRecord(0))
	wait(t, "both have it", func() bool { return a.flowCount() == 1 && b.flowCount() == 1 })
	if got := p.Policy(1); got.Exported != 2 {
		t.Errorf("counters %+v", got)
	}
	either := exporting("a", "b")
	either.Failover, either.Generation = true, 4
	configure(t, p, config(collectors, either))
	p.Flow(flowRecord(2))
	wait(t, "the first has it", func() bool { return a.flowCount() == 2 })
	a.stop()
	wait(t, "the second takes over", func() bool {
		p.Flow(flowRecord(4))
		return b.flowCount() > 1
	})
}

func TestPoliciesChangeUnderASession(t *testing.T) {
	c := listen(t, 0)
	cfg := config([]Collector{toward("c", c.address())}, exporting("c"))
	cfg.Policies[0].Selection = records.Selector{Algorithm: records.UniformProbabilistic, Probability: 0.5}
	p, _ := start(t, DialUDP, cfg)
	p.Flow(flowRecord(0))
	wait(t, "the first record has arrived", func() bool { return c.flowCount() == 1 })
	learnt := func() uint64 {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.session.Stats().TemplatesLearnt
	}
	before := learnt()
	cfg = config(cfg.Collectors, exporting("c"))
	cfg.Policies[0].Generation, cfg.Policies[0].Selection = 4, records.Selector{Algorithm: records.UniformProbabilistic, Probability: 0.25}
	configure(t, p, cfg)
	next := flowRecord(0)
	next.Generation = 4
	p.Flow(next)
	wait(t, "the second record has arrived", func() bool { return c.flowCount() == 2 })
	c.mu.Lock()
	last := c.selector[len(c.selector)-1]
	if last.Probability != 0.25 || last.Selector != selectorID(1, 4) || c.flows[1].Selector != last.Selector || c.flows[0].Selector != selectorID(1, 3) {
		t.Errorf("selectors %+v, flows %+v", c.selector, c.flows)
	}
	c.mu.Unlock()
	if learnt() != before {
		t.Errorf("a new rate made the collector learn %d templates", learnt()-before)
	}
	// A policy that is gone still has records on their way.
	configure(t, p, config(cfg.Collectors))
	p.Flow(next)
	wait(t, "the last record has arrived", func() bool { return c.flowCount() == 3 })
	// Without the collector there is nowhere to go.
	configure(t, p, config(nil))
	p.Flow(next)
	if p.Unrouted() != 1 {
		t.Errorf("%d records without a way", p.Unrouted())
	}
}

func TestPostcardsAndHeavyFlows(t *testing.T) {
	c := listen(t, 0)
	p, _ := start(t, DialUDP, config([]Collector{toward("c", c.address())}, exporting("c")))
	id := flow.ID{Source: netip.MustParseAddr("10.0.0.1"), Destination: netip.MustParseAddr("10.0.0.2"), SourcePort: 1, DestinationPort: 2, Protocol: 17}
	ref := flow.PolicyRef{ID: 1, Generation: 3}
	p.Postcards([]flow.Postcard{
		{ID: id, Policy: ref, PacketID: 0xfeedbeef, IngressTime: 1e18, EgressTime: 1e18 + 1500, IngressIfindex: 2, EgressIfindex: 3, Length: 120, Segments: 1, HopLimit: 62, DSCP: 46},
		{ID: id, Policy: flow.PolicyRef{ID: 9}},
	})
	p.Epoch(&flow.Epoch{
		Policy: ref, Start: 1e18, End: 2e18,
		Heavy:     []flow.HeavyFlow{{ID: id, Policy: ref, Rank: 2, Octets: 1000, Packets: 10, Start: 1e18, End: 2e18}},
		Distinct:  &flow.Distinct{Flows: 30, Sources: 20, Destinations: 10},
		Spreaders: []flow.Spreader{{Rank: 1, Source: id.Source, Destinations: 900}},
	})
	wait(t, "all have arrived", func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return len(c.cards) == 1 && len(c.heavy) == 1 && len(c.distinct) == 1 && len(c.spreaders) == 1
	})
	c.mu.Lock()
	defer c.mu.Unlock()
	card := c.cards[0]
	if card.PacketID != 0xfeedbeef || card.TransitDelay != 1500 || card.Length != 120 || card.HopLimit != 62 ||
		card.DiffServ != 46 || card.Direction != records.Egress || card.Tuple != tuple(&id) || card.EgressTime != 1e18+1500 {
		t.Errorf("postcard %+v", card)
	}
	if d := c.distinct[0]; d.Flows != 30 || d.Sources != 20 || d.Destinations != 10 || d.Start != 1e18 || d.Policy != 1 {
		t.Errorf("distinct %+v", d)
	}
	if x := c.spreaders[0]; x.Source != id.Source || x.Destinations != 900 || x.Rank != 1 {
		t.Errorf("spreader %+v", x)
	}
	if h := c.heavy[0]; h.Rank != 2 || h.Octets != 1000 || h.Tuple != tuple(&id) {
		t.Errorf("heavy flow %+v", h)
	}
	if p.Unrouted() != 1 {
		t.Errorf("%d records without a way, want 1", p.Unrouted())
	}
}

func TestSourceAddressThatIsNotOurs(t *testing.T) {
	c := toward("c", netip.MustParseAddrPort("127.0.0.1:4739"))
	c.Source = netip.MustParseAddr("192.0.2.77")
	p, stop := start(t, DialUDP, config([]Collector{c}, exporting("c")))
	wait(t, "the failure is known", func() bool { return p.Collectors()[0].LastError != "" })
	p.Flow(flowRecord(0))
	stop()
	if got := p.Policy(1); got.Dropped != 1 || got.Exported != 0 {
		t.Errorf("counters %+v", got)
	}
}

func TestQueueingAllocatesNothing(t *testing.T) {
	p := New(DialUDP, nil, slog.New(slog.DiscardHandler))
	configure(t, p, config([]Collector{toward("c", netip.MustParseAddrPort("192.0.2.1:4739"))}, exporting("c")))
	f := flowRecord(0)
	card := []flow.Postcard{{ID: flow.ID{Source: f.Source, Destination: f.Destination}, Policy: flow.PolicyRef{ID: 1}}}
	for range queuedFlows {
		p.Flow(f)
	}
	if n := testing.AllocsPerRun(10000, func() { p.Postcards(card) }); n > 0.1 {
		t.Errorf("%v allocations for a postcard", n)
	}
}

func BenchmarkFlowToMessage(b *testing.B) {
	open := make(chan struct{})
	close(open)
	g := &gate{open: open, sink: func([]byte) {}}
	p, stop := start(b, through(g), config([]Collector{toward("c", netip.MustParseAddrPort("192.0.2.1:4739"))}, exporting("c")))
	f := flowRecord(0)
	b.ReportAllocs()
	for b.Loop() {
		p.Flow(f)
	}
	stop()
	c := p.Policy(1)
	b.ReportMetric(float64(c.Dropped)/float64(c.Exported+c.Dropped), "dropped")
}
