package export

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/openifit/openifit/proto/ipfix"
	"github.com/openifit/openifit/proto/ipfix/records"
)

// Headers below an IPFIX Message over UDP, in octets.
const (
	ipv4UDPHeaders = 28
	ipv6UDPHeaders = 48
)

// turn is how many records of a kind leave before others get their chance.
const turn = 64

// farewell bounds how long a session takes to send its queue when it ends.
const farewell = time.Second

// session is the Transport Session with one collector. One goroutine runs it;
// others only queue records.
type session struct {
	collector  Collector
	dial       Dialer
	node       *rate.Limiter
	log        *slog.Logger
	view       atomic.Pointer[view]
	sum        *sums
	statistics func() Statistics
	wake       chan struct{}

	mu        sync.Mutex
	closed    bool // nothing will be sent any more
	events    lane[records.Event]
	heavy     lane[records.HeavyFlow]
	flows     lane[records.Flow]
	postcards lane[records.Postcard]

	// The rest belongs to the goroutine that runs the session.
	ctx      context.Context
	conn     Conn
	exporter *ipfix.Exporter // of what was measured
	process  *ipfix.Exporter // of what the Exporting Process says of itself
	options  options
	shown    *view // what the collector was told of last
	began    bool  // there was a connection before
	failure  error // of the last Message
	retry    backoff
	pending  []tally // of the open Message, by policy
	// due, refresh and statisticsDue are when the open Message, the templates
	// and the statistics must leave.
	due, refresh, statisticsDue time.Time

	counters sessionCounters
}

// tally is a number of records of one policy.
type tally struct {
	account *account
	records uint64
}

// Dialer opens the transport connection to a collector.
type Dialer func(context.Context, *Collector) (Conn, error)

func newSession(c Collector, p *Process, v *view) *session {
	s := &session{
		collector: c, dial: p.dial, node: p.node, statistics: p.statistics, sum: &p.sum,
		log:       p.log.With("collector", c.Name),
		wake:      make(chan struct{}, 1),
		events:    newLane[records.Event](queuedEvents),
		heavy:     newLane[records.HeavyFlow](queuedHeavyFlows),
		flows:     newLane[records.Flow](queuedFlows),
		postcards: newLane[records.Postcard](queuedPostcards),
	}
	s.view.Store(v)
	return s
}

// maxMessage is the length of a Message that fills the path MTU.
func (c *Collector) maxMessage() int { return c.PathMTU - c.headers() }

func (c *Collector) headers() int {
	if c.Address.Addr().Is4() {
		return ipv4UDPHeaders
	}
	return ipv6UDPHeaders
}

// run serves the collector until the context ends; it never gives up.
func (s *session) run(ctx context.Context) error {
	s.ctx = ctx
	if err := s.prepare(); err != nil {
		return fmt.Errorf("export to %s: %w", s.collector.Name, err)
	}
	for ctx.Err() == nil {
		switch {
		case s.conn == nil:
			s.connect()
		case s.failure != nil:
			s.comeBack()
		default:
			s.serve()
		}
	}
	s.end()
	return nil
}

// prepare makes what lives as long as the session.
func (s *session) prepare() (err error) {
	v := s.view.Load()
	config := ipfix.ExporterConfig{Domain: v.domain, Transport: ipfix.UDP, MaxLength: s.collector.maxMessage()}
	if s.exporter, err = ipfix.NewExporter(config, s.deliver); err != nil {
		return err
	}
	// What concerns the process and no Observation Domain goes under domain 0
	// (RFC 7011 section 3.1).
	config.Domain = 0
	if s.process, err = ipfix.NewExporter(config, s.transmit); err != nil {
		return err
	}
	return s.options.open(s.exporter, s.process, v.templates)
}

// discard counts what the open Message holds as lost.
func (s *session) discard() {
	s.counters.dropped.Add(uint64(s.exporter.Pending()))
	s.settle(false)
}

// connect begins a Transport Session: new numbers, all templates, and what
// they need to be understood.
func (s *session) connect() {
	s.counters.set(Connecting)
	conn, err := s.dial(s.ctx, &s.collector)
	if err != nil {
		s.fail(err)
		s.pause()
		return
	}
	if s.conn, s.failure = conn, nil; s.began {
		s.counters.reconnects.Add(1)
	}
	s.began = true
	s.discard()
	s.exporter.Reset()
	s.process.Reset()
	s.introduce()
}

// comeBack tries whether a collector is back; only templates and options
// records are at stake.
func (s *session) comeBack() {
	if !s.pause() {
		return
	}
	s.counters.set(Connecting)
	s.failure = nil
	s.exporter.Refresh()
	s.process.Refresh()
	s.introduce()
	if s.failure == nil {
		s.counters.reconnects.Add(1)
	}
}

// introduce sends templates and options records at once.
func (s *session) introduce() {
	s.refresh = time.Now().Add(s.collector.TemplateRefresh)
	s.writeNames(nil)
	s.writeStatistics()
	s.flush()
}

