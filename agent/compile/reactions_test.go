package compile_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/openifit/openifit/agent/compile"
	"github.com/openifit/openifit/dataplane/plan"
)

const sampled = `"packet-selection": {"config": {"algorithm": "UNIFORM_PROBABILISTIC", "probability": "0.25"}}`

// reacting is an EVENT_MONITOR policy p whose trigger t changes another policy.
func reacting(target, leaves string) string {
	return policy("EVENT_MONITOR", fmt.Sprintf(`"triggers": {"trigger": [{"name": "t", "config": {"name": "t", "metric": "NEW_FLOW"},
		"actions": {"action": [{"policy": %q, "config": {"policy": %q, %s}}]}}]}`, target, target, leaves))
}

func TestRefusedActions(t *testing.T) {
	const action = p + "/triggers/trigger[name=t]/actions/action"
	for _, tt := range []struct {
		name, part, path, reason string
	}{
		{"rate of a policy that takes all", reacting("all", `"action": "SET_RATE", "probability": "1", "duration": 1000`), action + "[policy=all]/config/action", "does not select by UNIFORM_PROBABILISTIC"},
		{"its own", reacting("p", `"action": "ENABLE", "duration": 1000`), action + "[policy=p]/config/policy", "cannot change itself"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := build(tree(t, node, named("all", "FLOW_METERING"), tt.part))
			var e *compile.Error
			if !errors.As(err, &e) || e.Path != tt.path || e.Code != compile.Invalid || !strings.Contains(e.Reason, tt.reason) {
				t.Errorf("refused with %v\nwant %s: %s", err, tt.path, tt.reason)
			}
		})
	}
}

func TestActions(t *testing.T) {
	r, err := build(tree(t, node, named("s", "FLOW_METERING", sampled),
		reacting("s", `"action": "SET_RATE", "probability": "0.5", "duration": 2500`)))
	if err != nil {
		t.Fatal(err)
	}
	got := r.Policies[0].Actions
	if len(got) != 1 || got[0].Trigger != "t" || got[0].Policy != "s" || got[0].Enable || got[0].Probability != 0.5 || got[0].Duration != 2500*time.Millisecond {
		t.Errorf("actions %+v", got)
	}
}

func TestReactionsChangePolicies(t *testing.T) {
	in := tree(t, node, named("s", "FLOW_METERING", sampled),
		`{"policies": {"policy": [{"name": "off", "config": {"name": "off", "technique": "FLOW_METERING", "enabled": false}}]}}`)
	compiler := compile.New()
	compiled := func(reactions map[string]compile.Reaction) (off, s compile.Policy) {
		r, err := compiler.Compile(compile.Input{Tree: in, Refs: refs(in), Links: links(), Reactions: reactions})
		if err != nil {
			t.Fatal(err)
		}
		return r.Policies[0], r.Policies[1]
	}
	want, _ := plan.Threshold(0.5)
	off, s := compiled(map[string]compile.Reaction{"off": {Enabled: true}, "s": {RateSet: true, Probability: 0.5}})
	if !off.Active() || s.Select.Threshold != want || s.Probability != 0.5 {
		t.Errorf("with reactions: active %v, threshold %d", off.Active(), s.Select.Threshold)
	}
	before, _ := plan.Threshold(0.25)
	if off, s = compiled(nil); off.Active() || s.Select.Threshold != before || s.Probability != 0.25 {
		t.Errorf("after them: active %v, threshold %d", off.Active(), s.Select.Threshold)
	}
}
