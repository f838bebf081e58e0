//go:build linux

package probe_test

import (
	"testing"
	"time"

	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/dataplane/probe"
	"github.com/openifit/openifit/dataplane/probe/probetest"
	"github.com/openifit/openifit/gen/bpf/point"
)

// counting is an engine whose one policy takes each flow's first of ten packets.
func counting(t *testing.T) (*probe.Engine, *probetest.Runner, plan.Point) {
	t.Helper()
	pair := probetest.NewPair(t)
	engine := pair.Engine(t)
	policy := probetest.Metering(1, 1)
	policy.Select = plan.Selection{Algorithm: plan.SelectSystematicCount, PerFlow: true, Interval: 1, Space: 9}
	at := pair.Quiet(t, policy)
	pair.Apply(t, engine, plan.Plan{MaxFlows: 64, Points: []plan.Point{at}})
	return engine, pair.Runner(t, engine, at.ID), at
}

// A packet whose flow has no place for its count is not selected, and counted.
func TestCountsOfTooManyFlows(t *testing.T) {
	engine, run, at := counting(t)
	m := engine.FlowSequences()
	keys := make([]point.BPFIfitFlowSequence, m.MaxEntries())
	values := make([]point.BPFIfitSequence, len(keys))
	for i := range keys {
		keys[i].Policy, keys[i].Series = 77, uint32(i)
		values[i].Used = 1 << 31 // far ahead: these never end
	}
	if _, err := m.BatchUpdate(keys, values, nil); err != nil {
		t.Fatal(err)
	}
	frame := probetest.UDP("10.0.0.1:2000", 0).Frame()
	run.Repeat(t, frame, probetest.Arrival{}, 5)
	if c := policyCounters(t, engine, at.ID, 1); c.Observed != 5 || c.Selected != 0 || c.FlowsRefused != 5 {
		t.Errorf("counted %+v", c)
	}
	if _, err := m.BatchDelete(keys[:1], nil); err != nil {
		t.Fatal(err)
	}
	run.Repeat(t, frame, probetest.Arrival{}, 5)
	if c := policyCounters(t, engine, at.ID, 1); c.Observed != 10 || c.Selected != 1 || c.FlowsRefused != 5 {
		t.Errorf("with a place: counted %+v", c)
	}
}

func places(t *testing.T, engine *probe.Engine) (n int) {
	t.Helper()
	var key point.BPFIfitFlowSequence
	var value point.BPFIfitSequence
	it := engine.FlowSequences().Iterate()
	for it.Next(&key, &value) {
		n++
	}
	if err := it.Err(); err != nil {
		t.Fatal(err)
	}
	return n
}

// Flows that have ended give their places away, others keep their counts.
func TestCountsOfEndedFlows(t *testing.T) {
	engine, run, at := counting(t)
	frame := probetest.UDP("10.0.0.1:2000", 0).Frame()
	run.Repeat(t, frame, probetest.Arrival{}, 5)
	if err := engine.ForgetFlows(time.Minute); err != nil {
		t.Fatal(err)
	}
	run.Repeat(t, frame, probetest.Arrival{}, 5)
	if c := policyCounters(t, engine, at.ID, 1); c.Selected != 1 || places(t, engine) != 1 {
		t.Errorf("a flow that goes on: %+v, %d places", c, places(t, engine))
	}
	if err := engine.ForgetFlows(0); err != nil {
		t.Fatal(err)
	}
	if n := places(t, engine); n != 0 {
		t.Errorf("%d places are taken", n)
	}
	run.Repeat(t, frame, probetest.Arrival{}, 5)
	if c := policyCounters(t, engine, at.ID, 1); c.Selected != 2 {
		t.Errorf("a flow that begins anew: %+v", c)
	}
}
