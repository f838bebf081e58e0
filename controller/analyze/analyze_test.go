package analyze_test

import (
	"math"
	"testing"
	"time"

	"github.com/openifit/openifit/controller/analyze"
	"github.com/openifit/openifit/controller/measure"
)

const second = int64(time.Second)

func flow(t *testing.T, s string) measure.Flow {
	t.Helper()
	f, err := measure.ParseFlow(s)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestConditions(t *testing.T) {
	a, b := flow(t, "10.0.0.1:1 > 10.0.0.2:2/17"), flow(t, "10.0.0.1:3 > 10.0.0.2:2/17")
	queue := measure.Event{Node: "r3", Interface: "to-r4", Policy: "watch", Trigger: "delay", Metric: measure.TransitDelay, Generation: 2}
	event := func(phase measure.Phase, change func(*measure.Event)) measure.Event {
		e := queue
		e.Phase = phase
		if change != nil {
			change(&e)
		}
		return e
	}
	moved := func(f measure.Flow) func(*measure.Event) {
		return func(e *measure.Event) { e.Metric, e.Trigger, e.Flow = measure.PathChange, "path", f }
	}
	tests := []struct {
		name   string
		events []measure.Event
		at     int64
		want   int
		stale  uint64
		// perFlow is the trigger's scope.
		perFlow bool
	}{
		{name: "older generation", events: []measure.Event{event(measure.Raised, func(e *measure.Event) { e.Generation = 1 })}, want: 0, stale: 1},
		{name: "end without a beginning", events: []measure.Event{event(measure.Cleared, nil)}, want: 0},
		{name: "end at another interface", events: []measure.Event{event(measure.Raised, nil), event(measure.Cleared, func(e *measure.Event) { e.Interface = "x" })}, want: 1},
		{name: "end by another flow", events: []measure.Event{
			event(measure.Raised, func(e *measure.Event) { e.Flow = a }), event(measure.Cleared, func(e *measure.Event) { e.Flow = b })}, want: 0},
		{name: "end of another flow's own condition", perFlow: true, events: []measure.Event{
			event(measure.Raised, func(e *measure.Event) { e.Flow = a }), event(measure.Raised, func(e *measure.Event) { e.Flow = b }),
			event(measure.Cleared, func(e *measure.Event) { e.Flow = b })}, want: 1},
		{name: "end that nobody reported", events: []measure.Event{event(measure.Raised, nil)}, at: 301 * second, want: 0},
		{name: "replayed moment", events: []measure.Event{event(measure.Momentary, func(e *measure.Event) { moved(a)(e); e.Replayed = true })}, want: 0},
		{name: "moment over", events: []measure.Event{event(measure.Momentary, moved(a))}, at: 6 * second, want: 0},
		{name: "moments of two flows", events: []measure.Event{event(measure.Momentary, moved(a)), event(measure.Momentary, moved(b))}, want: 2},
		{name: "replayed beginning", events: []measure.Event{event(measure.Raised, func(e *measure.Event) { e.Replayed = true })}, want: 1},
		{name: "twice the same", events: []measure.Event{event(measure.Raised, nil), event(measure.Raised, nil)}, want: 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := analyze.NewConditions(analyze.ConditionConfig{})
			for i := range tt.events {
				c.Observe(0, &tt.events[i], analyze.Trigger{Generation: 2, PerFlow: tt.events[i].Metric == measure.PathChange || tt.perFlow})
			}
			if got := c.Active(tt.at); len(got) != tt.want || c.Counters().Stale != tt.stale {
				t.Errorf("conditions %+v, counters %+v", got, c.Counters())
			}
		})
	}
	c := analyze.NewConditions(analyze.ConditionConfig{Max: 2})
	for range 2 {
		for _, node := range []string{"r1", "r2", "r3"} {
			e := event(measure.Raised, func(e *measure.Event) { e.Node = node })
			c.Observe(0, &e, analyze.Trigger{})
		}
	}
	if len(c.Active(1)) != 2 || c.Counters().Refused != 2 {
		t.Errorf("conditions are not bounded: %+v", c.Counters())
	}
	c.Forget("r1")
	if got := c.Active(1); len(got) != 1 || got[0].Node != "r2" {
		t.Errorf("conditions %+v", got)
	}
}

func TestLoad(t *testing.T) {
	l := analyze.NewLoad(500*time.Millisecond, 3*time.Second)
	observe := func(node string, at int64, octets, records, paths uint64) {
		l.Observe(measure.Counters{Node: node, Time: at, Octets: octets, Records: records,
			Policies: map[string]measure.PolicyCounters{"paths": {Records: paths}}})
	}
	if _, ok := l.Rates(0); ok {
		t.Error("rates out of nothing")
	}
	observe("r1", 0, 1000, 10, 5)
	if _, ok := l.Rates(0); ok {
		t.Error("rates out of one sample")
	}
	observe("r1", second/10, 9999, 99, 99) // too short an interval
	observe("r1", second, 3000, 30, 15)
	observe("r2", 2*second, 500, 5, 0)
	observe("r2", 4*second, 700, 7, 2)
	r, ok := l.Rates(4 * second)
	if !ok || r.Octets() != 2100 || r.From != 0 || len(r.Nodes) != 2 {
		t.Fatalf("rates %+v", r)
	}
	if got := r.PolicyOctets("paths", "paths.raise"); math.Abs(got-1100) > 1e-6 {
		t.Errorf("octets of the policy %v, want 1100", got)
	}
	observe("r2", 5*second, 10, 1, 0) // restarted
	observe("r2", 6*second, 40, 2, 1)
	r, _ = l.Rates(6 * second)
	if r.Octets() != 30 || len(r.Silent) != 1 || r.Silent[0] != "r1" {
		t.Errorf("rates after a restart %+v", r)
	}
}

func TestHeavy(t *testing.T) {
	a, b := flow(t, "10.0.0.1:1 > 10.0.0.2:2/17"), flow(t, "10.0.0.1:3 > 10.0.0.2:2/17")
	h := analyze.NewHeavy(3 * time.Second)
	if _, ok := h.Flows(0); ok {
		t.Error("an answer without a report")
	}
	h.Observe(measure.HeavyFlows{Node: "r1", Generation: 2, Time: 0, Flows: []measure.HeavyFlow{{Flow: a, OctetsPerSecond: 10}, {Flow: b, OctetsPerSecond: 5}}})
	h.Observe(measure.HeavyFlows{Node: "r1", Generation: 1, Time: second})
	h.Observe(measure.HeavyFlows{Node: "r2", Generation: 9, Time: second, Flows: []measure.HeavyFlow{{Flow: a, OctetsPerSecond: 11}}})
	flows, ok := h.Flows(second)
	if !ok || len(flows) != 2 || flows[0].OctetsPerSecond != 11 || flows[0].Node != "r2" || h.Stale != 1 {
		t.Errorf("flows %+v, stale %d", flows, h.Stale)
	}
	if flows, ok = h.Flows(4 * second); !ok || len(flows) != 1 {
		t.Errorf("flows of a fresh report alone: %+v", flows)
	}
	if _, ok = h.Flows(9 * second); ok {
		t.Error("an answer from old reports")
	}
}
