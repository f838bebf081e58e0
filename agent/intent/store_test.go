package intent_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/openconfig/ygot/ygot"

	"github.com/openifit/openifit/agent/intent"
	"github.com/openifit/openifit/agent/intent/schema"
)

// clock is a time that tests move.
type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

func newClock() *clock { return &clock{time.Unix(1_700_000_000, 0).UTC()} }

var sch = mustLoad()

func mustLoad() *schema.Schema {
	s, err := schema.Load()
	if err != nil {
		panic(err)
	}
	return s
}

func open(t testing.TB, dir string, c *clock) *intent.Store {
	t.Helper()
	s, err := intent.Open(dir, sch, c.now)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func op(t testing.TB, kind intent.OpKind, path, value string) intent.Op {
	t.Helper()
	p, err := ygot.StringToStructuredPath(path)
	if err != nil {
		t.Fatalf("path %s: %v", path, err)
	}
	o := intent.Op{Kind: kind, Elems: p.Elem}
	if value != "" {
		o.Value = &gpb.TypedValue{Value: &gpb.TypedValue_JsonIetfVal{JsonIetfVal: []byte(value)}}
	}
	return o
}

func set(t testing.TB, s *intent.Store, ops ...intent.Op) error {
	t.Helper()
	p, err := s.Propose(ops)
	if err != nil {
		return err
	}
	if p.Empty() {
		return nil
	}
	if err := p.Stage(); err != nil {
		return err
	}
	return p.Publish()
}

func mustSet(t testing.TB, s *intent.Store, ops ...intent.Op) {
	t.Helper()
	if err := set(t, s, ops...); err != nil {
		t.Fatal(err)
	}
}

const (
	collectorC = `{"config":{"address":"192.0.2.1"}}`
	policyX    = `{"config":{"technique":"FLOW_METERING"},"data-export":{"config":{"collector":["c"]}}}`
)

func filled(t testing.TB, dir string, c *clock) *intent.Store {
	t.Helper()
	s := open(t, dir, c)
	mustSet(t, s,
		op(t, intent.Update, "/ifit/collectors/collector[name=c]", collectorC),
		op(t, intent.Update, "/ifit/policies/policy[name=x]", policyX))
	return s
}

func TestNumbers(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	s := filled(t, dir, c)
	first := *s.Snapshot().Policies["x"]
	if first.ID == 0 || first.Generation == 0 {
		t.Fatalf("policy has no numbers: %+v", first)
	}

	mustSet(t, s, op(t, intent.Update, "/ifit/policies/policy[name=x]", policyX))
	if p := s.Snapshot().Policies["x"]; p.Generation != first.Generation || !s.Snapshot().Changed.Empty() {
		t.Errorf("a Set without effect: generation %d -> %d, changed %+v", first.Generation, p.Generation, s.Snapshot().Changed)
	}
	mustSet(t, s, op(t, intent.Update, "/ifit/policies/policy[name=x]/config/enabled", "true"))
	if p := s.Snapshot().Policies["x"]; p.Generation != first.Generation {
		t.Errorf("setting a leaf to its default raised the generation")
	}
	mustSet(t, s, op(t, intent.Update, "/ifit/policies/policy[name=x]/config/enabled", "false"))
	second := *s.Snapshot().Policies["x"]
	if second.Generation <= first.Generation || second.ID != first.ID {
		t.Errorf("after a change: %d/%d, before %d/%d", second.ID, second.Generation, first.ID, first.Generation)
	}

	s = open(t, dir, c)
	if p := s.Snapshot().Policies["x"]; p == nil || p.ID != second.ID || p.Generation != second.Generation {
		t.Fatalf("after a restart: %+v, want %+v", p, second)
	}
	mustSet(t, s, op(t, intent.Delete, "/ifit/policies/policy[name=x]", ""))
	mustSet(t, s, op(t, intent.Update, "/ifit/policies/policy[name=x]", policyX))
	third := s.Snapshot().Policies["x"]
	if third.ID <= second.ID || third.Generation <= second.Generation {
		t.Errorf("a new policy of the same name got used numbers %d/%d", third.ID, third.Generation)
	}
	mustSet(t, s, op(t, intent.Delete, "/ifit/policies/policy[name=x]", ""))
	s = open(t, dir, c)
	mustSet(t, s, op(t, intent.Update, "/ifit/policies/policy[name=x]", policyX))
	if p := s.Snapshot().Policies["x"]; p.ID <= third.ID || p.Generation <= third.Generation {
		t.Errorf("after delete and restart, numbers %d/%d are used again", p.ID, p.Generation)
	}
}

// TestLostNumbers loses the file with the reserve: what saved policies hold is
// not given again.
func TestLostNumbers(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	s := filled(t, dir, c)
	for _, priority := range []string{"1", "2", "3"} {
		mustSet(t, s, op(t, intent.Update, "/ifit/policies/policy[name=x]/config/priority", priority))
	}
	x := *s.Snapshot().Policies["x"]
	if err := os.Remove(filepath.Join(dir, "numbers.json")); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, c)
	mustSet(t, s, op(t, intent.Update, "/ifit/policies/policy[name=y]", policyX))
	if y := s.Snapshot().Policies["y"]; y.ID <= x.ID || y.Generation <= x.Generation {
		t.Errorf("y got %d/%d, x has %d/%d", y.ID, y.Generation, x.ID, x.Generation)
	}
}

