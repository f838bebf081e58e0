package compile_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// What the documentation tells people to install must be accepted.
func TestDocumentedPolicies(t *testing.T) {
	files, err := filepath.Glob("../../docs/examples/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var policy map[string]any
			if err := json.Unmarshal(text, &policy); err != nil {
				t.Fatal(err)
			}
			policy["name"] = policy["config"].(map[string]any)["name"]
			if policy["config"].(map[string]any)["probe"] != nil {
				documentedProbe(t, policy)
				return
			}
			tree := tree(t, node,
				`{"collectors": {"collector": [{"name": "controller", "config": {"name": "controller", "address": "192.0.2.8"}}]}}`,
				encode(t, map[string]any{"policies": map[string]any{"policy": []any{policy}}}))
			result, err := build(tree)
			if err != nil {
				t.Fatal(err)
			}
			if len(result.Plan.Points) == 0 {
				t.Error("it is enforced nowhere")
			}
		})
	}
}

// documentedProbe checks a policy that runs the probe which docs/write-a-probe.md
// begins with.
func documentedProbe(t *testing.T, policy map[string]any) {
	t.Helper()
	r, err := withProbes(t, `{"collectors": {"collector": [{"name": "controller", "config": {"name": "controller", "address": "192.0.2.8"}}]}}`,
		encode(t, map[string]any{"policies": map[string]any{"policy": []any{policy}}}))
	if err != nil {
		t.Fatal(err)
	}
	if !r.Policies[0].Active() {
		t.Error("it runs nowhere")
	}
}

func encode(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
