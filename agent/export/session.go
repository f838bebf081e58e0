package export

import (
	"context"
	"errors"
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
const turn = 1024

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
	distinct  lane[records.Distinct]
	spreaders lane[records.Spreader]
	flows     lane[records.Flow]
	postcards lane[records.Postcard]
	health    lane[records.TCPHealth]
	histogram lane[records.Histogram]
	drops     lane[records.Drop]
	culprits  lane[records.Culprit]
	probes    lane[probeRecord]

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
	flying   flight  // Messages that the transport has taken
	// due, refresh and statisticsDue are when the open Message, the templates
	// and the statistics must leave.
	due, refresh, statisticsDue time.Time

	counters sessionCounters
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
		distinct:  newLane[records.Distinct](queuedHeavyFlows),
		spreaders: newLane[records.Spreader](queuedHeavyFlows),
		flows:     newLane[records.Flow](queuedFlows),
		postcards: newLane[records.Postcard](queuedPostcards),
		health:    newLane[records.TCPHealth](queuedHealth),
		histogram: newLane[records.Histogram](queuedHistograms),
		drops:     newLane[records.Drop](queuedDrops),
		culprits:  newLane[records.Culprit](queuedEvents),
		probes:    newProbeLane(),
	}
	s.view.Store(v)
	return s
}

// lanes are the ways of all kinds of records, in the order of their turns.
func (s *session) lanes() []carrier {
	return []carrier{
		&s.events, &s.culprits, &s.drops, &s.heavy, &s.distinct, &s.spreaders, &s.histogram, &s.health, &s.flows, &s.probes, &s.postcards,
	}
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
func (s *session) run(ctx context.Context) {
	s.ctx = ctx
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
}

// connect begins a Transport Session: new numbers, all templates, and what
// they need to be understood.
func (s *session) connect() {
	s.counters.set(Connecting)
	if err := s.open(); err != nil {
		s.fail(err)
		s.pause()
		return
	}
	s.failure = nil
	if s.began {
		s.counters.reconnects.Add(1)
	}
	s.began = true
	s.introduce()
}

// open makes what lives as long as the Transport Session.
func (s *session) open() (err error) {
	conn, err := s.dial(s.ctx, &s.collector)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, conn.Close())
		}
	}()
	longest, err := conn.MaxLength()
	if err != nil {
		return err
	}
	s.discard()
	v := s.view.Load()
	config := ipfix.ExporterConfig{
		Domain: v.domain, Transport: ipfix.UDP, MaxLength: min(longest, s.collector.maxMessage()),
	}
	if s.exporter, err = ipfix.NewExporter(config, s.deliver); err != nil {
		return err
	}
	// What concerns the process and no Observation Domain goes under domain 0
	// (RFC 7011 section 3.1).
	config.Domain = 0
	if s.process, err = ipfix.NewExporter(config, s.deliverProcess); err != nil {
		return err
	}
	s.forgetStreams()
	if err = s.options.open(s.exporter, s.process, v.templates); err != nil {
		return err
	}
	s.conn = conn
	return nil
}

// forgetStreams: they belonged to the exporter before.
func (s *session) forgetStreams() {
	for _, l := range s.lanes() {
		l.forget()
	}
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
		s.land()
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
	n := s.events.send(s, queuedEvents)
	for _, l := range s.lanes()[1:] {
		n += l.send(s, turn)
	}
	return n
}

// reconfigure tells the collector of new names and selectors, and gives up
// templates that have no user left.
func (s *session) reconfigure() {
	v := s.view.Load()
	for _, l := range s.lanes() {
		if err := l.keep(v.needed); err != nil {
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
	s.land()
}

// fail notes why the collector cannot be reached.
func (s *session) fail(err error) {
	if s.failure == nil {
		s.log.Warn("collector cannot be reached", "error", err)
	}
	s.note(err)
	s.failure = err
	if s.conn == nil || s.conn.Reusable(err) {
		return
	}
	if err := s.conn.Close(); err != nil {
		s.log.Warn("close connection", "error", err)
	}
	s.conn = nil
}

// discard counts what the open Message holds as lost: it belongs to a session
// that has ended.
func (s *session) discard() {
	if s.exporter != nil {
		s.counters.dropped.Add(uint64(s.exporter.Pending()))
	}
	settle(s.pending, false)
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
		s.land()
	}
	if s.conn != nil && s.failure == nil {
		s.flush()
	}
	s.discard()
	if s.conn != nil {
		if err := s.conn.Close(); err != nil {
			s.log.Warn("close connection", "error", err)
		}
	}
	for _, l := range s.lanes() {
		l.abandon(s)
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
