package compile_test

import (
	"errors"
	"testing"

	"github.com/openifit/openifit/agent/compile"
	"github.com/openifit/openifit/dataplane/plan"
)

func sketch(leaves string) string { return `"sketch": {"config": {` + leaves + `}}` }

func TestSketchReports(t *testing.T) {
	_, err := build(tree(t, node, policy("FLOW_SKETCH", sketch(`"report": ["DISTINCT"], "threshold-octets-per-second": "5"`))))
	var e *compile.Error
	if !errors.As(err, &e) || e.Path != p+"/sketch/config/threshold-octets-per-second" || e.Code != compile.Invalid {
		t.Errorf("a rate of flows that are not reported: %v", err)
	}
	for leaves, want := range map[string]plan.Sketch{
		``:                          {Parts: plan.SketchHeavy, LeastDestinations: 100},
		`"report": ["HEAVY_FLOWS"]`: {Parts: plan.SketchHeavy, LeastDestinations: 100},
		`"report": ["DISTINCT"]`:    {Parts: plan.SketchDistinct, LeastDestinations: 100},
		`"report": ["SPREADERS", "DISTINCT"], "spreader-threshold": 7`: {Parts: plan.SketchSpread | plan.SketchDistinct, LeastDestinations: 7},
	} {
		r, err := build(tree(t, node, policy("FLOW_SKETCH", sketch(leaves))))
		if err != nil {
			t.Fatalf("%s: %v", leaves, err)
		}
		got := r.Policies[0].Sketch
		if got.Parts != want.Parts || got.LeastDestinations != want.LeastDestinations {
			t.Errorf("%s: %+v, want %+v", leaves, got, want)
		}
	}
}
