//go:build linux

package probe_test

import (
	"testing"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/dataplane/probe/probetest"
)

// The transmit program has constants of its own beside the node's maps.
func TestDelayTriggerLoadsTheTransmitProgram(t *testing.T) {
	pair := probetest.NewPair(t)
	engine := pair.Engine(t)
	policy := plan.Policy{
		PolicyRef: flow.PolicyRef{ID: 1, Generation: 1}, Name: "delay", Actions: plan.ActEvent,
		Triggers: []plan.Trigger{{Name: "slow", Metric: flow.MetricTransitDelay, Raise: 1000, Clear: 500}},
	}
	pair.Apply(t, engine, plan.Plan{MaxFlows: 1024, Points: []plan.Point{pair.Ingress(policy), pair.Egress(policy)}})
	if err := pair.Do(engine.SweepTriggers); err != nil {
		t.Errorf("sweep the triggers: %v", err)
	}
	counters, err := engine.TriggerCounters()
	if err != nil {
		t.Fatal(err)
	}
	if len(counters) != 1 || counters[0].Policy != 1 {
		t.Errorf("trigger counters: %+v", counters)
	}
}
