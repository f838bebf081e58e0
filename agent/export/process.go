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
)

// maxDatagram is the largest burst that the node's ceiling must let through:
// one IP packet.
const maxDatagram = 65535

// linger is how long records of a removed policy still find their way: the
// last ones leave the kernel after the policy.
const linger = time.Minute

// Process is the Exporting Process. Records are handed to its methods, which
// never block; Run sends them.
type Process struct {
	dial       Dialer
	statistics func() Statistics
	log        *slog.Logger
	node       *rate.Limiter
	routes     atomic.Pointer[map[uint32]*route]
	sum        sums
	// unrouted counts records of policies without a collector left.
	unrouted atomic.Uint64

	mu        sync.Mutex
	config    Config
	templates *templates
	sessions  map[string]*running
	ctx       context.Context // of Run, nil before and after
	group     sync.WaitGroup
}

// sums are over all collectors and sessions, those that ended included.
type sums struct{ octets, records atomic.Uint64 }

// Sent is what left since the agent started: octets of IP packets, their
// headers included, and Data Records.
func (p *Process) Sent() (octets, dataRecords uint64) {
	return p.sum.octets.Load(), p.sum.records.Load()
}

// running is a session and the means to end it.
type running struct {
	*session
	identity identity
	cancel   context.CancelFunc
}

// identity is what cannot change within a Transport Session.
type identity struct {
	collector          Collector
	domain, enterprise uint32
}

// route is where a policy's records go.
type route struct {
	Policy
	account         *account
	flows           flowTemplates
	probe           probeLayouts
	sessions        []*session
	records, octets *rate.Limiter
	retired         time.Time // when the policy went, zero while it exists
}

// New returns an Exporting Process without configuration. dial opens
// connections, statistics tells of the Metering Process; it must not call the
// Exporting Process.
func New(dial Dialer, statistics func() Statistics, log *slog.Logger) *Process {
	p := &Process{
		dial: dial, statistics: statistics, log: log,
		node:     rate.NewLimiter(rate.Inf, maxDatagram),
		sessions: make(map[string]*running),
	}
	p.routes.Store(new(map[uint32]*route))
	return p
}

// Run keeps the sessions going until ctx ends; then each sends what it can
// within a second.
func (p *Process) Run(ctx context.Context) error {
	p.mu.Lock()
	p.ctx = ctx
	for _, s := range p.sessions {
		p.start(s)
	}
	p.mu.Unlock()
	<-ctx.Done()
	// No session may start behind the back of Wait.
	p.mu.Lock()
	p.ctx = nil
	p.mu.Unlock()
	p.group.Wait()
	return nil
}

// String names the task.
func (p *Process) String() string { return "exporting process" }

// start runs a session; the lock is held.
func (p *Process) start(s *running) {
	ctx, cancel := context.WithCancel(p.ctx)
	s.cancel = cancel
	p.group.Add(1)
	go func() {
		defer p.group.Done()
		s.run(ctx)
	}()
}

// Prepare checks a configuration and returns the function that brings it into
// force. Sessions with collectors that did not change go on.
func (p *Process) Prepare(cfg Config) (commit func(), err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.templates
	if t == nil || cfg.EnterpriseNumber != p.config.EnterpriseNumber {
		if t, err = newTemplates(cfg.EnterpriseNumber); err != nil {
			return nil, err
		}
	}
	made := make(map[uint32]flowTemplates, len(cfg.Policies))
	probes, err := p.probeLayouts(t, cfg.Policies)
	if err != nil {
		return nil, fmt.Errorf("prepare export: %w", err)
	}
	old := *p.routes.Load()
	for i := range cfg.Policies {
		// The same keys keep their template: a rate that moves must not make
		// collectors learn anew.
		if r := old[cfg.Policies[i].ID]; r != nil && t == p.templates && r.sameFlows(&cfg.Policies[i]) {
			made[r.ID] = r.flows
			continue
		}
		if made[cfg.Policies[i].ID], err = t.flows(&cfg.Policies[i]); err != nil {
			return nil, fmt.Errorf("prepare export: %w", err)
		}
	}
	return func() { p.commit(cfg, t, made, probes) }, nil
}