func TestLifetime(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	s := filled(t, dir, c)
	raise := `{"config":{"technique":"FLOW_METERING","lifetime":10}}`
	mustSet(t, s, op(t, intent.Update, "/ifit/policies/policy[name=x.raise]", raise))
	gen := s.Snapshot().Policies["x.raise"].Generation
	if next := s.Snapshot().NextExpiry(); !next.Equal(c.t.Add(10 * time.Second)) {
		t.Fatalf("next expiry %v", next)
	}

	c.t = c.t.Add(6 * time.Second)
	mustSet(t, s, op(t, intent.Update, "/ifit/policies/policy[name=x.raise]", raise))
	if p := s.Snapshot().Policies["x.raise"]; !p.ExpiresAt.Equal(c.t.Add(10*time.Second)) || p.Generation != gen {
		t.Errorf("renewal: expires %v, generation %d -> %d", p.ExpiresAt, gen, p.Generation)
	}
	if p := s.ProposeExpiry(); !p.Empty() {
		t.Error("expired too early")
	}

	c.t = c.t.Add(10 * time.Second)
	// An agent that was down meanwhile finds the policy expired.
	if p := open(t, dir, c).Snapshot().Policies["x.raise"]; p == nil || p.Runs() {
		t.Errorf("after a restart past the lifetime: %+v", p)
	}
	p := s.ProposeExpiry()
	if err := errors.Join(p.Stage(), p.Publish()); err != nil {
		t.Fatal(err)
	}
	snap := s.Snapshot()
	if snap.Policies["x.raise"].Runs() || !snap.Policies["x"].Runs() {
		t.Error("the wrong policy ended")
	}
	if got := strings.Join(snap.Changed.Policies, " "); got != "x.raise" {
		t.Errorf("changed: %s", got)
	}
	if !snap.NextExpiry().IsZero() {
		t.Error("an ended policy ends again")
	}
	mustSet(t, s, op(t, intent.Update, "/ifit/policies/policy[name=x.raise]", raise))
	if snap := s.Snapshot(); !snap.Policies["x.raise"].Runs() || len(snap.Changed.Policies) != 1 {
		t.Error("a Set does not bring an ended policy back")
	}
}

func TestBrokenFiles(t *testing.T) {
	for _, tt := range []struct {
		name  string
		harm  func(dir string) error
		lost  []string // policies
		named string   // file that the error names
	}{
		{"cut policy", func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "policies/x.json"), []byte(`{"id":1,"gen`), 0o600)
		},
			[]string{"x"}, "policies/x.json"},
		{"empty policy", func(dir string) error { return os.WriteFile(filepath.Join(dir, "policies/y.json"), nil, 0o600) },
			[]string{"y"}, "policies/y.json"},
		{"wrong value", func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "policies/y.json"), []byte(`{"id":1,"generation":1,"policy":{"config":{"technique":"NOPE"}}}`), 0o600)
		}, []string{"y"}, "policies/y.json"},
		{"no numbers", func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "policies/y.json"), []byte(`{"policy":{"config":{"technique":"FLOW_METERING"}}}`), 0o600)
		}, []string{"y"}, "policies/y.json"},
		{"node gone, so that a reference dangles", func(dir string) error { return os.Remove(filepath.Join(dir, "node.json")) },
			[]string{"x"}, "policies/x.json"},
		{"cut node", func(dir string) error { return os.WriteFile(filepath.Join(dir, "node.json"), []byte("{"), 0o600) },
			[]string{"x"}, "node.json"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir, c := t.TempDir(), newClock()
			s := filled(t, dir, c)
			mustSet(t, s, op(t, intent.Update, "/ifit/policies/policy[name=y]", `{"config":{"technique":"EVENT_MONITOR"}}`))
			if err := tt.harm(dir); err != nil {
				t.Fatal(err)
			}
			s = open(t, dir, c)
			all := errors.Join(s.Broken()...)
			if all == nil || !strings.Contains(all.Error(), filepath.Join(dir, tt.named)) {
				t.Errorf("errors %v do not name %s", all, tt.named)
			}
			for _, name := range []string{"x", "y"} {
				lost := strings.Contains(strings.Join(tt.lost, " "), name)
				if got := s.Snapshot().Policies[name] == nil; got != lost {
					t.Errorf("policy %s lost: %v, want %v", name, got, lost)
				}
			}
			// The agent goes on and can be repaired.
			mustSet(t, s,
				op(t, intent.Update, "/ifit/collectors/collector[name=c]", collectorC),
				op(t, intent.Update, "/ifit/policies/policy[name=x]", policyX))
			if s := open(t, dir, c); s.Snapshot().Policies["x"] == nil {
				t.Error("the repaired policy is gone after a restart")
			}
		})
	}
}

