package agent

import (
	"context"
	"log/slog"
	"math"
	"time"

	"github.com/openifit/openifit/agent/compile"
	"github.com/openifit/openifit/agent/intent"
	"github.com/openifit/openifit/agent/notify"
	"github.com/openifit/openifit/agent/react"
	"github.com/openifit/openifit/gen/yang"
)

// reactionRetry is the time between two attempts to bring a reaction into
// force.
const reactionRetry = time.Second

// reactions bring into force what triggers make the node do by itself.
type reactions struct {
	reactor *react.Reactor
	apply   func(context.Context, map[string]intent.Reaction) error
	log     *slog.Logger
	// throttle changes policies too.
	throttle *throttle
	// changed is signalled when there may be something to do.
	changed chan struct{}
}

func newReactions(log *slog.Logger) *reactions {
	r := &reactions{log: log, changed: make(chan struct{}, 1)}
	r.reactor = react.New(r.wake)
	r.throttle = &throttle{changed: r.wake, log: log}
	return r
}

// wake has what is wanted brought into force.
func (r *reactions) wake() {
	select {
	case r.changed <- struct{}{}:
	default:
	}
}

// String names the task.
func (r *reactions) String() string { return "local reactions" }

// configure takes the actions of all policies that run.
func (r *reactions) configure(result *compile.Result) {
	actions := make(map[react.Trigger][]react.Action)
	for i := range result.Policies {
		p := &result.Policies[i]
		if !p.Active() {
			continue
		}
		for _, a := range p.Actions {
			by := react.Trigger{Policy: p.Name, Name: a.Trigger, Generation: p.Generation}
			actions[by] = append(actions[by], react.Action{
				Policy: a.Policy, Enable: a.Enable, Probability: a.Probability, Duration: a.Duration,
			})
		}
	}
	r.reactor.Configure(actions)
}

// event takes an event that was named.
func (r *reactions) event(e *notify.Event) {
	by := react.Trigger{Policy: e.PolicyName, Name: e.TriggerName, Generation: e.Policy.Generation}
	r.reactor.Event(by, &e.Event, time.Now())
}

// Run works until ctx ends. What lasts then ends with the agent: the next one
// starts from the configuration.
func (r *reactions) Run(ctx context.Context) error {
	timer := time.NewTimer(math.MaxInt64)
	defer timer.Stop()
	for {
		select {
		case <-r.changed:
		case <-timer.C:
		case <-ctx.Done():
			return nil
		}
		running, next := r.reactor.Reactions(time.Now())
		wait := time.Duration(math.MaxInt64)
		if !next.IsZero() {
			wait = max(time.Until(next), 0)
		}
		changes := wanted(running)
		r.throttle.apply(changes)
		if err := r.apply(ctx, changes); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			r.log.Error("reaction is not in force", "error", err)
			wait = min(wait, reactionRetry)
		}
		timer.Reset(wait)
	}
}

func wanted(running map[string][]react.Reaction) map[string]intent.Reaction {
	out := make(map[string]intent.Reaction, len(running))
	for policy, list := range running {
		x := react.Merge(list)
		out[policy] = intent.Reaction{Enabled: x.Enabled, Probability: x.Probability, RateSet: x.RateSet}
	}
	return out
}

// show writes the reactions that change a policy into its state.
func (r *reactions) show(policy string, s *yang.Policy_State) {
	if begun := r.reactor.Begun(policy); begun > 0 {
		s.ReactionsBegun = &begun
	}
	running, _ := r.reactor.Reactions(time.Now())
	for _, x := range running[policy] {
		shown := &yang.Policy_State_Reaction{
			Cause: ptr(x.By.Policy + ":" + x.By.Name), Policy: ptr(x.By.Policy), Trigger: ptr(x.By.Name),
			Action: yang.TriggerAction_ENABLE,
			Began:  ptr(uint64(x.Began.UnixNano())), Ends: ptr(uint64(x.Until.UnixNano())),
		}
		if !x.Enable {
			shown.Action, shown.Probability = yang.TriggerAction_SET_RATE, ptr(x.Probability)
		}
		list := s.GetOrCreateReactions()
		if list.Reaction == nil {
			list.Reaction = make(map[string]*yang.Policy_State_Reaction)
		}
		list.Reaction[*shown.Cause] = shown
	}
}
