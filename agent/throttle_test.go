package agent

import (
	"log/slog"
	"testing"

	"github.com/openifit/openifit/agent/compile"
	"github.com/openifit/openifit/agent/intent"
	"github.com/openifit/openifit/dataplane/plan"
)

func throttled(name string, priority uint16, algorithm plan.Algorithm) compile.Policy {
	return compile.Policy{Name: name, Priority: priority, Enabled: true, Select: plan.Selection{Algorithm: algorithm}}
}

// span measures the same for one window.
func (t *throttle) span(percent float64) {
	for range throttleWindow {
		t.measured(percent)
	}
}

// The node halves rates by ascending priority, then suspends, and goes back
// the same way.
func TestThrottleStepByStep(t *testing.T) {
	changes := 0
	th := &throttle{changed: func() { changes++ }, log: slog.New(slog.DiscardHandler)}
	policies := []compile.Policy{
		throttled("all", 1, plan.SelectAll), throttled("high", 9, plan.SelectUniform), throttled("low", 2, plan.SelectUniform),
	}
	th.configure(10, policies)
	th.span(9)
	if changes != 0 {
		t.Fatal("it acted below the limit")
	}
	th.measured(1000)
	if changes != 0 {
		t.Fatal("it acted on one interval")
	}
	for range throttleWindow - 1 {
		th.measured(0)
	}
	want := func(what string, all, high, low intent.Reaction) {
		t.Helper()
		got := [3]intent.Reaction{th.of("all"), th.of("high"), th.of("low")}
		if got != [3]intent.Reaction{all, high, low} {
			t.Errorf("%s: %+v", what, got)
		}
	}
	half := func(n uint8) intent.Reaction { return intent.Reaction{Halvings: n} }
	gone := func(n uint8) intent.Reaction { return intent.Reaction{Halvings: n, Suspended: true} }
	want("a mean of 200 percent", half(0), half(0), half(1))
	for range 5 {
		th.span(11)
	}
	want("six steps", half(0), half(0), half(6))
	for range 6 {
		th.span(11)
	}
	want("twelve steps", half(0), half(6), half(6))
	th.span(11)
	want("thirteen steps", gone(0), half(6), half(6))
	// A configuration that shows some suspended does not change the order.
	policies[0].Enabled = false
	th.configure(10, policies)
	th.span(11)
	want("fourteen steps", gone(0), half(6), gone(6))
	for range 5 {
		th.span(11)
	}
	want("all steps", gone(0), gone(6), gone(6))
	th.span(9)
	want("within the limit, but close", gone(0), gone(6), gone(6))
	th.span(7)
	th.span(7)
	want("two steps back", gone(0), half(6), half(6))
	// Whoever lifts the limit gets everything back at once.
	th.configure(0, policies)
	want("no limit", half(0), half(0), half(0))
	before := changes
	th.span(1000)
	if changes != before {
		t.Error("it acts without a limit")
	}
}

// A policy that is deleted takes its steps with it.
func TestThrottleOfADeletedPolicy(t *testing.T) {
	th := &throttle{changed: func() {}, log: slog.New(slog.DiscardHandler)}
	low, high := throttled("low", 1, plan.SelectUniform), throttled("high", 2, plan.SelectUniform)
	th.configure(10, []compile.Policy{high, low})
	for range 3 {
		th.span(11)
	}
	th.configure(10, []compile.Policy{high})
	if got := th.of("low"); got != (intent.Reaction{}) {
		t.Errorf("%+v of a policy that is gone", got)
	}
	th.span(1)
	th.span(1)
	th.span(1)
	if got := th.of("high"); got != (intent.Reaction{}) {
		t.Errorf("%+v after recovery", got)
	}
}

// The steps of a policy that is gone do not pass to those after it, and a
// policy that is new can be throttled too.
func TestThrottleFollowsTheConfiguration(t *testing.T) {
	th := &throttle{changed: func() {}, log: slog.New(slog.DiscardHandler)}
	low, high, fresh := throttled("low", 1, plan.SelectUniform), throttled("high", 2, plan.SelectUniform), throttled("fresh", 0, plan.SelectAll)
	th.configure(10, []compile.Policy{low, high})
	for range maxHalvings + 1 {
		th.span(11)
	}
	if got := th.of("high"); got != (intent.Reaction{Halvings: 1}) {
		t.Fatalf("seven steps: %+v", got)
	}
	th.configure(10, []compile.Policy{high, fresh})
	if got := th.of("high"); got != (intent.Reaction{Halvings: 1}) {
		t.Errorf("steps of another policy fell to it: %+v", got)
	}
	for range maxHalvings + 1 {
		th.span(11)
	}
	if got := th.of("fresh"); !got.Suspended {
		t.Errorf("a new policy is never throttled: %+v", got)
	}
}
