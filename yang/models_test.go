package yang_test

import (
	"io/fs"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/openconfig/goyang/pkg/yang"

	models "github.com/openifit/openifit/yang"
)

// load parses every module as strictly as goyang can.
func load(t *testing.T) *yang.Entry {
	t.Helper()
	ms := yang.NewModules()
	names, err := fs.Glob(models.Files, "*.yang")
	if err != nil || len(names) == 0 {
		t.Fatalf("no modules embedded: %v", err)
	}
	for _, name := range names {
		text, err := models.Files.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := ms.Parse(string(text), name); err != nil {
			t.Fatalf("parse %s: %v", name, err)
		}
	}
	if errs := ms.Process(); len(errs) > 0 {
		t.Fatalf("process: %v", errs)
	}
	e, errs := ms.GetModule("openifit-agent")
	if len(errs) > 0 {
		t.Fatalf("openifit-agent: %v", errs)
	}
	return e
}

func walk(e *yang.Entry, visit func(*yang.Entry)) {
	visit(e)
	names := make([]string, 0, len(e.Dir))
	for n := range e.Dir {
		names = append(names, n)
	}
	slices.Sort(names)
	for _, n := range names {
		walk(e.Dir[n], visit)
	}
}

// TestStyle holds the modules to the rules that their users rely on.
func TestStyle(t *testing.T) {
	root := load(t).Dir["ifit"]
	if root == nil {
		t.Fatal("no /ifit")
	}
	walk(root, func(e *yang.Entry) {
		p := strings.TrimPrefix(e.Path(), "/openifit-agent")
		if e.Description == "" {
			t.Errorf("%s: no description", p)
		}
		if len(e.Extra["presence"]) > 0 {
			t.Errorf("%s: presence container", p)
		}
		if e.IsChoice() || e.IsCase() {
			t.Errorf("%s: choice or case", p)
		}
		if e.Type != nil && e.Type.Kind == yang.Ybits {
			t.Errorf("%s: bits", p)
		}
		if e.ReadOnly() && len(e.Default) > 0 {
			t.Errorf("%s: state leaf with a default", p)
		}
		if e.IsLeaf() || e.IsLeafList() {
			parent := path.Base(path.Dir(p))
			list := e.Parent.IsList()
			if !list && !e.ReadOnly() && parent != "config" {
				t.Errorf("%s: configuration outside a config container", p)
			}
			if list && !e.ReadOnly() && e.Type.Kind != yang.Yleafref {
				t.Errorf("%s: the key of a configured list must refer to its config", p)
			}
		}
	})
}

// TestStateRepeatsConfig checks that a state container next to a config
// container shows all of its leaves, with the same type. Only a bulky binary
// value is left out.
func TestStateRepeatsConfig(t *testing.T) {
	pairs := 0
	walk(load(t).Dir["ifit"], func(e *yang.Entry) {
		cfg, state := e.Dir["config"], e.Dir["state"]
		if cfg == nil || state == nil {
			return
		}
		pairs++
		for name, leaf := range cfg.Dir {
			if leaf.Type.Kind == yang.Ybinary {
				continue
			}
			twin := state.Dir[name]
			if twin == nil {
				t.Errorf("%s/%s is not repeated in state", cfg.Path(), name)
				continue
			}
			if twin.Type.Kind != leaf.Type.Kind || twin.IsLeafList() != leaf.IsLeafList() {
				t.Errorf("%s/%s has another type in state", cfg.Path(), name)
			}
		}
	})
	if pairs < 10 {
		t.Errorf("found %d pairs of config and state, want at least 10", pairs)
	}
}
