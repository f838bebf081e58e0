//go:build linux

package probe_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"github.com/google/go-cmp/cmp"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/dataplane/probe"
	"github.com/openifit/openifit/dataplane/probe/probetest"
)

func metered(pair *probetest.Pair, maxFlows uint32) plan.Plan {
	return plan.Plan{MaxFlows: maxFlows, Points: []plan.Point{pair.Ingress(probetest.Metering(1, 1))}}
}

// An engine of another layout touches nothing and says how to go on; one of
// the same layout then finds all that was counted meanwhile.
func TestOpenRefusesAnotherLayout(t *testing.T) {
	pair := probetest.NewPair(t)
	first := pair.Engine(t)
	pair.Apply(t, first, metered(pair, 64))
	pair.SendUDP(t, 4, 1000, 3)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	own := probetest.SetLayout(t, pair.PinDir, 77)
	pins, programs := pinned(t, pair.PinDir), attached(t, pair, pair.Ifindex)

	stranger := pair.Engine(t)
	err := pair.Do(func() error {
		_, err := stranger.Prepare(metered(pair, 64))
		return err
	})
	var refused *probe.LayoutError
	if !errors.As(err, &refused) || refused.Pinned != 77 || refused.Expected != own {
		t.Errorf("prepared: %v", err)
	}
	for _, say := range []string{pair.PinDir, "go on", "-replace-pins"} {
		if err == nil || !strings.Contains(err.Error(), say) {
			t.Errorf("the reason does not say %q: %v", say, err)
		}
	}
	if got := drained(t, pair, stranger, 1000); len(got) != 0 {
		t.Errorf("the stranger drained %v", got)
	}
	pair.SendUDP(t, 4, 1000, 4)
	if err := stranger.Close(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(pins, pinned(t, pair.PinDir)); diff != "" {
		t.Errorf("other pins: %s", diff)
	}
	if diff := cmp.Diff(programs, attached(t, pair, pair.Ifindex)); diff != "" {
		t.Errorf("other programs: %s", diff)
	}

	probetest.SetLayout(t, pair.PinDir, own)
	again := pair.Engine(t)
	pair.SendUDP(t, 4, 1000, 5)
	if got := drained(t, pair, again, 1000)[flow.PolicyRef{ID: 1, Generation: 1}]; got != 12 {
		t.Errorf("counted %d packets, want 12", got)
	}
}

// When told to, an engine takes over the links of another layout without a
// gap; counting begins anew.
func TestOpenReplacesAnotherLayout(t *testing.T) {
	pair := probetest.NewPair(t)
	first := pair.Engine(t)
	pair.Apply(t, first, metered(pair, 64))
	pair.SendUDP(t, 4, 1000, 3)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	probetest.SetLayout(t, pair.PinDir, 77)
	programs := attached(t, pair, pair.Ifindex)
	second := pair.Open(t, probe.Config{PinDir: pair.PinDir, ReplacePins: true})
	if diff := cmp.Diff(programs, attached(t, pair, pair.Ifindex)); diff != "" {
		t.Errorf("other programs before the first commit: %s", diff)
	}
	pair.Apply(t, second, metered(pair, 64))
	if n := len(attached(t, pair, pair.Ifindex)); n != 1 {
		t.Errorf("%d programs attached, want 1", n)
	}
	pair.SendUDP(t, 4, 1000, 4)
	if got := drained(t, pair, second, 1000)[flow.PolicyRef{ID: 1, Generation: 1}]; got != 4 {
		t.Errorf("counted %d packets, want 4", got)
	}
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
	third := pair.Engine(t)
	pair.Apply(t, third, metered(pair, 64))
}

// otherBuild puts a program that is not pinned behind the link of a point.
func otherBuild(t *testing.T, pair *probetest.Pair) ebpf.ProgramID {
	t.Helper()
	program, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Name: "ifit_ingress", Type: ebpf.SchedCLS, AttachType: ebpf.AttachTCXIngress, License: "GPL",
		Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, -1), asm.Return()},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer program.Close()
	paths, err := filepath.Glob(filepath.Join(pair.PinDir, "links", "*"))
	if err != nil || len(paths) != 1 {
		t.Fatalf("links %v, %v", paths, err)
	}
	l, err := link.LoadPinnedLink(paths[0], nil)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := l.Update(program); err != nil {
		t.Fatal(err)
	}
	info, err := program.Info()
	if err != nil {
		t.Fatal(err)
	}
	id, _ := info.ID()
	return id
}

