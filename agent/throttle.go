package agent

import (
	"cmp"
	"log/slog"
	"slices"
	"strings"
	"sync"

	"github.com/openifit/openifit/agent/compile"
	"github.com/openifit/openifit/agent/intent"
	"github.com/openifit/openifit/dataplane/plan"
)

const (
	// throttleWindow is over how many intervals of measurement processor time is
	// averaged; one step is taken in each.
	throttleWindow = 5
	// maxHalvings of a policy's rate come before policies are suspended.
	maxHalvings = 6
	// recovery is the share of the limit below which a step is taken back: more
	// than what a step saves, or the node would go back and forth.
	recovery = 0.8
)

// throttle makes the node measure less while telemetry takes more processor
// time than it may. What it does depends on the number of steps alone.
type throttle struct {
	// changed is called when there is another step to bring into force.
	changed func()
	log     *slog.Logger

	mu     sync.Mutex
	limit  float64 // percent of one processor; 0: none
	ladder []rung
	steps  int
	window []float64
}

// rung is one step: the policy, and what becomes of it.
type rung struct {
	policy  string
	halving bool
}

// ladderOf orders the steps for a configuration: first rates, then policies as
// a whole, each by ascending priority.
func ladderOf(policies []compile.Policy) []rung {
	var running []*compile.Policy
	for i := range policies {
		if p := &policies[i]; p.Enabled {
			running = append(running, p)
		}
	}
	slices.SortFunc(running, func(a, b *compile.Policy) int {
		return cmp.Or(cmp.Compare(a.Priority, b.Priority), strings.Compare(a.Name, b.Name))
	})
	var out []rung
	for _, p := range running {
		if p.Select.Algorithm != plan.SelectUniform {
			continue
		}
		for range maxHalvings {
			out = append(out, rung{p.Name, true})
		}
	}
	for _, p := range running {
		out = append(out, rung{policy: p.Name})
	}
	return out
}

// configure takes a limit, 0 for none, and the policies as they are configured.
func (t *throttle) configure(limit float64, policies []compile.Policy) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.limit != limit {
		t.limit, t.window = limit, nil
	}
	if t.steps > 0 {
		t.follow(policies)
	} else {
		t.ladder = ladderOf(policies)
	}
	if limit == 0 && t.steps > 0 {
		t.steps = 0
		t.changed()
	}
}

// follow keeps the order while there are steps in force: policies that are
// suspended do not run, and those in the ladder keep their places. The steps of
// policies that are gone are gone too, and new policies come last.
func (t *throttle) follow(policies []compile.Policy) {
	kept, steps := t.ladder[:0:0], t.steps
	known := make(map[string]bool)
	for i, r := range t.ladder {
		known[r.policy] = true
		if slices.ContainsFunc(policies, func(p compile.Policy) bool { return p.Name == r.policy }) {
			kept = append(kept, r)
		} else if i < t.steps {
			steps--
		}
	}
	fresh := slices.DeleteFunc(slices.Clone(policies), func(p compile.Policy) bool { return known[p.Name] })
	t.ladder, t.steps = append(kept, ladderOf(fresh)...), steps
}

// measured takes the processor time of one interval, in percent.
func (t *throttle) measured(percent float64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.limit == 0 {
		return
	}
	t.window = append(t.window, percent)
	if len(t.window) < throttleWindow {
		return
	}
	mean := 0.0
	for _, p := range t.window {
		mean += p / throttleWindow
	}
	t.window = t.window[:0]
	switch {
	case mean > t.limit && t.steps < len(t.ladder):
		t.steps++
		next := t.ladder[t.steps-1]
		t.log.Warn("telemetry takes too much processor time: the node measures less",
			"percent", mean, "limit", t.limit, "policy", next.policy, "suspended", !next.halving)
	case mean < recovery*t.limit && t.steps > 0:
		t.steps--
		t.log.Info("telemetry takes little processor time again: the node takes a step back",
			"percent", mean, "limit", t.limit, "policy", t.ladder[t.steps].policy)
	default:
		return
	}
	t.changed()
}

// apply adds the steps to what else changes policies.
func (t *throttle) apply(to map[string]intent.Reaction) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, r := range t.ladder[:t.steps] {
		x := to[r.policy]
		if r.halving {
			x.Halvings++
		} else {
			x.Suspended = true
		}
		to[r.policy] = x
	}
}

// of tells what becomes of one policy.
func (t *throttle) of(policy string) intent.Reaction {
	all := make(map[string]intent.Reaction)
	t.apply(all)
	return all[policy]
}