// commit brings a prepared configuration into force.
func (p *Process) commit(cfg Config, t *templates, made map[uint32]flowTemplates, probes map[uint32]probeLayouts) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.config, p.templates = cfg, t
	p.setCeiling(cfg.MaxOctets)
	routes := p.nextRoutes(cfg.Policies, made, time.Now())
	for id, l := range probes {
		routes[id].probe = l
	}
	wanted := views(&cfg, t, routes)
	for _, c := range cfg.Collectors {
		v, used := wanted[c.Name]
		if !used {
			continue
		}
		id := identity{c, cfg.ObservationDomain, cfg.EnterpriseNumber}
		if s := p.sessions[c.Name]; s != nil && s.identity == id {
			s.view.Store(v)
			s.nudge()
			continue
		}
		p.stop(c.Name)
		s := &running{session: newSession(c, p, v), identity: id}
		p.sessions[c.Name] = s
		if p.ctx != nil {
			p.start(s)
		}
	}
	for name := range p.sessions {
		if wanted[name] == nil || !configured(cfg.Collectors, name) {
			p.stop(name)
		}
	}
	for _, r := range routes {
		r.sessions = nil
		for _, name := range r.Collectors {
			if s := p.sessions[name]; s != nil {
				r.sessions = append(r.sessions, s.session)
			}
		}
	}
	p.routes.Store(&routes)
}

func configured(collectors []Collector, name string) bool {
	for i := range collectors {
		if collectors[i].Name == name {
			return true
		}
	}
	return false
}

// stop ends a session in its own time; the lock is held.
func (p *Process) stop(name string) {
	if s := p.sessions[name]; s != nil {
		delete(p.sessions, name)
		if s.cancel != nil {
			s.cancel()
		}
	}
}

// setCeiling changes what the node may export, over all collectors.
func (p *Process) setCeiling(octets uint64) {
	limit := rate.Inf
	if octets > 0 {
		limit = rate.Limit(octets)
	}
	if p.node.Limit() != limit {
		p.node.SetLimit(limit)
	}
}

// nextRoutes are the routes of the policies, and for a while those of the
// policies that are gone.
func (p *Process) nextRoutes(policies []Policy, made map[uint32]flowTemplates, now time.Time) map[uint32]*route {
	old, out := *p.routes.Load(), make(map[uint32]*route, len(policies))
	for _, policy := range policies {
		r := &route{Policy: policy, account: new(account), flows: made[policy.ID]}
		if was := old[policy.ID]; was != nil {
			r.account, r.records, r.octets = was.account, was.records, was.octets
		}
		r.records = ceiling(r.records, policy.MaxRecords)
		r.octets = ceiling(r.octets, policy.MaxOctets)
		out[policy.ID] = r
	}
	for id, was := range old {
		if out[id] != nil || !was.retired.IsZero() && now.Sub(was.retired) > linger {
			continue
		}
		gone := *was
		if gone.retired.IsZero() {
			gone.retired = now
		}
		out[id] = &gone
	}
	return out
}

// ceiling keeps a limiter with what it has already let through, as long as
// the limit does not change.
func ceiling(l *rate.Limiter, perSecond uint64) *rate.Limiter {
	switch {
	case perSecond == 0:
		return nil
	case l == nil || l.Limit() != rate.Limit(perSecond):
		return rate.NewLimiter(rate.Limit(perSecond), int(max(min(perSecond, 1<<30), 1)))
	}
	return l
}

// sameFlows tells whether two versions of a policy share Flow Record templates.
func (r *route) sameFlows(p *Policy) bool {
	if len(r.FlowKeys) != len(p.FlowKeys) || r.Delay != p.Delay || r.Histogram != p.Histogram ||
		(r.Selection.Algorithm != 0) != (p.Selection.Algorithm != 0) || r.Biflow != p.Biflow {
		return false
	}
	for i := range p.FlowKeys {
		if r.FlowKeys[i] != p.FlowKeys[i] {
			return false
		}
	}
	return true
}

// admit applies the policy's ceilings to one record of the given length.
func (r *route) admit(length int) bool {
	return (r.records == nil || r.records.Allow()) && (r.octets == nil || r.octets.AllowN(time.Now(), length))
}

// targets are the sessions that get a record now.
func (r *route) targets() []*session {
	if !r.Failover || len(r.sessions) < 2 {
		return r.sessions
	}
	for i, s := range r.sessions {
		if SessionState(s.counters.state.Load()) == Established {
			return r.sessions[i : i+1]
		}
	}
	return r.sessions[:1]
}

// length is that of a template's records, or a fair guess where it varies.
func length(t *ipfix.Template) int {
	if n := t.RecordLength(); n > 0 {
		return n
	}
	return typicalEvent
}

// typicalEvent is the length in octets of an event record with a short name.
const typicalEvent = 128
