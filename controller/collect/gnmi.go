package collect

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/openconfig/ygot/ygot"

	"github.com/openifit/openifit/controller/inventory"
	"github.com/openifit/openifit/controller/measure"
	"github.com/openifit/openifit/controller/target"
	"github.com/openifit/openifit/gen/yang"
)

// GNMIConfig says how the nodes are followed. Zero fields take the defaults
// named here.
type GNMIConfig struct {
	// Sample is the interval of counters and heavy flows (1 s).
	Sample time.Duration
	// Silence ends a session on which nothing arrives (4 samples).
	Silence time.Duration
}

func (c GNMIConfig) withDefaults() GNMIConfig {
	if c.Sample <= 0 {
		c.Sample = time.Second
	}
	if c.Silence <= 0 {
		c.Silence = 4 * c.Sample
	}
	return c
}

// Report is one thing that a node told; one field is set.
type Report struct {
	// Node is the node's name.
	Node     string
	Event    *measure.Event
	Counters *measure.Counters
	Heavy    *measure.HeavyFlows
	// Up is true when the session has been synchronised, Down when it is over:
	// what the node told before counts no longer.
	Up, Down bool
}

// GNMI follows the state of the nodes by subscriptions.
type GNMI struct {
	// Reports carries what the nodes told. Who sends waits until it is taken:
	// nothing authenticated is dropped.
	Reports chan Report

	cfg       GNMIConfig
	log       *slog.Logger
	inventory *inventory.Inventory
}

// NewGNMI returns a GNMI without sessions.
func NewGNMI(cfg GNMIConfig, inv *inventory.Inventory, log *slog.Logger) *GNMI {
	return &GNMI{
		Reports: make(chan Report, queueBatches),
		cfg:     cfg.withDefaults(), log: log, inventory: inv,
	}
}

func (g *GNMI) subscriptions() []target.Subscription {
	return []target.Subscription{
		{Path: "/ifit/events"},
		{Path: "/ifit/policies/policy[name=*]/state/oper-status"},
		{Path: "/ifit/policies/policy[name=*]/state", Sample: g.cfg.Sample},
		{Path: "/ifit/collectors/collector[name=*]/state", Sample: g.cfg.Sample},
		{Path: "/ifit/interfaces/interface[name=*]/state", Sample: 5 * g.cfg.Sample},
		{Path: "/ifit/domain", Sample: 5 * g.cfg.Sample},
		{Path: "/ifit/state", Sample: 5 * g.cfg.Sample},
	}
}

// Follow keeps a session with one node until the context ends.
func (g *GNMI) Follow(ctx context.Context, t *target.Target) error {
	const shortest, longest = 100 * time.Millisecond, 3 * time.Second
	wait := shortest
	for ctx.Err() == nil {
		g.inventory.SetSession(t.Name(), inventory.Connecting, nil, time.Now())
		s := &session{GNMI: g, node: t.Name(), ctx: ctx}
		err := t.Subscribe(ctx, g.subscriptions(), g.cfg.Silence, s.update)
		if ctx.Err() != nil {
			break
		}
		if s.up {
			wait = shortest
			g.log.Warn("session with node lost", "node", t.Name(), "error", err)
			g.send(ctx, Report{Node: t.Name(), Down: true})
		}
		g.inventory.SetSession(t.Name(), inventory.Down, err, time.Now())
		// The jitter keeps a hundred nodes from coming back at the same moment.
		pause := wait/2 + rand.N(wait)
		wait = min(2*wait, longest)
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
	return nil
}

func (g *GNMI) send(ctx context.Context, r Report) {
	select {
	case g.Reports <- r:
	case <-ctx.Done():
	}
}

// session is one subscription under way.
type session struct {
	*GNMI
	node string
	//nolint:containedctx // The handler has no other way to be told.
	ctx context.Context
	up  bool
	// collectors holds the latest counters of each collector.
	collectors map[string]*yang.Collector_State
	// sample is the policy state that may not be whole yet, and when it was
	// taken.
	sample     *yang.Policies
	sampleTime int64
}

// update takes one notification in.
func (s *session) update(u target.Update) error {
	now := time.Now()
	s.inventory.Observe(s.node, u.Device, now)
	for _, path := range u.Deleted {
		if name, ok := policyOf(path); ok {
			s.inventory.DropPolicy(s.node, name)
		}
	}
	if u.Synchronized && !s.up {
		s.up = true
		s.inventory.SetSession(s.node, inventory.Up, nil, now)
		s.log.Info("session with node is up", "node", s.node)
		s.send(s.ctx, Report{Node: s.node, Up: true})
	}
	if err := s.join(u, now); err != nil {
		return err
	}
	ifit := u.Device.GetIfit()
	if ifit == nil {
		return nil
	}
	for _, e := range eventsOf(s.node, ifit.GetEvents(), s.inventory.Snapshot(), now, !s.up) {
		s.send(s.ctx, Report{Node: s.node, Event: &e})
	}
	if c := s.counters(ifit, now); c != nil {
		s.send(s.ctx, Report{Node: s.node, Counters: c})
	}
	if err := s.ctx.Err(); err != nil {
		return fmt.Errorf("follow node %s: %w", s.node, err)
	}
	return nil
}

// join puts the notifications of one sample of policy state together, and
// reports the heavy flows in it when another notification shows that it is
// whole.
func (s *session) join(u target.Update, now time.Time) error {
	list := u.Device.GetIfit().GetPolicies()
	if s.sample != nil && (list == nil || u.Time != s.sampleTime) {
		for _, h := range heavyOf(s.node, s.sample, now) {
			s.send(s.ctx, Report{Node: s.node, Heavy: &h})
		}
		s.sample = nil
	}
	switch {
	case list == nil:
	case s.sample == nil:
		s.sample, s.sampleTime = list, u.Time
	default:
		if err := ygot.MergeStructInto(s.sample, list); err != nil {
			return fmt.Errorf("join sample of node %s: %w", s.node, err)
		}
	}
	return nil
}

// policyOf tells which policy a deleted path is, if it is a whole one.
func policyOf(path string) (string, bool) {
	name, ok := strings.CutPrefix(path, "/ifit/policies/policy[name=")
	if !ok {
		return "", false
	}
	return strings.CutSuffix(name, "]")
}

// counters joins the samples of collectors and policies, which come in
// different notifications: the collectors' sample makes the measurement.
func (s *session) counters(ifit *yang.Ifit, now time.Time) *measure.Counters {
	list := ifit.GetCollectors()
	if list == nil {
		return nil
	}
	if s.collectors == nil {
		s.collectors = make(map[string]*yang.Collector_State)
	}
	for name, c := range list.Collector {
		if st := c.GetState(); st != nil && st.Octets != nil {
			s.collectors[name] = st
		}
	}
	if len(s.collectors) == 0 {
		return nil
	}
	out := &measure.Counters{Node: s.node, Time: now.UnixNano(), Policies: make(map[string]measure.PolicyCounters)}
	for _, st := range s.collectors {
		out.Octets += st.GetOctets()
		out.Records += st.GetDataRecords()
		out.Dropped += st.GetDroppedRecords()
	}
	node, _ := s.inventory.Node(s.node)
	for name, p := range node.Policies {
		out.Policies[name] = measure.PolicyCounters{
			Generation: p.Generation, Observed: p.Observed, Selected: p.Selected,
			Records: p.Records, Dropped: p.Dropped, Events: p.Events,
		}
	}
	return out
}
