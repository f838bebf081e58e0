package notify

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/gen/yang"
)

// recorder numbers events from 100 and keeps them.
type recorder struct {
	states []*yang.Event_State
	events []Event
}

func (r *recorder) publish(s *yang.Event_State) uint64 {
	r.states = append(r.states, s)
	return uint64(99 + len(r.states))
}

func (r *recorder) emit(e *Event) { r.events = append(r.events, *e) }

func setUp() (*recorder, *Notifier) {
	r := new(recorder)
	n := New(r.publish, r.emit)
	n.Configure([]Policy{{flow.PolicyRef{ID: 1, Generation: 5}, "watch", []string{"moved", "slow"}}},
		map[uint32]string{7: "eth0"})
	return r, n
}

func TestEventsOfUnknownPolicies(t *testing.T) {
	r, n := setUp()
	n.Events([]flow.Event{{Policy: flow.PolicyRef{ID: 2}}, {Policy: flow.PolicyRef{ID: 3}}})
	if n.Unknown() != 2 || len(r.states)+len(r.events) != 0 {
		t.Errorf("%d unknown, %d published", n.Unknown(), len(r.states))
	}
}

func TestTriggerBeyondThePolicy(t *testing.T) {
	r, n := setUp()
	n.Events([]flow.Event{{Policy: flow.PolicyRef{ID: 1, Generation: 5}, Trigger: 9}})
	if r.states[0].Trigger != nil || r.events[0].TriggerName != "" {
		t.Errorf("trigger 9 of 2 is called %q", r.events[0].TriggerName)
	}
}

func TestDelayEvent(t *testing.T) {
	r, n := setUp()
	in := flow.Event{
		Time: 1e18, Policy: flow.PolicyRef{ID: 1, Generation: 5}, Trigger: 1,
		Metric: flow.MetricTransitDelay, State: flow.EventRaised,
		Ifindex: 7, Direction: flow.Egress, Value: 2e6, Threshold: 1e6, EgressIfindex: 7,
		ID: flow.ID{Source: netip.MustParseAddr("10.0.0.1"), Destination: netip.MustParseAddr("10.0.0.2"), SourcePort: 1, DestinationPort: 2, Protocol: 17},
	}
	n.Events([]flow.Event{in})
	want := &yang.Event_State{
		Time: ptr(uint64(1e18)), Policy: ptr("watch"), Generation: ptr(uint32(5)), Trigger: ptr("slow"),
		Metric: yang.METRIC_TRANSIT_DELAY, EventState: yang.EventState_RAISED,
		Interface: ptr("eth0"), Direction: yang.Direction_EGRESS, EgressInterface: ptr(uint32(7)),
		Value: ptr(uint64(2e6)), Threshold: ptr(uint64(1e6)),
		SourceAddress: ptr("10.0.0.1"), DestinationAddress: ptr("10.0.0.2"),
		SourcePort: ptr(uint16(1)), DestinationPort: ptr(uint16(2)), Protocol: ptr(uint8(17)),
	}
	if diff := cmp.Diff(want, r.states[0]); diff != "" {
		t.Error(diff)
	}
	if got := r.events[0]; got.Number != 100 || got.TriggerName != "slow" || got.Event != in {
		t.Errorf("emitted %+v", got)
	}
	if n.Counts(1).Events != 1 || n.Counts(2).Events != 0 {
		t.Error("events are not counted by policy")
	}
}

func TestPathChangeEvent(t *testing.T) {
	r, n := setUp()
	n.Events([]flow.Event{{
		Policy: flow.PolicyRef{ID: 1, Generation: 5}, Metric: flow.MetricPathChange, State: flow.EventMomentary,
		IngressIfindex: 3, EgressIfindex: 4, PreviousIngressIfindex: 3, PreviousEgressIfindex: 5, HopLimit: 62, PreviousHopLimit: 61,
	}})
	got := r.states[0]
	if got.Value != nil || got.Threshold != nil || *got.PreviousEgressInterface != 5 || *got.EgressInterface != 4 ||
		*got.HopLimit != 62 || *got.PreviousHopLimit != 61 || got.SourceAddress != nil {
		t.Errorf("%+v", got)
	}
}

func TestEventsUnderWayKeepTheirNames(t *testing.T) {
	r, n := setUp()
	n.Configure([]Policy{{flow.PolicyRef{ID: 1, Generation: 6}, "watch", []string{"new"}}}, nil)
	n.Events([]flow.Event{
		{Policy: flow.PolicyRef{ID: 1, Generation: 5}, Trigger: 0}, {Policy: flow.PolicyRef{ID: 1, Generation: 6}, Trigger: 0},
	})
	if got := []string{r.events[0].TriggerName, r.events[1].TriggerName}; !cmp.Equal(got, []string{"moved", "new"}) {
		t.Errorf("triggers %v", got)
	}
}
