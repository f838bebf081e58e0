package loop

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/openifit/openifit/controller/analyze"
	"github.com/openifit/openifit/controller/collect"
	"github.com/openifit/openifit/controller/events"
	"github.com/openifit/openifit/controller/inventory"
	"github.com/openifit/openifit/controller/measure"
	"github.com/openifit/openifit/controller/push"
	"github.com/openifit/openifit/controller/watch"
)

// Config is what an Engine works with.
type Config struct {
	Loops     []Spec
	Pusher    Pusher
	Journal   Journal
	Events    *events.Events
	Inventory *inventory.Inventory
	Evidence  Evidence
	// Settings keeps modes and budgets across restarts.
	Settings push.Documents
	// Unauthenticated counts the events and heavy flows that came over plain
	// UDP, which no loop sees.
	Unauthenticated func() uint64
	Log             *slog.Logger
}

// Engine runs the loops.
type Engine struct {
	// Heavy passes on the lists of heavy flows.
	Heavy watch.Hub[measure.HeavyFlows]
	// Up names the nodes whose session has just begun.
	Up chan string

	cfg   Config
	know  *knowledge
	loops []*Loop
	lists heavyLists
}

// New returns an Engine whose loops are in the modes in which they were left.
func New(cfg Config) (*Engine, error) {
	e := &Engine{cfg: cfg, know: newKnowledge(cfg.Loops), Up: make(chan string, 64), lists: newHeavyLists()}
	saved, err := loadSettings(cfg.Settings)
	if err != nil {
		return nil, err
	}
	for _, spec := range cfg.Loops {
		if err := spec.Validate(); err != nil {
			return nil, fmt.Errorf("loop %q: %w", spec.Name, err)
		}
		if slices.ContainsFunc(e.loops, func(l *Loop) bool { return l.spec.Name == spec.Name }) {
			return nil, fmt.Errorf("loop %q occurs twice", spec.Name)
		}
		l := newLoop(spec, e)
		if s, ok := saved[spec.Name]; ok {
			if err := l.adopt(s); err != nil {
				return nil, fmt.Errorf("loop %q: stored settings: %w", spec.Name, err)
			}
		}
		e.loops = append(e.loops, l)
	}
	slices.SortFunc(e.loops, func(a, b *Loop) int {
		if a.spec.Name < b.spec.Name {
			return -1
		}
		return 1
	})
	return e, nil
}

// Run runs the loops on the nodes' reports until the context ends.
func (e *Engine) Run(ctx context.Context, reports <-chan collect.Report) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, l := range e.loops {
		group.Go(func() error { return l.run(ctx) })
	}
	group.Go(func() error {
		for {
			select {
			case <-ctx.Done():
				return nil
			case r := <-reports:
				e.Take(ctx, r)
			}
		}
	})
	return group.Wait()
}

// Take takes one report in, and wakes the loops that wait for such.
func (e *Engine) Take(ctx context.Context, r collect.Report) {
	now := time.Now()
	if r.Event != nil {
		// First, because it numbers the event.
		e.cfg.Events.Add(r.Event)
	}
	e.know.take(r, e.trigger(r.Event), now)
	switch {
	case r.Event != nil:
		for _, l := range e.loops {
			l.notice()
		}
	case r.Heavy != nil:
		e.lists.put(*r.Heavy)
		e.Heavy.Publish(*r.Heavy)
	case r.Counters != nil:
		if rate, ok := e.know.nodeRates(now)[r.Node]; ok {
			e.cfg.Inventory.SetExportRate(r.Node, rate)
		}
	case r.Down:
		e.lists.forget(r.Node)
	case r.Up:
		select {
		case e.Up <- r.Node:
		case <-ctx.Done():
		}
	}
}

// trigger returns what is known of the trigger of an event. What the
// controller does not hold itself an operator has put on the node.
func (e *Engine) trigger(event *measure.Event) analyze.Trigger {
	if event == nil {
		return analyze.Trigger{}
	}
	by := analyze.Trigger{Generation: e.cfg.Inventory.Snapshot().Generation(event.Node, event.Policy)}
	if p, _, _ := e.cfg.Pusher.Policy(event.Policy); p != nil {
		by.PerFlow = p.PerFlow(event.Trigger)
	} else {
		by.PerFlow = event.Metric == measure.PathChange || event.Metric == measure.NewFlow
	}
	return by
}

// HeavyFlows returns the latest lists by node and policy.
func (e *Engine) HeavyFlows() []measure.HeavyFlows { return e.lists.all() }
