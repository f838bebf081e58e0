package loop

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/openifit/openifit/controller/decide"
	"github.com/openifit/openifit/controller/journal"
	"github.com/openifit/openifit/controller/push"
)

// samplingInterval is how often a sampling loop looks around; an event makes it
// look at once.
const samplingInterval = 250 * time.Millisecond

// Loop is one loop under way.
type Loop struct {
	// spec is as configured; its bounds may have been changed since.
	spec   Spec
	engine *Engine
	wake   chan struct{}

	// step is held while a decision is taken and carried out.
	step sync.Mutex
	// What a step works on.
	elephants decide.ElephantsState
	sampling  decide.SamplingState
	seen      uint64

	// mu guards what is shown and steered.
	mu           sync.Mutex
	elephantsCfg decide.Elephants
	samplingCfg  decide.Sampling
	mode         Mode
	stop         context.CancelFunc
	tally        decide.Tally
	decided      uint64
	last         uint64
	failure      error
}

func newLoop(spec Spec, e *Engine) *Loop {
	l := &Loop{spec: spec, engine: e, mode: Enabled, wake: make(chan struct{}, 1)}
	if spec.Elephants != nil {
		l.elephantsCfg = spec.Elephants.Elephants
	} else {
		l.samplingCfg = spec.Sampling.Sampling
	}
	return l
}

// notice wakes a loop that acts on events.
func (l *Loop) notice() {
	if l.spec.Sampling == nil {
		return
	}
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

func (l *Loop) interval() time.Duration {
	if l.spec.Elephants != nil {
		return l.spec.Elephants.Epoch
	}
	return samplingInterval
}

func (l *Loop) run(ctx context.Context) error {
	tick := time.NewTicker(l.interval())
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-l.wake:
		case <-tick.C:
		}
		if err := l.Step(ctx, time.Now()); err != nil && ctx.Err() == nil {
			l.mu.Lock()
			l.failure = err
			l.mu.Unlock()
			l.engine.cfg.Log.Error("a loop cannot go on", "loop", l.spec.Name, "error", err)
		}
	}
}

// Step takes one step of the loop, unless an operator has stopped it.
func (l *Loop) Step(ctx context.Context, now time.Time) error {
	l.step.Lock()
	defer l.step.Unlock()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	l.mu.Lock()
	enabled := l.mode == Enabled
	l.stop = stop
	l.mu.Unlock()
	if !enabled {
		return nil
	}
	if l.spec.Elephants != nil {
		return l.stepElephants(ctx, now)
	}
	return l.stepSampling(ctx, now)
}

func (l *Loop) stepElephants(ctx context.Context, now time.Time) error {
	spec := l.spec.Elephants
	heavy, reports, ok := l.engine.know.heavyFlows(spec.Sketch, now)
	if !ok || reports == l.seen {
		return nil
	}
	l.seen = reports
	target, meant, _ := l.engine.cfg.Pusher.Policy(spec.Policy)
	in := decide.ElephantsInput{
		Now: now.UnixNano(), Heavy: heavy, Target: target,
		Evidence: l.engine.cfg.Evidence(spec.Policy, now),
	}
	cfg := l.elephantsConfig()
	next, decisions, tally, err := cfg.Step(l.elephants, in)
	if err != nil {
		return err
	}
	l.count(tally)
	if len(decisions) > 0 {
		record, err := decide.NewRecord(decide.TypeElephants, cfg, l.elephants, in)
		if err != nil {
			return err
		}
		if err := l.carryOut(ctx, decisions, record, meant); err != nil {
			return err
		}
	}
	l.elephants = next
	return nil
}

