package compile_test

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/openifit/openifit/agent/compile"
	"github.com/openifit/openifit/dataplane/plan"
)

// Under a limit of selected packets, policies that select all ask for each
// packet too; without one they cost nothing more.
func TestLimitOfSelectedPackets(t *testing.T) {
	const limited = `{"limits": {"config": {"max-selected-packets-per-second": "1000"}}}`
	metering := policy("FLOW_METERING", at(`"interface": "mon", "direction": "INGRESS"`))
	watching := named("q", "EVENT_MONITOR", at(`"interface": "mon", "direction": "EGRESS"`), trigger(`"metric": "NEW_FLOW"`))
	everyOne := plan.Selection{Algorithm: plan.SelectUniform, Threshold: math.MaxUint32}
	for _, test := range []struct {
		name  string
		parts []string
		limit uint64
		want  plan.Selection
	}{
		{"no limit", []string{metering}, 0, plan.Selection{}},
		{"metering", []string{limited, metering}, 1000, everyOne},
		{"nothing is selected", []string{limited, watching}, 1000, plan.Selection{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := build(tree(t, append([]string{node}, test.parts...)...))
			if err != nil {
				t.Fatal(err)
			}
			if got.Plan.MaxSelected != test.limit {
				t.Errorf("limit %d, want %d", got.Plan.MaxSelected, test.limit)
			}
			i := slices.IndexFunc(got.Plan.Points, func(p plan.Point) bool { return p.Interface == "mon" })
			if in := got.Plan.Points[i].Policies[0].Select; in != test.want || got.Policies[0].Select != test.want {
				t.Errorf("selection %+v in the plan, %+v of the policy, want %+v", in, got.Policies[0].Select, test.want)
			}
		})
	}
}

// What a kernel lacks is refused with the name under which the state shows it.
func TestKernelsThatCannot(t *testing.T) {
	egress := at(`"interface": "mon", "direction": "EGRESS"`)
	for _, test := range []struct {
		name, part string
		in         compile.Input
		path       string
		reason     string
	}{
		{"delay of flows", policy("FLOW_METERING", egress, withDelay), compile.Input{NoTimestamps: true},
			p + "/data-selection/config/data-element", "mono-delivery-time"},
		{"delay trigger", policy("EVENT_MONITOR", egress, trigger(`"metric": "TRANSIT_DELAY", "threshold": "9"`)), compile.Input{NoTimestamps: true},
			p + "/triggers", "mono-delivery-time"},
		{"processor time", `{"limits": {"config": {"max-cpu-percent": "5"}}, "policies": {}}`, compile.Input{NoStatistics: true},
			"/ifit/limits/config/max-cpu-percent", "run-time-statistics"},
	} {
		t.Run(test.name, func(t *testing.T) {
			in := test.in
			in.Tree, in.Links = tree(t, node, test.part), links()
			in.Refs = refs(in.Tree)
			_, err := compile.New().Compile(in)
			var refused *compile.Error
			if !errors.As(err, &refused) || refused.Path != test.path || !strings.Contains(refused.Reason, test.reason) {
				t.Errorf("got %v", err)
			}
			in.NoTimestamps, in.NoStatistics = false, false
			if _, err := compile.New().Compile(in); err != nil {
				t.Errorf("where the kernel can: %v", err)
			}
		})
	}
}
