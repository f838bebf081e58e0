package compile_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/openifit/openifit/agent/compile"
	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/probe/custom/object"
)

// uploads are two probes: one that could be read, and one that could not.
func uploads(t *testing.T) map[string]compile.Probe {
	t.Helper()
	read := func(name string) *object.Object {
		data, err := os.ReadFile("../../dataplane/probe/custom/object/testdata/" + name + ".o")
		if err != nil {
			t.Fatal(err)
		}
		o, err := object.Read(data, object.Usual())
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	return map[string]compile.Probe{
		"dns": {Object: read("dns")}, "size": {Object: read("size")}, "bad": {Reason: "it is bad"},
	}
}

const probes = `{"probes": {"probe": [
 {"name": "dns", "config": {"name": "dns", "max-ns-per-packet": 700}},
 {"name": "size", "config": {"name": "size", "first-element": 2000}},
 {"name": "bad", "config": {"name": "bad"}}]}}`

func withProbes(t *testing.T, parts ...string) (*compile.Result, error) {
	t.Helper()
	in := tree(t, append([]string{node, probes}, parts...)...)
	refs := make(map[string]flow.PolicyRef)
	if p := in.GetPolicies(); p != nil {
		for name := range p.Policy {
			refs[name] = flow.PolicyRef{ID: uint32(len(refs) + 1), Generation: 1}
		}
	}
	return compile.New().Compile(compile.Input{Tree: in, Refs: refs, Links: links(), Probes: uploads(t)})
}

func customPolicy(rest string) string {
	return `{"policies": {"policy": [{"name": "a", "config": {"name": "a", "technique": "CUSTOM_PROBE"` + rest + `}]}}`
}

func TestCustomProbeRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		part, path string
		code       compile.Code
		reason     string
	}{
		"no probe":        {customPolicy(`}`), "/config/probe", compile.Invalid, "CUSTOM_PROBE needs a probe"},
		"unknown probe":   {customPolicy(`, "probe": "x"}`), "/config/probe", compile.NotFound, "there is no probe x"},
		"refused probe":   {customPolicy(`, "probe": "bad"}`), "/config/probe", compile.Invalid, "probe bad: it is bad"},
		"not of it":       {customPolicy(`, "probe": "dns"}, "encapsulation": {"config": {"mark": "m"}}`), "/encapsulation/config/mark", compile.NotBuilt, "not built"},
		"rules":           {customPolicy(`, "probe": "dns"}, "flow-selection": {"rules": {"rule": [{"sequence-id": 1, "config": {"sequence-id": 1, "protocol": 17}}]}}`), "/flow-selection", compile.NotBuilt, "the probe sees every packet"},
		"elements":        {customPolicy(`, "probe": "dns"}, "data-selection": {"config": {"data-element": ["openifit-types:TTL"]}}`), "/data-selection/config/data-element", compile.NotBuilt, "not built"},
		"no value":        {customPolicy(`, "probe": "dns"}, "probe-parameters": {"parameter": [{"name": "port", "config": {"name": "port"}}]}`), "/probe-parameters/parameter[name=port]/config/value", compile.Invalid, "needs a value"},
		"wrong value":     {customPolicy(`, "probe": "dns"}, "probe-parameters": {"parameter": [{"name": "port", "config": {"name": "port", "value": "70000"}}]}`), "/probe-parameters/parameter[name=port]/config/value", compile.Invalid, "from 0 to 65535"},
		"wrong parameter": {customPolicy(`, "probe": "dns"}, "probe-parameters": {"parameter": [{"name": "prot", "config": {"name": "prot", "value": "1"}}]}`), "/probe-parameters/parameter[name=prot]/config/value", compile.Invalid, "has port, report"},
		"unknown place":   {customPolicy(`, "probe": "dns"}, "observation-points": {"observation-point": [{"name": "o", "config": {"name": "o", "interface": "nowhere"}}]}`), "/observation-points/observation-point[name=o]/config/interface", compile.NotFound, "not under /ifit/interfaces"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := withProbes(t, c.part)
			var first *compile.Error
			if !errors.As(err, &first) {
				t.Fatalf("not refused: %v", err)
			}
			if first.Path != "/ifit/policies/policy[name=a]"+c.path || first.Code != c.code || !strings.Contains(first.Reason, c.reason) {
				t.Errorf("refused with %d %v", first.Code, first)
			}
		})
	}
}

func TestElementsOfProbesMustNotOverlap(t *testing.T) {
	in := tree(t, node, strings.Replace(probes, "2000", "1006", 1))
	_, err := compile.New().Compile(compile.Input{Tree: in, Links: links(), Probes: uploads(t)})
	const want = "/ifit/probes/probe[name=size]/config/first-element: elements 1006 to 1008 overlap with 1000 to 1006 of probe dns"
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want %s", err, want)
	}
}

func TestTooManyProbesAtAPoint(t *testing.T) {
	var entries []string
	for _, name := range strings.Split("abcdefghi", "") {
		entries = append(entries, `{"name": "`+name+`", "config": {"name": "`+name+`", "technique": "CUSTOM_PROBE", "probe": "dns"}}`)
	}
	_, err := withProbes(t, `{"policies": {"policy": [`+strings.Join(entries, ",")+`]}}`)
	var first *compile.Error
	if !errors.As(err, &first) || first.Code != compile.TooMuch || first.Path != "/ifit/policies/policy[name=i]" {
		t.Errorf("%v", err)
	}
}

func TestCustomProbeRunsBesideThePoint(t *testing.T) {
	r, err := withProbes(t, customPolicy(`, "probe": "dns"}, "probe-parameters": {"parameter": [{"name": "port", "config": {"name": "port", "value": "5353"}}]},
		"observation-points": {"observation-point": [{"name": "o", "config": {"name": "o", "interface": "mon", "direction": "BOTH"}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	p := r.Policies[0]
	if len(p.Points) != 2 || p.Points[0].Interface != "mon" || !p.Active() {
		t.Errorf("it runs at %v", p.Points)
	}
	if string(p.Custom.Parameters) != "\xe9\x14\x01\x00" || p.Custom.PerPacket != 700 || p.Custom.CPU != 0.1 || p.Custom.FirstElement != 1000 {
		t.Errorf("it runs as %+v", p.Custom)
	}
	for _, at := range r.Plan.Points {
		if len(at.Policies) > 0 {
			t.Errorf("the program of %s knows of it", at.ID)
		}
	}
}
