//go:build linux

package probe_test

import (
	"errors"
	"maps"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/dataplane/probe"
	"github.com/openifit/openifit/dataplane/probe/probetest"
)

// kindsOfChange make the plan that follows the usual one, in which policy 1
// meters what comes in.
func kindsOfChange(pair *probetest.Pair) map[string]func(*plan.Plan) {
	in := func(edit func(*plan.Point)) func(*plan.Plan) {
		return func(p *plan.Plan) { edit(&p.Points[0]) }
	}
	also := func(policies ...plan.Policy) func(*plan.Plan) {
		return in(func(p *plan.Point) { p.Policies = append(p.Policies, policies...) })
	}
	rules := []plan.Rule{{
		Sequence: 1, Protocol: 17, DSCP: -1, FlowLabel: -1, SourcePort: plan.AnyPort, DestinationPort: plan.AnyPort,
	}}
	sampled := probetest.Metering(2, 1)
	sampled.Select = plan.Selection{Algorithm: plan.SelectSystematicCount, Interval: 1, Space: 0}
	sketch := plan.Policy{
		PolicyRef: flow.PolicyRef{ID: 3, Generation: 1}, Name: "sketch", Actions: plan.ActSketch,
		Keys: plan.Key5Tuple, Sketch: plan.Sketch{Parts: plan.SketchHeavy, TopK: 4, Epoch: time.Hour}, Rules: rules,
	}
	watch := plan.Policy{
		PolicyRef: flow.PolicyRef{ID: 4, Generation: 1}, Name: "watch", Actions: plan.ActEvent, Keys: plan.Key5Tuple, Rules: rules,
		Triggers: []plan.Trigger{{Name: "new", Metric: flow.MetricNewFlow, PerFlow: true}},
	}
	slow := watch
	slow.Triggers = []plan.Trigger{{Name: "slow", Metric: flow.MetricTransitDelay, Raise: uint64(time.Hour), Clear: 1}}
	rate := watch
	rate.Triggers = []plan.Trigger{{Name: "rate", Metric: flow.MetricFlowRate, PerFlow: true, Raise: 1 << 40, Clear: 1}}
	tcp := probetest.Metering(6, 1)
	tcp.Actions |= plan.ActTCP
	hashed, perFlow, inner := sampled, sampled, probetest.Metering(7, 1)
	hashed.Select = plan.Selection{Algorithm: plan.SelectHashBOB, NumRanges: 1, Ranges: [plan.MaxHashRanges]plan.HashRange{{Min: 0, Max: 1 << 31}}}
	perFlow.Select.PerFlow = true
	inner.Inner = true
	histogram := probetest.Metering(8, 1)
	histogram.Actions |= plan.ActDelayHistogram
	return map[string]func(*plan.Plan){
		"flow rate":  also(rate),
		"tcp":        also(tcp),
		"hash":       also(hashed),
		"per flow":   also(perFlow),
		"inner":      also(inner),
		"histogram":  func(p *plan.Plan) { p.Points = append(p.Points, pair.Egress(histogram)) },
		"policy":     also(probetest.Metering(5, 1)),
		"rules":      in(func(p *plan.Point) { p.Policies[0].Rules = rules }),
		"generation": in(func(p *plan.Point) { p.Policies[0].Generation++ }),
		"sampling":   also(sampled),
		"flow keys":  in(func(p *plan.Point) { p.Policies[0].Keys |= plan.KeyDSCP }),
		"key width":  in(func(p *plan.Point) { p.Policies[0].Keys |= plan.KeyVNI }),
		"table size": func(p *plan.Plan) { p.MaxFlows *= 2 },
		"sketch":     also(sketch),
		"triggers":   also(watch),
		"marks": func(p *plan.Plan) {
			p.Unmark = probetest.MarkPlan().Unmark
			p.Points[0] = pair.Edge(plan.ForeignStrip, append(p.Points[0].Policies, probetest.Marking(plan.ActMark))...)
		},
		"point":            func(p *plan.Plan) { p.Points = append(p.Points, pair.Egress(probetest.Metering(1, 1))) },
		"transmit program": func(p *plan.Plan) { p.Points = append(p.Points, pair.Egress(slow)) },
		"stamps":           in(func(p *plan.Point) { p.Stamp = true }),
	}
}

