package react

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/openifit/openifit/dataplane/flow"
)

// Trigger names a trigger of a policy. Under another generation of the policy
// it is another trigger: the kernel begins its conditions anew.
type Trigger struct {
	Policy, Name string
	Generation   uint32
}

// Action is a change of another policy while a condition lasts.
type Action struct {
	// Policy is the policy that is changed.
	Policy string
	// Enable brings a disabled policy into force; otherwise Probability is its
	// selection probability.
	Enable      bool
	Probability float64
	// Duration is when the change ends at the latest.
	Duration time.Duration
}

// Reaction is an action under way.
type Reaction struct {
	Action
	By           Trigger
	Began, Until time.Time
}

// MaxConditions bounds the conditions that are remembered at a time; the kernel
// keeps no more of them.
const MaxConditions = 4096

// condition is what a trigger watches: an interface, or one flow there.
type condition struct {
	trigger Trigger
	ifindex uint32
	// Both sides of an interface have conditions of their own.
	direction flow.Direction
	flow      flow.ID
}

// Reactor knows the conditions that last and the actions that they cause. Its
// methods may be called from several goroutines.
type Reactor struct {
	wake func()

	mu      sync.Mutex
	actions map[Trigger][]Action
	// lasting are the conditions that were raised and not cleared yet.
	lasting map[condition]bool
	count   map[Trigger]int
	// running are the reactions by cause and place in its list of actions.
	running map[Trigger][]Reaction
	ignored uint64
	begun   map[string]uint64
}

// New returns a reactor without actions. wake is called whenever what
// Reactions answers may have changed before the time that it told.
func New(wake func()) *Reactor {
	return &Reactor{
		wake: wake, lasting: make(map[condition]bool), count: make(map[Trigger]int),
		running: make(map[Trigger][]Reaction), begun: make(map[string]uint64),
	}
}

// Configure replaces the actions. Reactions under way whose action has changed
// or gone end; conditions of triggers that are gone are forgotten.
func (r *Reactor) Configure(actions map[Trigger][]Action) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.actions = actions
	maps.DeleteFunc(r.begun, func(policy string, _ uint64) bool { return !concerns(actions, policy) })
	maps.DeleteFunc(r.lasting, func(c condition, _ bool) bool { return actions[c.trigger] == nil })
	maps.DeleteFunc(r.count, func(t Trigger, _ int) bool { return actions[t] == nil })
	for t, running := range r.running {
		running = slices.DeleteFunc(running, func(x Reaction) bool { return !slices.Contains(actions[t], x.Action) })
		if r.running[t] = running; len(running) == 0 {
			delete(r.running, t)
		}
	}
}

func concerns(actions map[Trigger][]Action, policy string) bool {
	for _, list := range actions {
		if slices.ContainsFunc(list, func(a Action) bool { return a.Policy == policy }) {
			return true
		}
	}
	return false
}

// Event takes an event of a trigger at a time of the caller's clock.
func (r *Reactor) Event(by Trigger, ev *flow.Event, now time.Time) {
	if r.event(by, ev, now) {
		r.wake()
	}
}

func (r *Reactor) event(by Trigger, ev *flow.Event, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.actions[by] == nil {
		return false
	}
	c := condition{trigger: by, ifindex: ev.Ifindex, direction: ev.Direction}
	if ev.PerFlow {
		c.flow = ev.ID
	}
	switch ev.State {
	case flow.EventMomentary:
		r.begin(by, now)
		return true
	case flow.EventRaised:
		if !r.lasting[c] {
			if len(r.lasting) >= MaxConditions {
				// Its end would never be known, but the action has a duration.
				r.ignored++
			} else {
				r.lasting[c] = true
				r.count[by]++
			}
		}
		r.begin(by, now)
		return true
	case flow.EventCleared:
		if !r.lasting[c] {
			return false
		}
		delete(r.lasting, c)
		if r.count[by]--; r.count[by] > 0 {
			return false
		}
		delete(r.count, by)
		delete(r.running, by)
		return true
	}
	return false
}

// begin starts the actions of a trigger, or prolongs those that run.
func (r *Reactor) begin(by Trigger, now time.Time) {
	began := now
	if running := r.running[by]; len(running) > 0 {
		began = running[0].Began
	}
	out := make([]Reaction, 0, len(r.actions[by]))
	for _, a := range r.actions[by] {
		if !slices.ContainsFunc(r.running[by], func(x Reaction) bool { return x.Action == a && now.Before(x.Until) }) {
			r.begun[a.Policy]++
		}
		out = append(out, Reaction{Action: a, By: by, Began: began, Until: now.Add(a.Duration)})
	}
	r.running[by] = out
}

// Reactions returns what is under way, by policy changed and then by cause, and
// when the next of them ends; the zero time when none does.
func (r *Reactor) Reactions(now time.Time) (map[string][]Reaction, time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make(map[string][]Reaction)
	var next time.Time
	for t, running := range r.running {
		running = slices.DeleteFunc(running, func(x Reaction) bool { return !now.Before(x.Until) })
		if r.running[t] = running; len(running) == 0 {
			delete(r.running, t)
		}
		for _, x := range running {
			out[x.Policy] = append(out[x.Policy], x)
			if next.IsZero() || x.Until.Before(next) {
				next = x.Until
			}
		}
	}
	for _, list := range out {
		slices.SortFunc(list, func(a, b Reaction) int { return compareTriggers(a.By, b.By) })
	}
	return out, next
}

// Begun counts the reactions that changed a policy.
func (r *Reactor) Begun(policy string) uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.begun[policy]
}

// Ignored counts conditions whose end was not watched for, because there were
// too many at a time: their actions lasted for their whole duration.
func (r *Reactor) Ignored() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ignored
}