// A program that is not the pinned one, from whatever build, is taken over:
// it stays while commits fail, and the first one that succeeds replaces it.
func TestOpenTakesOverAnUnknownProgram(t *testing.T) {
	pair := probetest.NewPair(t)
	first := pair.Engine(t)
	pair.Apply(t, first, metered(pair, 64))
	pair.SendUDP(t, 4, 1000, 3)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	stranger := otherBuild(t, pair)
	fail := true
	second := pair.Open(t, probe.Config{PinDir: pair.PinDir, Fault: func(step string) error {
		if fail && step == "settle what points share" {
			return errInjected
		}
		return nil
	}})
	err := pair.Do(func() error {
		change, err := second.Prepare(metered(pair, 64))
		if err != nil {
			return err
		}
		return change.Commit()
	})
	if !errors.Is(err, errInjected) || strings.Contains(err.Error(), "taking back") {
		t.Errorf("commit answered %v", err)
	}
	if now := attached(t, pair, pair.Ifindex); len(now) != 1 || now[0] != stranger {
		t.Errorf("after a commit that failed, programs %v are attached, want %d", now, stranger)
	}
	fail = false
	pair.Apply(t, second, metered(pair, 64))
	if now := attached(t, pair, pair.Ifindex); len(now) != 1 || now[0] == stranger {
		t.Errorf("programs %v are attached", now)
	}
	pair.SendUDP(t, 4, 1000, 4)
	if got := drained(t, pair, second, 1000)[flow.PolicyRef{ID: 1, Generation: 1}]; got != 7 {
		t.Errorf("counted %d packets, want 7", got)
	}
}

// A process that dies between the pins of new flow tables and the program that
// uses them leaves the old ones at work: its successor goes on with those.
func TestSuccessorOfTablesThatWereNeverUsed(t *testing.T) {
	pair := probetest.NewPair(t)
	var second *probe.Engine
	first := pair.Open(t, probe.Config{PinDir: pair.PinDir, Fault: func(step string) error {
		if second != nil || !strings.HasPrefix(step, "update the link") {
			return nil
		}
		// This is where the first process dies.
		second = pair.Open(t, probe.Config{PinDir: pair.PinDir})
		return errInjected
	}})
	pair.Apply(t, first, metered(pair, 64))
	pair.SendUDP(t, 4, 1000, 3)
	err := pair.Do(func() error {
		change, err := first.Prepare(metered(pair, 128))
		if err != nil {
			return err
		}
		return change.Commit()
	})
	if second == nil {
		t.Fatalf("the link was not to be updated: %v", err)
	}
	if _, err := os.Stat(filepath.Join(pair.PinDir, "layout")); err != nil {
		t.Fatal(err)
	}
	for n := range 3 {
		pair.SendUDP(t, 4, 1000, 4)
		want := uint64(4)
		if n == 0 {
			want = 7
		}
		if got := drained(t, pair, second, 1000)[flow.PolicyRef{ID: 1, Generation: 1}]; got != want {
			t.Errorf("drain %d: counted %d packets, want %d", n, got, want)
		}
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
}

// What comes and goes between drains is bounded, and a drain makes room.
func TestUndrained(t *testing.T) {
	pair := probetest.NewPair(t)
	engine := pair.Engine(t)
	prepare := func(p plan.Plan) error {
		return pair.Do(func() error {
			change, err := engine.Prepare(p)
			if err != nil {
				return err
			}
			return change.Commit()
		})
	}
	var err error
	n := 0
	for ; err == nil && n < 100; n++ {
		err = prepare(metered(pair, 64<<(n%2)))
	}
	if !errors.Is(err, probe.ErrUndrained) || n < 10 {
		t.Errorf("after %d changes of the tables' size: %v", n, err)
	}
	drained(t, pair, engine, 1000)
	if err := prepare(metered(pair, 256)); err != nil {
		t.Errorf("after a drain: %v", err)
	}

	adjusted := metered(pair, 256)
	policies := adjusted.Points[0].Policies
	for n = 0; err == nil || n == 0; n++ {
		policies = append([]plan.Policy(nil), policies...)
		policies[0].Generation++
		adjusted.Points = []plan.Point{pair.Ingress(policies...)}
		if err = prepare(adjusted); n > 5000 {
			break
		}
	}
	if !errors.Is(err, probe.ErrUndrained) {
		t.Errorf("after %d rule sets: %v", n, err)
	}
	for range 2 {
		drained(t, pair, engine, 1000)
	}
	if err := prepare(adjusted); err != nil {
		t.Errorf("after two drains: %v", err)
	}
}
