package schema_test

import (
	"slices"
	"strings"
	"testing"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/openconfig/ygot/ygot"

	"github.com/openifit/openifit/agent/intent/schema"
	"github.com/openifit/openifit/gen/yang"
)

func load(t testing.TB) *schema.Schema {
	t.Helper()
	s, err := schema.Load()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func elems(t testing.TB, path string) []*gpb.PathElem {
	t.Helper()
	p, err := ygot.StringToStructuredPath(path)
	if err != nil {
		t.Fatal(err)
	}
	return p.Elem
}

func TestResolve(t *testing.T) {
	s := load(t)
	for _, tt := range []struct {
		path string
		want string // patterns, or the error
	}{
		{"/", "/"},
		{"/ifit", "/ifit"},
		{"/ifit/policies/policy[name=x]", "/ifit/policies/policy[name=x]"},
		{"/ifit/policies/policy", "/ifit/policies/policy[name=*]"},
		{`/ifit/interfaces/interface[name=a\]b]/config`, `/ifit/interfaces/interface[name=a\]b]/config`},
		{"/ifit/policies/*", "/ifit/policies/policy[name=*]"},
		{"/ifit/policies/*[name=x]", "/ifit/policies/policy[name=x]"},
		{"/ifit/.../hits", "/ifit/policies/policy[name=*]/flow-selection/rules/rule[sequence-id=*]/state/hits"},
		{"/.../max-events", "/ifit/limits/config/max-events /ifit/limits/state/max-events"},
		{"/ifit/limits/...", "/ifit/limits"},
		{"/ifit/.../.../limits", "/ifit/limits"},
		{"/ifit/limits/*/max-events", "/ifit/limits/config/max-events /ifit/limits/state/max-events"},
		{"/ifit/nothing", "/ifit/nothing: no such node in the model"},
		{"/ifit/*/nothing", "/ifit/*/nothing: no such node in the model"},
		{"/ifit/.../nothing", "/ifit/.../nothing: no such node in the model"},
		{"/ifit[name=x]", "/ifit[name=x]: ifit is no list and has no keys"},
		{"/ifit/...[name=x]", `/ifit/...[name=x]: keys on the wildcard "..."`},
	} {
		patterns, err := s.Resolve(elems(t, tt.path))
		var got string
		if err != nil {
			got = err.Error()
		} else {
			var texts []string
			for _, p := range schema.Outermost(patterns) {
				texts = append(texts, p.String())
			}
			slices.Sort(texts)
			got = strings.Join(texts, " ")
		}
		if got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.path, got, tt.want)
		}
	}
}

func TestMatches(t *testing.T) {
	s := load(t)
	pattern := func(p string) schema.Pattern {
		ps, err := s.Resolve(elems(t, p))
		if err != nil || len(ps) != 1 {
			t.Fatalf("%s: %v %v", p, ps, err)
		}
		return ps[0]
	}
	for _, tt := range []struct {
		pattern, path  string
		matches, meets bool
	}{
		{"/", "/ifit/limits", true, true},
		{"/ifit/policies/policy[name=x]", "/ifit/policies/policy[name=x]/config/name", true, true},
		{"/ifit/policies/policy[name=x]", "/ifit/policies/policy[name=y]/config/name", false, false},
		{"/ifit/policies/policy[name=*]", "/ifit/policies/policy[name=y]/config/name", true, true},
		{"/ifit/policies/policy[name=x]/config/name", "/ifit/policies/policy[name=x]", false, true},
		{"/ifit/policies/policy[name=x]/config/name", "/ifit/policies/policy[name=y]", false, false},
		{"/ifit/policies/policy[name=x]/config", "/ifit/policies/policy[name=x]/state", false, false},
		{"/ifit/policies", "/ifit/limits", false, false},
	} {
		path, ok := pattern(tt.path).Exact()
		if !ok {
			t.Fatalf("%s is not exact", tt.path)
		}
		p := pattern(tt.pattern)
		if got := p.Matches(path); got != tt.matches {
			t.Errorf("%s matches %s: %v", tt.pattern, tt.path, got)
		}
		if got := p.Meets(path); got != tt.meets {
			t.Errorf("%s meets %s: %v", tt.pattern, tt.path, got)
		}
	}
}

// TestMirrors checks that state leaves show the configuration, in the order
// and under the keys of the list they are in.
func TestMirrors(t *testing.T) {
	s := load(t)
	root := &yang.Ifit{}
	root.GetOrCreateCollectors().GetOrCreateCollector("c").GetOrCreateConfig().Port = ygot.Uint16(1)
	state := &yang.Ifit{}
	state.GetOrCreateCollectors().GetOrCreateCollector("c").GetOrCreateState().Messages = ygot.Uint64(2)
	state.GetOrCreateCollectors().GetOrCreateCollector("d").GetOrCreateState().Messages = ygot.Uint64(3)
	view := schema.View{Layers: []*yang.Ifit{root, state}}
	for _, tt := range []struct {
		content schema.Content
		want    string
	}{
		{schema.All, `{"collector":[{"config":{"port":1},"name":"c","state":{"messages":2,"port":1}},{"name":"d","state":{"messages":3}}]}`},
		{schema.Config, `{"collector":[{"config":{"port":1},"name":"c"},{"name":"d"}]}`},
		{schema.State, `{"collector":[{"name":"c","state":{"messages":2,"port":1}},{"name":"d","state":{"messages":3}}]}`},
		{schema.Operational, `{"collector":[{"name":"c","state":{"messages":2}},{"name":"d","state":{"messages":3}}]}`},
		{schema.Pushed, `{"collector":[{"config":{"port":1},"name":"c","state":{"port":1}},{"name":"d"}]}`},
		{schema.Sampled, `{"collector":[{"name":"c","state":{"messages":2}},{"name":"d","state":{"messages":3}}]}`},
	} {
		ps, err := s.Resolve(elems(t, "/ifit/collectors"))
		if err != nil {
			t.Fatal(err)
		}
		got, _ := s.Find(ps[0], view)[0].AppendJSON(nil, tt.content, false)
		if string(got) != tt.want {
			t.Errorf("content %d: got %s, want %s", tt.content, got, tt.want)
		}
	}
}

func FuzzResolve(f *testing.F) {
	for _, p := range []string{"/", "/ifit/policies/policy[name=x]/config/name", "/ifit/.../rule[sequence-id=*]", "/*/*[name=*]/..."} {
		f.Add(p)
	}
	s := load(f)
	f.Fuzz(func(t *testing.T, path string) {
		p, err := ygot.StringToStructuredPath(path)
		if err != nil {
			return
		}
		patterns, err := s.Resolve(p.Elem)
		if err != nil {
			return
		}
		// What a pattern is written as means that pattern.
		for _, p := range patterns {
			again, err := s.Resolve(elems(t, p.String()))
			if err != nil || len(again) != 1 || again[0].String() != p.String() {
				t.Fatalf("%s resolves to %v, which resolves to %v, %v", path, p, again, err)
			}
		}
	})
}
