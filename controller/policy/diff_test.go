package policy_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/openconfig/ygot/ygot"

	"github.com/openifit/openifit/controller/measure"
	"github.com/openifit/openifit/controller/policy"
	"github.com/openifit/openifit/gen/yang"
)

func TestDiff(t *testing.T) {
	base := parse(t, paths)
	rate := parse(t, strings.Replace(paths, "0.0625", "0.25", 1))
	other := parse(t, strings.Replace(paths, `"mark": "lab"`, `"mark": "other"`, 1))
	both := parse(t, strings.Replace(strings.Replace(paths, "0.0625", "1", 1), `"protocol": 17`, `"protocol": 6`, 1))
	all := parse(t, strings.Replace(paths, `"algorithm": "UNIFORM_PROBABILISTIC", "probability": "0.0625"`, `"algorithm": "ALL"`, 1))
	f, err := measure.ParseFlow("10.0.0.3:5 > 10.0.0.2:6/17")
	if err != nil {
		t.Fatal(err)
	}
	moved, err := base.WithFlows([]measure.Flow{f})
	if err != nil {
		t.Fatal(err)
	}
	const at = "/ifit/policies/policy[name=paths]"
	tests := []struct {
		name          string
		before, after *policy.Policy
		want          []string
	}{
		{"nothing", nil, nil, nil},
		{"same", base, parse(t, paths), nil},
		{"new", nil, base, []string{"REPLACE " + at}},
		{"gone", base, nil, []string{"DELETE " + at}},
		{"another mark", base, other, []string{"REPLACE " + at}},
		{"another algorithm", base, all, []string{"REPLACE " + at}},
		{"rate", base, rate, []string{"UPDATE " + at + `/packet-selection/config/probability "0.25"`}},
		{"flow and rate", base, both, []string{
			"REPLACE " + at + "/flow-selection/flows/flow[id=a]", "UPDATE " + at + `/packet-selection/config/probability "1.0"`}},
		{"another flow", base, moved, []string{
			"DELETE " + at + "/flow-selection/flows/flow[id=a]",
			"REPLACE " + at + "/flow-selection/flows/flow[id=" + policy.FlowID(f) + "]"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := policy.Diff(tt.before, tt.after)
			if len(got) != len(tt.want) {
				t.Fatalf("changes %+v, want %q", got, tt.want)
			}
			for i, c := range got {
				if s := fmt.Sprintf("%s %s %s", c.Op, c.Path, c.Value); !strings.HasPrefix(s, tt.want[i]) {
					t.Errorf("change %s, want %s", s, tt.want[i])
				}
			}
		})
	}
	raise, err := base.Raise("adaptive", 0.5, 10*time.Second, nil)
	if err != nil {
		t.Fatal(err)
	}
	if c := raise.Touch(); len(c) != 1 || string(c[0].Value) != "10" || c[0].Path != "/ifit/policies/policy[name=paths.raise]/config/lifetime" {
		t.Errorf("touch %+v", c)
	}
	var again policy.Policy
	text, err := json.Marshal(raise)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &again); err != nil || policy.Diff(raise, &again) != nil {
		t.Errorf("the policy does not survive JSON: %v", err)
	}
}

func TestEquivalent(t *testing.T) {
	base := parse(t, paths)
	effective := parse(t, strings.NewReplacer(
		`"owner": "elephants"`, `"owner": "elephants", "enabled": true, "lifetime": 0, "priority": 100`,
		`"collector": ["controller"]`, `"collector": ["controller"], "active-timeout": 60000, "encoding": "IPFIX"`,
		`"mark": "lab"`, `"mark": "lab", "mode": "OUTER"`).Replace(paths))
	other := parse(t, strings.Replace(paths, `"owner": "elephants"`, `"owner": "elephants", "priority": 7`, 1))
	if !base.Equivalent(effective) || !effective.Equivalent(base) {
		t.Error("defaults that are written out make a difference")
	}
	if base.Equivalent(other) || other.Equivalent(effective) || base.Equivalent(nil) {
		t.Error("a different policy counts as the same")
	}
}

func TestFromTree(t *testing.T) {
	tree := &yang.Policy{}
	if err := yang.Unmarshal([]byte(paths), tree); err != nil {
		t.Fatal(err)
	}
	tree.GetOrCreateState().Id = ygot.Uint32(4)
	tree.FlowSelection.Flows.Flow["a"].State = &yang.Policy_FlowSelection_Flow_State{Packets: ygot.Uint64(9)}
	p, err := policy.FromTree(tree)
	if err != nil {
		t.Fatal(err)
	}
	if !p.Equivalent(parse(t, paths)) || strings.Contains(string(p.JSON()), "state") {
		t.Errorf("policy %s", p.JSON())
	}
	if tree.State == nil || tree.FlowSelection.Flows.Flow["a"].State == nil {
		t.Error("the node's tree was changed")
	}
}
