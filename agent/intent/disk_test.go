package intent_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openifit/openifit/agent/intent"
)

// TestCrash ends the agent at each step of a Set that changes several files:
// afterwards all of them are old or all are new.
func TestCrash(t *testing.T) {
	for _, tt := range []struct {
		step string
		nth  int
		want string // "old" or "new"
	}{
		{"stage", 1, "old"},
		{"publish", 1, "old"},
		{"replay", 1, "new"},
		{"replay", 2, "new"},
		{"replay", 3, "new"},
	} {
		t.Run(fmt.Sprintf("%s %d", tt.step, tt.nth), func(t *testing.T) {
			dir, c := t.TempDir(), newClock()
			filled(t, dir, c)
			armed, seen := false, 0
			s, err := intent.OpenFaulty(dir, sch, c.now, func(step string) error {
				if armed && step == tt.step {
					if seen++; seen >= tt.nth {
						return errors.New("power cut")
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			armed = true
			err = set(t, s,
				op(t, intent.Update, "/ifit/collectors/collector[name=c]/config/port", "1"),
				op(t, intent.Update, "/ifit/policies/policy[name=x]/config/priority", "1"),
				op(t, intent.Update, "/ifit/policies/policy[name=y]", policyX))
			if (err == nil) != (tt.want == "new") {
				t.Errorf("the Set answered %v", err)
			}
			for _, s := range []*intent.Store{s, open(t, dir, c)} {
				snap := s.Snapshot()
				got := fmt.Sprintf("port %d, priority %d, y %v", snap.Root.Collectors.Collector["c"].Config.GetPort(),
					snap.Policies["x"].Config.Config.GetPriority(), snap.Policies["y"] != nil)
				want := "port 4739, priority 100, y false"
				if tt.want == "new" {
					want = "port 1, priority 1, y true"
				}
				if got != want {
					t.Errorf("got %s, want %s", got, want)
				}
			}
			if left, _ := filepath.Glob(filepath.Join(dir, "journal.json")); len(left) > 0 {
				t.Error("the journal is still there after a restart")
			}
		})
	}
}

// TestLateReplay checks that a journal which could not be carried out is
// carried out before the next Set.
func TestLateReplay(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	filled(t, dir, c)
	broken := true
	s, err := intent.OpenFaulty(dir, sch, c.now, func(step string) error {
		if broken && step == "replay" {
			return errors.New("disk full")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	mustSet(t, s,
		op(t, intent.Update, "/ifit/policies/policy[name=x]/config/priority", "1"),
		op(t, intent.Update, "/ifit/policies/policy[name=y]", policyX))
	if err := set(t, s, op(t, intent.Delete, "/ifit/policies/policy[name=y]", "")); err == nil {
		t.Error("a Set succeeded on a full disk")
	}
	broken = false
	mustSet(t, s, op(t, intent.Delete, "/ifit/policies/policy[name=y]", ""))
	snap := open(t, dir, c).Snapshot()
	if snap.Policies["y"] != nil || snap.Policies["x"].Config.Config.GetPriority() != 1 {
		t.Error("the saved configuration is not the last one")
	}
}

func TestStale(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	s := filled(t, dir, c)
	first, err := s.Propose([]intent.Op{op(t, intent.Update, "/ifit/policies/policy[name=x]/config/priority", "1")})
	if err != nil {
		t.Fatal(err)
	}
	mustSet(t, s, op(t, intent.Update, "/ifit/policies/policy[name=x]/config/priority", "2"))
	if err := first.Publish(); !errors.Is(err, intent.ErrStale) {
		t.Errorf("got %v, want ErrStale", err)
	}
	if got := s.Snapshot().Policies["x"].Config.Config.GetPriority(); got != 2 {
		t.Errorf("priority %d", got)
	}
}

// TestShared checks that versions share what a Set does not touch and that an
// old version stays as it was.
func TestShared(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	s := filled(t, dir, c)
	mustSet(t, s, op(t, intent.Update, "/ifit/policies/policy[name=y]", policyX))
	before := s.Snapshot()
	mustSet(t, s, op(t, intent.Update, "/ifit/policies/policy[name=x]/config/priority", "1"))
	after := s.Snapshot()
	if before.Policies["y"] != after.Policies["y"] || before.Root.Collectors != after.Root.Collectors {
		t.Error("what was not touched was copied")
	}
	if before.Policies["x"].Config.Config.GetPriority() != 100 || after.Policies["x"].Config.Config.GetPriority() != 1 {
		t.Error("an old version changed")
	}
	if got := after.Changed; strings.Join(got.Policies, " ") != "x" || len(got.Collectors) > 0 || got.Limits {
		t.Errorf("changed %+v", got)
	}
}

func TestUnusableDirectory(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, dir := range map[string]string{"file in the way": file} {
		if _, err := intent.Open(dir, sch, newClock().now); err == nil || !strings.Contains(err.Error(), file) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	for _, name := range []string{"numbers.json", "journal.json"} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, name), []byte("{"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := intent.Open(dir, sch, newClock().now); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("broken %s: got %v", name, err)
		}
	}
}