func TestReferences(t *testing.T) {
	for _, tt := range []struct {
		name string
		ops  func(t *testing.T) []intent.Op
		want string // part of the error; "" for success
	}{
		{"dangling collector", func(t *testing.T) []intent.Op {
			return []intent.Op{op(t, intent.Update, "/ifit/policies/policy[name=x]/data-export/config/collector", `["c","d"]`)}
		}, `/ifit/policies/policy[name=x]/data-export/config/collector: there is no collector named "d"`},
		{"collector in use", func(t *testing.T) []intent.Op {
			return []intent.Op{op(t, intent.Delete, "/ifit/collectors/collector[name=c]", "")}
		}, "/ifit/collectors/collector[name=c]: cannot be deleted: /ifit/policies/policy[name=x] still refers to it"},
		{"all collectors, by wildcard", func(t *testing.T) []intent.Op {
			return []intent.Op{op(t, intent.Delete, "/ifit/collectors/collector[name=*]", "")}
		}, "still refers to it"},
		{"collector and its user together", func(t *testing.T) []intent.Op {
			return []intent.Op{op(t, intent.Delete, "/ifit/collectors", ""), op(t, intent.Delete, "/ifit/policies/policy[name=x]", "")}
		}, ""},
		{"interface", func(t *testing.T) []intent.Op {
			return []intent.Op{op(t, intent.Update, "/ifit/policies/policy[name=x]/observation-points/observation-point[name=o]/config/interface", `"eth0"`)}
		}, `there is no interface named "eth0"`},
		{"sketch policy", func(t *testing.T) []intent.Op {
			return []intent.Op{op(t, intent.Update, "/ifit/policies/policy[name=x]/flow-selection/config", `{"source":"SKETCH","sketch-policy":"s"}`)}
		}, `there is no policy named "s"`},
		{"sketch policy in the same request", func(t *testing.T) []intent.Op {
			return []intent.Op{
				op(t, intent.Update, "/ifit/policies/policy[name=x]/flow-selection/config", `{"source":"SKETCH","sketch-policy":"s"}`),
				op(t, intent.Update, "/ifit/policies/policy[name=s]/config/technique", `"FLOW_SKETCH"`)}
		}, ""},
		{"mark", func(t *testing.T) []intent.Op {
			return []intent.Op{
				op(t, intent.Update, "/ifit/policies/policy[name=m]/config/technique", `"PBT_M"`),
				op(t, intent.Update, "/ifit/policies/policy[name=m]/encapsulation/config/mark", `"red"`)}
		}, `there is no mark named "red"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := filled(t, t.TempDir(), newClock())
			err := set(t, s, tt.ops(t)...)
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("got %v", err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

// TestReleasedReference checks that the index forgets uses that are gone.
func TestReleasedReference(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	s := filled(t, dir, c)
	mustSet(t, s, op(t, intent.Delete, "/ifit/policies/policy[name=x]/data-export/config/collector", ""))
	mustSet(t, s, op(t, intent.Delete, "/ifit/collectors/collector[name=c]", ""))
	if s.Snapshot().Root.GetCollectors() != nil {
		t.Error("the collector is still there")
	}
	if s = open(t, dir, c); len(s.Broken()) > 0 || s.Snapshot().Root.GetCollectors() != nil {
		t.Errorf("after a restart: %v", s.Broken())
	}
}

// TestClockSetBack restarts on a node whose clock has been set back: a lifetime
// never grows beyond what was configured.
func TestClockSetBack(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	s := filled(t, dir, c)
	mustSet(t, s, op(t, intent.Update, "/ifit/policies/policy[name=x.raise]",
		`{"config":{"technique":"FLOW_METERING","lifetime":10}}`))
	c.t = c.t.Add(-365 * 24 * time.Hour)
	p := open(t, dir, c).Snapshot().Policies["x.raise"]
	if p == nil || !p.Runs() {
		t.Fatalf("after a restart: %+v", p)
	}
	if want := c.t.Add(10 * time.Second); !p.ExpiresAt.Equal(want) {
		t.Errorf("it ends at %v, want %v", p.ExpiresAt, want)
	}
}
