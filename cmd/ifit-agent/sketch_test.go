//go:build linux

package main

import (
	"testing"

	"github.com/openifit/openifit/lab/traffic"
)

func TestSketchByGNMI(t *testing.T) {
	w := newWorld(t)
	w.start(t)
	c := w.client(t)
	set(t, c, append(base(collectorPort), update(policyM, `{"name": "m", "config": {"name": "m", "technique": "FLOW_SKETCH"},
		"flow-selection": {"rules": {"rule": [{"sequence-id": 1, "config": {"sequence-id": 1, "protocol": 17, "destination-port": 5001}}]}},
		"sketch": {"config": {"report": ["DISTINCT", "SPREADERS"], "spreader-threshold": 1, "epoch": 500}}}`))...)
	s := w.traffic(t, traffic.Constant{Flows: 6, Rate: 500, Payload: 100})
	// Estimates of so few are exact but for values that share a register.
	wait(t, "flows are counted", func() bool {
		n := number(t, c, policyM+"/state/distinct/flows")
		return n == 5 || n == 6
	})
	if n := number(t, c, policyM+"/state/distinct/sources"); n != 2 {
		t.Errorf("%d sources, want 2", n)
	}
	wait(t, "sources are listed with their destinations", func() bool {
		return number(t, c, policyM+"/state/spreaders/spreader[source-address=10.0.1.2]/destinations") == 1
	})
	if got := string(get(t, c, policyM+"/state/heavy-flows")); got != "" && got != "{}" {
		t.Errorf("heavy flows that nobody asked for: %s", got)
	}
	w.report(t, s)
}
