//go:build linux

package probe_test

import (
	"testing"
	"time"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/dataplane/probe/probetest"
)

// allPolicies are policies that, together, switch on all that a point can do
// besides marks and what belongs to one direction.
func allPolicies(pair *probetest.Pair) []plan.Policy {
	rules := []plan.Rule{{
		Sequence: 1, Protocol: 17, DSCP: -1, FlowLabel: -1, SourcePort: plan.AnyPort, DestinationPort: plan.AnyPort,
	}}
	all := probetest.Metering(1, 1)
	all.Keys |= plan.KeyDSCP | plan.KeyFlowLabel | plan.KeyVLAN | plan.KeyVNI | plan.KeyMPLS | plan.KeySegment | plan.KeyCustomerVLAN
	all.Rules = rules
	out := []plan.Policy{all}
	add := func(edit func(*plan.Policy)) {
		p := probetest.Metering(uint32(10+len(out)), 1)
		edit(&p)
		out = append(out, p)
	}
	for _, s := range []plan.Selection{
		{Algorithm: plan.SelectSystematicCount, Interval: 1, Space: 1},
		{Algorithm: plan.SelectSystematicCount, Interval: 1, Space: 1, PerFlow: true},
		{Algorithm: plan.SelectSystematicTime, Interval: 1000, Space: 1000},
		{Algorithm: plan.SelectRandom, Size: 1, Population: 2},
		{Algorithm: plan.SelectRandom, Size: 1, Population: 2, PerFlow: true},
		{Algorithm: plan.SelectUniform, Threshold: 1 << 30},
		{Algorithm: plan.SelectUniform, Threshold: 1 << 30, PerFlow: true},
		{Algorithm: plan.SelectProperty, Match: plan.Properties{MinLength: 1, MaxLength: 1000, MinTTL: 1, MaxTTL: 255, Fragments: plan.AnyFragment, ECN: 15}},
		{Algorithm: plan.SelectHashBOB, NumRanges: 1, Ranges: [plan.MaxHashRanges]plan.HashRange{{Min: 0, Max: 1 << 31}}},
	} {
		add(func(p *plan.Policy) { p.Select = s })
	}
	add(func(p *plan.Policy) { p.Inner = true })
	add(func(p *plan.Policy) { p.Actions |= plan.ActTCP })
	add(func(p *plan.Policy) {
		p.FlowList = true
		p.Flows = []flow.ID{{Source: pair.Far4, Destination: pair.Near4, SourcePort: 1000, DestinationPort: probetest.Port, Protocol: 17}}
	})
	add(func(p *plan.Policy) {
		p.Actions = plan.ActSketch
		p.Sketch = plan.Sketch{Parts: plan.SketchHeavy | plan.SketchDistinct | plan.SketchSpread, LeastDestinations: 2, TopK: 4, Epoch: time.Hour}
	})
	add(func(p *plan.Policy) {
		p.Actions = plan.ActEvent
		p.Triggers = []plan.Trigger{
			{Name: "new", Metric: flow.MetricNewFlow, PerFlow: true}, {Name: "path", Metric: flow.MetricPathChange, PerFlow: true},
			{Name: "rate", Metric: flow.MetricFlowRate, PerFlow: true, Raise: 1 << 40, Clear: 1},
			{Name: "burst", Metric: flow.MetricMicroburst, Raise: 1 << 40, Clear: 1},
		}
	})
	return out
}

// All that a point can do can be asked of it at once: the verifier's bounds
// for a program's stack and size are kept.
func TestEverythingAtOnce(t *testing.T) {
	pair := probetest.NewRouter(t)
	engine := pair.Engine(t)
	in := pair.Edge(plan.ForeignStrip, append(allPolicies(pair), probetest.Marking(plan.ActMark|plan.ActPostcard))...)
	in.Stamp = true
	out := pair.Egress(append(allPolicies(pair), probetest.Marking(plan.ActPostcard))...)
	out.Role, out.Unmark, out.Postcards = plan.RoleEdge, true, true
	out.Policies[0].Actions |= plan.ActDelay | plan.ActDelayHistogram | plan.ActQueueHistogram
	next := probetest.MarkPlan(in, out)
	next.MaxFlows, next.MaxPostcards = 1024, 1000
	pair.Apply(t, engine, next)
	pair.SendUDP(t, 4, 1000, 10)
	pair.SendUDP(t, 6, 1000, 10)
	if got := drained(t, pair, engine, 1000)[flow.PolicyRef{ID: 1, Generation: 1}]; got != 20 {
		t.Errorf("counted %d packets, want 20", got)
	}
}
