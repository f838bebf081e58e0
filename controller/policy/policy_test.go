package policy_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/openifit/openifit/controller/measure"
	"github.com/openifit/openifit/controller/policy"
)

const paths = `{
  "name": "paths",
  "config": {"name": "paths", "technique": "openifit-types:PBT_M", "owner": "elephants"},
  "flow-selection": {"config": {"source": "FLOW_LIST"},
    "flows": {"flow": [{"id": "a", "config": {"id": "a", "source-address": "10.0.0.1", "destination-address": "10.0.0.2",
      "protocol": 17, "source-port": 5, "destination-port": 6}}]}},
  "packet-selection": {"config": {"algorithm": "UNIFORM_PROBABILISTIC", "probability": "0.0625"}},
  "encapsulation": {"config": {"mark": "lab"}},
  "data-export": {"config": {"collector": ["controller"]}}
}`

func TestParse(t *testing.T) {
	tests := []struct {
		name, text, want string
	}{
		{"no JSON", `nonsense`, "no JSON object"},
		{"a list", `[]`, "no JSON object"},
		{"empty", `{}`, "no config"},
		{"no name", `{"config": {"technique": "openifit-types:PBT_M"}}`, "no name"},
		{"two names", `{"name": "a", "config": {"name": "b", "technique": "openifit-types:PBT_M"}}`, `config/name is "b"`},
		{"no technique", `{"name": "a", "config": {"name": "a"}}`, "technique is missing"},
		{"unknown technique", `{"name": "a", "config": {"name": "a", "technique": "GUESS"}}`, "GUESS"},
		{"unknown leaf", `{"name": "a", "config": {"name": "a", "technique": "PBT_M", "colour": "red"}}`, "colour"},
		{"wrong type", `{"name": "a", "config": {"name": "a", "technique": "PBT_M", "enabled": "yes"}}`, "enabled"},
		{"out of range", `{"name": "a", "config": {"name": "a", "technique": "PBT_M"},
			"packet-selection": {"config": {"algorithm": "UNIFORM_PROBABILISTIC", "probability": "1.5"}}}`, "1.5"},
		{"bad name", `{"name": "a b", "config": {"name": "a b", "technique": "PBT_M"}}`, "a b"},
		{"state", `{"name": "a", "config": {"name": "a", "technique": "PBT_M"}, "state": {"id": 3}}`, "state is not configuration"},
		{"two in a list", `{"policy": [{}, {}]}`, "2 entries"},
		{"in a list", `{"openifit-agent:policy": [` + paths + `]}`, ""},
		{"by itself", paths, ""},
		{"name once", `{"config": {"name": "a", "technique": "FLOW_METERING"}}`, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := policy.Parse([]byte(tt.text))
			if tt.want != "" {
				if err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Fatalf("error %v, want one with %q", err, tt.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			again, err := policy.Parse(p.JSON())
			if err != nil || string(again.JSON()) != string(p.JSON()) {
				t.Errorf("the text does not survive: %v\n%s\n%s", err, p.JSON(), again.JSON())
			}
		})
	}
}

func TestFields(t *testing.T) {
	p := parse(t, paths)
	share, ok := p.Probability()
	if p.Name() != "paths" || p.Owner() != "elephants" || p.Technique() != "PBT_M" || !p.OnPath() || !p.Enabled() ||
		!p.HasFlowList() || share != 0.0625 || !ok || p.Lifetime() != 0 {
		t.Errorf("policy %s", p.JSON())
	}
	if got := parse(t, `{"name": "m", "config": {"technique": "FLOW_METERING"}}`); got.Owner() != policy.Operator || got.OnPath() {
		t.Errorf("policy %s", got.JSON())
	}
}

func TestRaise(t *testing.T) {
	base := parse(t, paths)
	if _, err := base.Raise("adaptive", 0, time.Minute, nil); err == nil {
		t.Error("a raise to 0 is accepted")
	}
	if _, err := base.Raise("adaptive", 0.5, time.Millisecond, nil); err == nil {
		t.Error("a raise for ever is accepted")
	}
	before := string(base.JSON())
	r, err := base.Raise("adaptive", 0.5, 10*time.Second, nil)
	if err != nil {
		t.Fatal(err)
	}
	share, _ := r.Probability()
	if share != 0.5 || r.Lifetime() != 10*time.Second || r.Owner() != "adaptive" || r.Name() != "paths.raise" ||
		len(r.Flows()) != 1 || string(base.JSON()) != before {
		t.Errorf("raise %s", r.JSON())
	}
	var object struct {
		Encapsulation json.RawMessage `json:"encapsulation"`
	}
	if err := json.Unmarshal(r.JSON(), &object); err != nil || !strings.Contains(string(object.Encapsulation), "lab") {
		t.Errorf("the raise lost its mark: %s", r.JSON())
	}
}

func TestWithFlows(t *testing.T) {
	base := parse(t, paths)
	var flows []measure.Flow
	for _, s := range []string{"10.0.0.1:1 > 10.0.0.2:2/6", "[2001:db8::1]:1 > [2001:db8::2]:2/17", "10.0.0.1:0 > 10.0.0.2:0/47"} {
		f, err := measure.ParseFlow(s)
		if err != nil {
			t.Fatal(err)
		}
		flows = append(flows, f)
	}
	p, err := base.WithFlows(flows)
	if err != nil {
		t.Fatal(err)
	}
	got := p.Flows()
	if len(got) != 3 || len(base.Flows()) != 1 {
		t.Fatalf("flows %v", got)
	}
	for _, f := range flows {
		if !strings.Contains(string(p.JSON()), policy.FlowID(f)) {
			t.Errorf("no flow %v in %s", f, p.JSON())
		}
	}
	if none, err := p.WithFlows(nil); err != nil || !none.HasFlowList() || len(none.Flows()) != 0 {
		t.Errorf("a list without flows: %v", err)
	}
}

func parse(t *testing.T, text string) *policy.Policy {
	t.Helper()
	p, err := policy.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// FuzzParse asserts that whatever is accepted is written so that it is
// accepted again, unchanged.
func FuzzParse(f *testing.F) {
	f.Add([]byte(paths))
	f.Add([]byte(`{"policy": [{"config": {"name": "a", "technique": "PBT_M"}}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := policy.Parse(text)
		if err != nil {
			return
		}
		again, err := policy.Parse(p.JSON())
		if err != nil {
			t.Fatalf("%s\nwas written as %s\nwhich is refused: %v", text, p.JSON(), err)
		}
		if string(again.JSON()) != string(p.JSON()) {
			t.Fatalf("written as\n%s\nthen as\n%s", p.JSON(), again.JSON())
		}
	})
}

func TestPerFlow(t *testing.T) {
	p := parse(t, `{"name": "w", "config": {"technique": "EVENT_MONITOR"}, "triggers": {"trigger": [
		{"name": "q", "config": {"name": "q", "metric": "TRANSIT_DELAY", "threshold": "5"}},
		{"name": "f", "config": {"name": "f", "metric": "TRANSIT_DELAY", "threshold": "5", "scope": "FLOW"}},
		{"name": "m", "config": {"name": "m", "metric": "PATH_CHANGE"}}]}}`)
	for trigger, want := range map[string]bool{"q": false, "f": true, "m": true, "none": false} {
		if p.PerFlow(trigger) != want {
			t.Errorf("%s: per flow %t", trigger, !want)
		}
	}
	if parse(t, paths).PerFlow("q") {
		t.Error("a policy without triggers has one")
	}
}
