package react_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/openifit/openifit/agent/react"
	"github.com/openifit/openifit/dataplane/flow"
)

var (
	by   = react.Trigger{Policy: "watch", Name: "queue", Generation: 3}
	rate = react.Action{Policy: "sampled", Probability: 1, Duration: 10 * time.Second}
	on   = react.Action{Policy: "off", Enable: true, Duration: 2 * time.Second}
)

// scene is a reactor, its clock, and how often it woke its caller.
type scene struct {
	*react.Reactor
	now   time.Time
	wakes int
}

func newScene(actions map[react.Trigger][]react.Action) *scene {
	s := &scene{now: time.Unix(1000, 0)}
	s.Reactor = react.New(func() { s.wakes++ })
	s.Configure(actions)
	return s
}

func (s *scene) event(state flow.EventState, ifindex uint32) {
	s.Event(by, &flow.Event{State: state, Ifindex: ifindex}, s.now)
}

// expect compares the policies under reactions.
func (s *scene) expect(t *testing.T, when string, policies ...string) {
	t.Helper()
	got, _ := s.Reactions(s.now)
	if len(got) != len(policies) {
		t.Errorf("%s: reactions %v, want %v", when, got, policies)
	}
	for _, p := range policies {
		if len(got[p]) == 0 {
			t.Errorf("%s: no reaction of %s", when, p)
		}
	}
}

func TestStrangersCauseNothing(t *testing.T) {
	s := newScene(map[react.Trigger][]react.Action{by: {rate}})
	for _, stranger := range []react.Trigger{
		{Policy: "watch", Name: "other", Generation: 3}, {Policy: "else", Name: "queue", Generation: 3}, {Policy: "watch", Name: "queue", Generation: 2},
	} {
		s.Event(stranger, &flow.Event{State: flow.EventRaised}, s.now)
	}
	s.event(flow.EventCleared, 1)
	s.event(0, 1)
	s.expect(t, "after events of others")
	if s.wakes != 0 {
		t.Errorf("woken %d times for nothing", s.wakes)
	}
}

func TestReactionLastsAsLongAsItsCondition(t *testing.T) {
	s := newScene(map[react.Trigger][]react.Action{by: {on, rate}})
	s.event(flow.EventRaised, 1)
	s.expect(t, "raised", "sampled", "off")
	if _, next := s.Reactions(s.now); !next.Equal(s.now.Add(on.Duration)) {
		t.Errorf("the first ends at %v", next)
	}
	s.now = s.now.Add(on.Duration)
	s.expect(t, "after the shorter duration", "sampled")
	s.event(flow.EventRaised, 2)
	s.expect(t, "raised at another interface", "sampled", "off")
	s.event(flow.EventCleared, 1)
	s.expect(t, "one of two cleared", "sampled", "off")
	s.event(flow.EventCleared, 2)
	s.expect(t, "all cleared")
	if s.Begun("off") != 2 || s.Begun("sampled") != 1 {
		t.Errorf("begun %d and %d times", s.Begun("off"), s.Begun("sampled"))
	}
}

func TestSidesOfAnInterfaceAreApart(t *testing.T) {
	s := newScene(map[react.Trigger][]react.Action{by: {rate}})
	at := func(state flow.EventState, d flow.Direction) {
		s.Event(by, &flow.Event{State: state, Ifindex: 1, Direction: d}, s.now)
	}
	at(flow.EventRaised, flow.Ingress)
	at(flow.EventRaised, flow.Egress)
	at(flow.EventCleared, flow.Egress)
	s.expect(t, "it still holds at ingress", "sampled")
	at(flow.EventCleared, flow.Ingress)
	s.expect(t, "cleared at both sides")
}

func TestReactionsEndByThemselves(t *testing.T) {
	s := newScene(map[react.Trigger][]react.Action{by: {rate}})
	s.event(flow.EventRaised, 1)
	s.now = s.now.Add(rate.Duration)
	s.expect(t, "its end was never told")
	s.event(flow.EventMomentary, 1)
	s.expect(t, "momentary", "sampled")
	s.now = s.now.Add(rate.Duration - 1)
	s.event(flow.EventMomentary, 1)
	s.now = s.now.Add(1)
	s.expect(t, "prolonged", "sampled")
}

func TestNewConfigurationEndsWhatItDoesNotHave(t *testing.T) {
	s := newScene(map[react.Trigger][]react.Action{by: {on, rate}})
	s.event(flow.EventRaised, 1)
	s.Configure(map[react.Trigger][]react.Action{by: {rate}})
	s.expect(t, "one action gone", "sampled")
	next := by
	next.Generation++
	s.Configure(map[react.Trigger][]react.Action{next: {rate}})
	s.expect(t, "the policy of the trigger has changed")
	s.Configure(map[react.Trigger][]react.Action{by: {rate}})
	s.event(flow.EventCleared, 1)
	s.expect(t, "a condition from before")
}

func TestConditionsAreBounded(t *testing.T) {
	s := newScene(map[react.Trigger][]react.Action{by: {rate}})
	for i := range react.MaxConditions + 3 {
		id := flow.ID{Source: netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), SourcePort: uint16(i)}
		s.Event(by, &flow.Event{State: flow.EventRaised, PerFlow: true, ID: id}, s.now)
	}
	if s.Ignored() != 3 {
		t.Errorf("%d conditions ignored", s.Ignored())
	}
}

func TestMerge(t *testing.T) {
	got := react.Merge([]react.Reaction{
		{Action: react.Action{Probability: 0.1}}, {Action: react.Action{Probability: 0.5}}, {Action: react.Action{Probability: 0.2}}, {Action: on},
	})
	if want := (react.Change{Enabled: true, Probability: 0.5, RateSet: true}); got != want {
		t.Errorf("merged into %+v, want %+v", got, want)
	}
	if got := react.Merge([]react.Reaction{{Action: react.Action{Probability: 0}}}); !got.RateSet {
		t.Error("a rate of 0 is no rate")
	}
}
