//go:build linux

package source_test

import (
	"testing"
	"time"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/dataplane/plan/plantest"
	"github.com/openifit/openifit/dataplane/probe/probetest"
	"github.com/openifit/openifit/dataplane/source"
)

// classes are policies that do one class of things each; of selection there is
// one for each way.
func classes(egress bool) map[string][]plan.Policy {
	sketch, event, tcp := probetest.Metering(6, 1), probetest.Metering(7, 1), probetest.Metering(5, 1)
	sketch.Actions, sketch.Sketch = plan.ActSketch, plan.Sketch{
		Parts: plan.SketchHeavy | plan.SketchDistinct | plan.SketchSpread, TopK: 8, Epoch: time.Hour, LeastDestinations: 2,
	}
	event.Actions, event.Triggers = plan.ActEvent, []plan.Trigger{
		{Name: "new", Metric: flow.MetricNewFlow, PerFlow: true},
		{Name: "rate", Metric: flow.MetricFlowRate, Raise: 1 << 30, Clear: 1, PerFlow: true},
	}
	tcp.Actions |= plan.ActTCP
	marking := probetest.Marking(plan.ActPostcard)
	if !egress {
		marking = probetest.Marking(plan.ActMark | plan.ActPostcard)
	}
	g := plantest.New(7)
	var sampled []plan.Policy
	for i, s := range selections()[1:] {
		p := probetest.Metering(uint32(100+i), 1)
		p.Select, p.Rules = s, []plan.Rule{g.Rule(1)}
		sampled = append(sampled, p)
	}
	return map[string][]plan.Policy{
		"": nil, "sampling": sampled, "sketch": {sketch}, "triggers": {event}, "TCP": {tcp}, "marks": {marking},
	}
}

// Any two classes load together, whichever program the engine chooses for them.
func TestClassesLoadInPairs(t *testing.T) {
	pair := probetest.NewRouter(t)
	engine := pair.Engine(t)
	records, err := source.NewRecords(engine)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"", "sampling", "sketch", "triggers", "TCP", "marks"}
	for i, a := range names {
		for _, b := range names[i+1:] {
			for _, egress := range []bool{false, true} {
				point := pair.Edge(plan.ForeignStrip)
				if egress {
					point = pair.Egress()
					point.Role, point.Postcards, point.Unmark = plan.RoleEdge, true, true
				}
				of := classes(egress)
				point.Policies = append(of[a], of[b]...)
				t.Logf("%s and %s, egress %v", a, b, egress)
				pair.Apply(t, engine, probetest.MarkPlan(point))
				if err := pair.Do(func() error { return records.Drain(func(*flow.Record) {}) }); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}