// Every kind of change, made and taken back, is all or nothing: whichever step
// fails, programs, pins and counts are as they were.
func TestEveryKindOfChangeIsAllOrNothing(t *testing.T) {
	for kind, edit := range kindsOfChange(probetest.NewPair(t)) {
		t.Run(kind, func(t *testing.T) {
			pair := probetest.NewPair(t)
			edit = kindsOfChange(pair)[kind]
			usual := func() plan.Plan {
				return plan.Plan{MaxFlows: 64, Points: []plan.Point{pair.Ingress(probetest.Metering(1, 1))}}
			}
			fail, seen := 0, 0
			engine := pair.Open(t, probe.Config{PinDir: pair.PinDir, Fault: func(string) error {
				if seen++; seen == fail {
					return errInjected
				}
				return nil
			}})
			pair.Apply(t, engine, usual())
			changed := usual()
			edit(&changed)
			for _, to := range []plan.Plan{changed, usual(), changed} {
				steps := allOrNothing(t, pair, engine, to, &fail, &seen)
				if steps < 2 {
					t.Errorf("a commit of %d steps", steps)
				}
			}
		})
	}
}

// allOrNothing fails each step of a commit in turn, and lets it go through in
// the end. It returns the number of steps.
func allOrNothing(t *testing.T, pair *probetest.Pair, engine *probe.Engine, to plan.Plan, fail, seen *int) int {
	t.Helper()
	*fail = 0
	counted := func(n int) map[flow.PolicyRef]uint64 {
		pair.SendUDP(t, 4, 1000, n)
		return drained(t, pair, engine, 1000)
	}
	before := counted(3)
	for step := 1; ; step++ {
		programs, pins, kernel := programIDs(t, engine), pinned(t, pair.PinDir), attached(t, pair, pair.Ifindex)
		*fail, *seen = step, 0
		err := pair.Do(func() error {
			change, err := engine.Prepare(to)
			if err != nil {
				return err
			}
			return change.Commit()
		})
		*fail = 0
		if err == nil {
			steps := *seen
			counted(3)
			return steps
		}
		if !errors.Is(err, errInjected) {
			t.Fatalf("step %d: commit answered %v", step, err)
		}
		if diff := cmp.Diff(programs, programIDs(t, engine)); diff != "" {
			t.Errorf("step %d, %v: other programs: %s", step, err, diff)
		}
		if diff := cmp.Diff(pins, pinned(t, pair.PinDir)); diff != "" {
			t.Errorf("step %d, %v: other pins: %s", step, err, diff)
		}
		if diff := cmp.Diff(kernel, attached(t, pair, pair.Ifindex)); diff != "" {
			t.Errorf("step %d, %v: other programs attached: %s", step, err, diff)
		}
		if got := counted(3); !maps.Equal(got, before) {
			t.Errorf("step %d, %v: counted %v, want %v", step, err, got, before)
		}
	}
}

// held is what a process holds in the kernel, and what runs in it.
type held struct{ descriptors, goroutines int }

func holding(t *testing.T) held {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return held{len(fds), runtime.NumGoroutine()}
}

// However often points come, change and go, nothing is left of them: every
// map, program and link of the kernel has a descriptor, a pin or a place at
// the interface.
func TestNothingIsLeftOfManyRounds(t *testing.T) {
	const rounds = 1000
	pair := probetest.NewPair(t)
	engine := pair.Engine(t)
	sampled := probetest.Metering(2, 1)
	sampled.Select = plan.Selection{Algorithm: plan.SelectUniform, Threshold: 1 << 30}
	round := func(n int) {
		more := plan.Plan{MaxFlows: 64, Points: []plan.Point{pair.Ingress(probetest.Metering(1, uint32(n)), sampled)}}
		if n%10 == 0 {
			kinds := kindsOfChange(pair)
			kinds["table size"](&more)
			kinds["sketch"](&more)
			kinds["transmit program"](&more)
		}
		pair.Apply(t, engine, more)
		pair.Apply(t, engine, plan.Plan{MaxFlows: 64})
		if n%8 == 0 {
			drained(t, pair, engine, 1000)
		}
	}
	for n := range 20 {
		round(n * 4)
	}
	drained(t, pair, engine, 1000)
	before, pins := holding(t), pinned(t, pair.PinDir)
	for n := range rounds {
		round(n)
	}
	drained(t, pair, engine, 1000)
	runtime.GC()
	if after := holding(t); after.descriptors > before.descriptors || after.goroutines > before.goroutines {
		t.Errorf("after %d rounds %+v, before %+v", rounds, after, before)
	}
	if diff := cmp.Diff(pins, pinned(t, pair.PinDir)); diff != "" {
		t.Errorf("after %d rounds other pins: %s", rounds, diff)
	}
	if n := len(attached(t, pair, pair.Ifindex)); n != 0 {
		t.Errorf("%d programs are attached", n)
	}
}