func (l *Loop) stepSampling(ctx context.Context, now time.Time) error {
	base, meant, _ := l.engine.cfg.Pusher.Policy(l.spec.Sampling.Base)
	cfg := l.samplingConfig()
	in := decide.SamplingInput{Now: now.UnixNano(), Conditions: l.engine.know.active(now, cfg.Metrics), Base: base}
	if len(in.Conditions) == 0 && l.sampling.Level == 0 && len(l.sampling.Held) == 0 && !l.sampling.Yielded {
		return nil
	}
	in.Rates, in.Measured = l.engine.know.rates(now)
	in.Present, _, _ = l.engine.cfg.Pusher.Policy(raiseName(l.spec.Sampling.Base))
	in.Evidence = l.engine.cfg.Evidence(l.spec.Sampling.Base, now)
	next, decisions, tally, err := cfg.Step(l.sampling, in)
	if err != nil {
		return err
	}
	l.count(tally)
	if len(decisions) > 0 {
		record, err := decide.NewRecord(decide.TypeSampling, cfg, l.sampling, in)
		if err != nil {
			return err
		}
		if err := l.carryOut(ctx, decisions, record, meant); err != nil {
			return err
		}
	}
	l.sampling = next
	return nil
}

// carryOut writes decisions down and pushes them, in order. What cannot be
// written down is not done.
func (l *Loop) carryOut(ctx context.Context, decisions []decide.Decision, record decide.Record, meant []string) error {
	for i := range decisions {
		id, err := l.writeDown(&decisions[i], record)
		if err != nil {
			return err
		}
		// A refusal stands in the results; the loop sees what the controller
		// holds now.
		_ = l.do(ctx, id, &decisions[i], meant)
	}
	return nil
}

// writeDown returns the number that a decision got in the journal.
func (l *Loop) writeDown(d *decide.Decision, record decide.Record) (uint64, error) {
	id, err := l.engine.cfg.Journal.Record(*d, l.generation(d.Action.Policy), record)
	if err != nil {
		return 0, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.decided++
	l.last = id
	return id, nil
}

// do pushes what was decided under a number, 0 for none, and notes what came of
// it.
func (l *Loop) do(ctx context.Context, id uint64, d *decide.Decision, meant []string) error {
	results, err := l.push(ctx, &d.Action, meant)
	if err != nil {
		l.engine.cfg.Log.Warn("a decision was not carried out", "loop", l.spec.Name, "decision", id, "error", err)
	}
	if id == 0 {
		return err
	}
	if err := l.engine.cfg.Journal.Resolve(id, results); err != nil {
		l.engine.cfg.Log.Error("cannot write down what came of a decision", "decision", id, "error", err)
	}
	return err
}

// push carries one action out and returns how the nodes answered.
func (l *Loop) push(ctx context.Context, a *decide.Action, meant []string) ([]journal.Result, error) {
	pusher := l.engine.cfg.Pusher
	var (
		answers []push.Result
		err     error
	)
	switch {
	case a.Kind == decide.Renew:
		answers, err = pusher.Renew(ctx, a.Policy)
	case a.Want == nil:
		return l.remove(ctx, a.Policy)
	default:
		answers, err = pusher.Apply(ctx, a.Want, meant)
	}
	rolledBack := errors.Is(err, push.ErrRolledBack)
	results := make([]journal.Result, 0, len(answers))
	for _, r := range answers {
		result := journal.Result{Node: r.Node, Applied: r.State == push.Applied && !rolledBack, Error: r.Error, At: r.At.UnixNano()}
		if rolledBack && r.State == push.Applied {
			result.Error = "set back, because another node refused"
		}
		results = append(results, result)
	}
	return results, err
}

func (l *Loop) remove(ctx context.Context, name string) ([]journal.Result, error) {
	pusher := l.engine.cfg.Pusher
	had := pusher.Results(name)
	left, err := pusher.Remove(ctx, name)
	if errors.Is(err, push.ErrUnknownPolicy) {
		// It has ended by itself in the meantime.
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("remove: %w", err)
	}
	remaining := make(map[string]string, len(left))
	for _, r := range left {
		remaining[r.Node] = r.Error
	}
	now := time.Now().UnixNano()
	results := make([]journal.Result, 0, len(had))
	for _, r := range had {
		why, still := remaining[r.Node]
		results = append(results, journal.Result{Node: r.Node, Applied: !still, Error: why, At: now})
	}
	return results, nil
}

// generation is the highest that a policy has on any node.
func (l *Loop) generation(name string) uint32 {
	highest := uint32(0)
	for _, n := range l.engine.cfg.Inventory.Nodes() {
		highest = max(highest, n.Policies[name].Generation)
	}
	return highest
}

func (l *Loop) count(t decide.Tally) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tally.Add(t)
}