// pause waits before the next attempt and says whether there may be one.
func (s *session) pause() bool {
	s.counters.set(BackingOff)
	timer := time.NewTimer(s.retry.wait())
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-s.ctx.Done():
		return false
	}
}

// serve sends what is queued, or waits for something to do.
func (s *session) serve() {
	if s.shown != s.view.Load() {
		s.reconfigure()
	}
	if s.sendQueued() > 0 || s.failure != nil {
		return
	}
	now := time.Now()
	switch {
	case !now.Before(s.refresh):
		s.exporter.Refresh()
		s.process.Refresh()
		s.introduce()
		return
	case !now.Before(s.statisticsDue):
		s.writeStatistics()
		s.flush()
		return
	case s.exporter.Pending() > 0 && !now.Before(s.due):
		s.flush()
		return
	}
	until := s.refresh
	if s.statisticsDue.Before(until) {
		until = s.statisticsDue
	}
	if s.exporter.Pending() > 0 && s.due.Before(until) {
		until = s.due
	}
	timer := time.NewTimer(until.Sub(now))
	defer timer.Stop()
	select {
	case <-s.wake:
	case <-timer.C:
	case <-s.ctx.Done():
	}
}

// sendQueued writes records, events ahead of all others.
func (s *session) sendQueued() int {
	n := send(s, &s.events, queuedEvents)
	n += send(s, &s.heavy, turn)
	n += send(s, &s.flows, turn)
	return n + send(s, &s.postcards, turn)
}

// reconfigure tells the collector of new names and selectors, and gives up
// templates that have no user left.
func (s *session) reconfigure() {
	v := s.view.Load()
	for _, err := range []error{
		s.events.keep(v.needed), s.heavy.keep(v.needed), s.flows.keep(v.needed), s.postcards.keep(v.needed),
	} {
		if err != nil {
			s.note(err)
		}
	}
	s.writeNames(s.shown)
}

// flush sends the open Messages.
func (s *session) flush() {
	for _, e := range []*ipfix.Exporter{s.process, s.exporter} {
		if err := e.Flush(); err != nil && s.failure == nil {
			s.note(err)
		}
	}
}

// deliver is the sink of the exporter of records.
func (s *session) deliver(m ipfix.Message) error {
	err := s.transmit(m)
	s.settle(err == nil)
	return err
}

// transmit hands a Message to the transport. When it fails, the Message is
// lost and counted, and the session must come back before it sends another.
func (s *session) transmit(m ipfix.Message) error {
	size := len(m.Octets) + s.collector.headers()
	err := s.failure
	if err == nil {
		err = s.node.WaitN(s.ctx, size)
	}
	if err == nil {
		err = s.conn.Send(m.Octets)
	}
	if err != nil {
		s.counters.dropped.Add(uint64(m.Records))
		s.fail(err)
		return err
	}
	s.retry.reset()
	s.counters.sent(m)
	s.sum.octets.Add(uint64(size))
	s.sum.records.Add(uint64(m.Records))
	return nil
}

// fail notes why the collector cannot be reached.
func (s *session) fail(err error) {
	if s.failure == nil {
		s.log.Warn("collector cannot be reached", "error", err)
	}
	s.note(err)
	if s.conn != nil && !s.conn.Reusable(err) {
		if err := s.conn.Close(); err != nil {
			s.log.Warn("close connection", "error", err)
		}
		s.conn = nil
	}
	s.failure = err
}

// pend counts a record into the open Message.
func (s *session) pend(a *account) {
	if len(s.pending) == 0 {
		s.due = time.Now().Add(s.view.Load().batch)
	}
	for i := range s.pending {
		if s.pending[i].account == a {
			s.pending[i].records++
			return
		}
	}
	s.pending = append(s.pending, tally{a, 1})
}

// settle says what became of the records in the Message that just left.
func (s *session) settle(sent bool) {
	for _, t := range s.pending {
		if sent {
			t.account.exported.Add(t.records)
		} else {
			t.account.dropped.Add(t.records)
		}
	}
	s.pending = s.pending[:0]
}

// drop counts records that never reached a Message.
func (s *session) drop(a *account, n uint64) {
	a.dropped.Add(n)
	s.counters.dropped.Add(n)
}

// end sends what it can in a short time, and counts the rest.
func (s *session) end() {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), farewell)
	defer cancel()
	s.ctx = ctx
	for s.conn != nil && s.failure == nil && ctx.Err() == nil && s.sendQueued() > 0 {
	}
	if s.conn != nil && s.failure == nil {
		s.flush()
	}
	s.discard()
	abandon(s, &s.events)
	abandon(s, &s.heavy)
	abandon(s, &s.flows)
	abandon(s, &s.postcards)
	if s.conn != nil {
		if err := s.conn.Close(); err != nil {
			s.log.Warn("close connection", "error", err)
		}
	}
	s.counters.set(Idle)
}

// nudge makes the session look at its configuration.
func (s *session) nudge() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}
