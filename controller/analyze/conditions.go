// Package analyze turns what authenticated nodes reported into what the loops
// decide on: conditions that hold and rates of export. It does no I/O and reads
// no clock: time is an argument.
package analyze

import (
	"cmp"
	"slices"
	"time"

	"github.com/openifit/openifit/controller/measure"
)

// Condition is something that an event said, as long as it holds.
type Condition struct {
	Node      string `json:"node"`
	Interface string `json:"interface,omitempty"`
	Direction string `json:"direction,omitempty"`
	Policy    string `json:"policy"`
	Trigger   string `json:"trigger"`
	Metric    string `json:"metric"`
	// Flow is the only flow that it concerns; zero when it concerns whatever
	// crosses the interface.
	Flow      measure.Flow `json:"flow,omitzero"`
	Value     uint64       `json:"value"`
	Threshold uint64       `json:"threshold"`
	// Event is the controller's number of the latest event that said so.
	Event uint64 `json:"event"`
	// Since and Until are by the controller's clock. Until is when it counts as
	// over though no event said so.
	Since int64 `json:"since"`
	Until int64 `json:"until"`
}

// ConditionConfig says how long a condition is believed. Zero fields take the
// defaults named here.
type ConditionConfig struct {
	// Momentary is how long an event without duration counts (5 s).
	Momentary time.Duration
	// Longest is how long a condition is believed whose end nobody reports
	// (5 min).
	Longest time.Duration
	// Max bounds the conditions held (4,096).
	Max int
}

func (c ConditionConfig) withDefaults() ConditionConfig {
	if c.Momentary <= 0 {
		c.Momentary = 5 * time.Second
	}
	if c.Longest <= 0 {
		c.Longest = 5 * time.Minute
	}
	if c.Max <= 0 {
		c.Max = 4096
	}
	return c
}

// conditionKey tells conditions apart. A trigger on an interface has one state
// for all flows: the event's flow is then only the one that set it off.
type conditionKey struct {
	node, iface, direction, policy, trigger string
	flow                                    measure.Flow
}

// ConditionCounters tell what became of the events.
type ConditionCounters struct {
	// Stale events belong to an older generation of their policy.
	Stale uint64
	// Replayed events were old news when they came.
	Replayed uint64
	// Refused events found no room.
	Refused uint64
}

// Conditions follows which conditions hold. It is not safe for concurrent use.
type Conditions struct {
	cfg      ConditionConfig
	active   map[conditionKey]*Condition
	counters ConditionCounters
}

// NewConditions returns an empty set.
func NewConditions(cfg ConditionConfig) *Conditions {
	return &Conditions{cfg: cfg.withDefaults(), active: make(map[conditionKey]*Condition)}
}

// Counters returns the counters as they are now.
func (c *Conditions) Counters() ConditionCounters { return c.counters }

// Trigger is what is known of the trigger that raised an event.
type Trigger struct {
	// Generation is that of its policy on the event's node, 0 when not known.
	Generation uint32
	// PerFlow tells whether each flow has a condition of its own.
	PerFlow bool
}

// Observe takes an event in.
func (c *Conditions) Observe(now int64, e *measure.Event, by Trigger) {
	if by.Generation != 0 && e.Generation != 0 && e.Generation < by.Generation {
		c.counters.Stale++
		return
	}
	k := conditionKey{e.Node, e.Interface, e.Direction, e.Policy, e.Trigger, measure.Flow{}}
	if by.PerFlow {
		k.flow = e.Flow
	}
	if e.Metric == measure.PathChange {
		// A flow whose way changes leaves one interface for another.
		k.iface, k.direction = "", ""
	}
	switch e.Phase {
	case measure.Cleared:
		delete(c.active, k)
	case measure.Raised:
		c.hold(now, k, e, now+int64(c.cfg.Longest))
	case measure.Momentary:
		if e.Replayed {
			c.counters.Replayed++
			return
		}
		c.hold(now, k, e, now+int64(c.cfg.Momentary))
	}
}

func (c *Conditions) hold(now int64, k conditionKey, e *measure.Event, until int64) {
	held := c.active[k]
	if held == nil {
		if len(c.active) >= c.cfg.Max {
			c.expire(now)
		}
		if len(c.active) >= c.cfg.Max {
			c.counters.Refused++
			return
		}
		held = &Condition{Since: now}
		c.active[k] = held
	}
	*held = Condition{
		Node: e.Node, Interface: e.Interface, Direction: e.Direction,
		Policy: e.Policy, Trigger: e.Trigger, Metric: e.Metric,
		Flow: k.flow, Value: e.Value, Threshold: e.Threshold,
		Event: e.ID, Since: held.Since, Until: until,
	}
}

// Forget drops every condition of a node: nobody would report its end.
func (c *Conditions) Forget(node string) {
	for k := range c.active {
		if k.node == node {
			delete(c.active, k)
		}
	}
}

func (c *Conditions) expire(now int64) {
	for k, held := range c.active {
		if now >= held.Until {
			delete(c.active, k)
		}
	}
}

// Active returns the conditions that hold now, in a fixed order.
func (c *Conditions) Active(now int64) []Condition {
	c.expire(now)
	out := make([]Condition, 0, len(c.active))
	for _, held := range c.active {
		out = append(out, *held)
	}
	slices.SortFunc(out, func(a, b Condition) int {
		return cmp.Or(
			cmp.Compare(a.Node, b.Node), cmp.Compare(a.Interface, b.Interface), cmp.Compare(a.Direction, b.Direction),
			cmp.Compare(a.Policy, b.Policy), cmp.Compare(a.Trigger, b.Trigger), a.Flow.Compare(b.Flow))
	})
	return out
}
