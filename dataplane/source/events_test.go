//go:build linux

package source_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/dataplane/probe"
	"github.com/openifit/openifit/dataplane/probe/probetest"
	"github.com/openifit/openifit/dataplane/source"
	"github.com/openifit/openifit/lab/packet"
)

const eventPolicy = 6

// onlyUDP leaves out what the kernel itself sends, such as neighbour
// discovery.
func onlyUDP() []plan.Rule {
	return []plan.Rule{{
		Sequence: 1, Protocol: packet.UDP, DSCP: -1, FlowLabel: -1, SourcePort: plan.AnyPort, DestinationPort: plan.AnyPort,
	}}
}

func monitoring(triggers ...plan.Trigger) plan.Policy {
	return plan.Policy{
		PolicyRef: flow.PolicyRef{ID: eventPolicy, Generation: 3}, Name: "monitoring",
		Actions: plan.ActEvent, Keys: plan.Key5Tuple, Rules: onlyUDP(), Triggers: triggers,
	}
}

var (
	newFlow    = plan.Trigger{Name: "new", Metric: flow.MetricNewFlow, PerFlow: true}
	pathChange = plan.Trigger{Name: "path", Metric: flow.MetricPathChange, PerFlow: true}
)

type events struct{ got chan flow.Event }

// readEvents collects the events of an engine until the test ends.
func readEvents(t *testing.T, pair *probetest.Pair, engine *probe.Engine) events {
	t.Helper()
	reader, err := source.NewEvents(engine, nil)
	if err != nil {
		t.Fatal(err)
	}
	e := events{make(chan flow.Event, 1<<12)}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		done <- pair.Do(func() error {
			return reader.Run(ctx, func(batch []flow.Event) {
				for _, event := range batch {
					e.got <- event
				}
			})
		})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("reader ended with %v", err)
		}
	})
	return e
}

func (e events) next(t *testing.T) flow.Event {
	t.Helper()
	select {
	case event := <-e.got:
		if age := time.Since(time.Unix(0, event.Time)); age < 0 || age > time.Minute {
			t.Errorf("event of %s ago", age)
		}
		event.Time = 0
		return event
	case <-time.After(10 * time.Second):
		t.Fatal("no event came")
		return flow.Event{}
	}
}

func TestMomentaryEvents(t *testing.T) {
	pair := probetest.NewRouter(t)
	engine := pair.Engine(t)
	in, out := pair.Ingress(monitoring(newFlow, pathChange)), pair.Egress(monitoring(newFlow, pathChange))
	pair.Apply(t, engine, plan.Plan{MaxFlows: 64, Points: []plan.Point{in, out}})
	got := readEvents(t, pair, engine)
	ingress, egress := pair.Runner(t, engine, in.ID), pair.Runner(t, engine, out.ID)

	p := probetest.UDP(probetest.Beyond4, 0)
	icmp := p
	icmp.Protocol = packet.ICMP
	id := flow.ID{
		Source: p.Source.Addr(), Destination: p.Destination.Addr(), SourcePort: 1000, DestinationPort: 2000, Protocol: packet.UDP,
	}
	base := flow.Event{
		Policy: flow.PolicyRef{ID: eventPolicy, Generation: 3}, State: flow.EventMomentary,
		ID: id, PerFlow: true, Ifindex: pair.Ifindex,
	}
	steps := []struct {
		name string
		run  *probetest.Runner
		from uint32
		hops uint8
		spec packet.Spec
		want *flow.Event
	}{
		{"a flow outside of the policy", egress, 7, 60, icmp, nil},
		{"a flow's first packet, at ingress", ingress, pair.Ifindex, 61, p, &flow.Event{
			Metric: flow.MetricNewFlow, Direction: flow.Ingress, IngressIfindex: pair.Ifindex, HopLimit: 61,
		}},
		{"its second packet", ingress, pair.Ifindex, 61, p, nil},
		{"it leaves: neither new nor on another path", egress, 7, 60, p, nil},
		{"again", egress, 7, 60, p, nil},
		{"another ingress interface", egress, 8, 60, p, &flow.Event{
			Metric: flow.MetricPathChange, Direction: flow.Egress, Trigger: 1,
			IngressIfindex: 8, EgressIfindex: pair.Ifindex, HopLimit: 60,
			PreviousIngressIfindex: 7, PreviousEgressIfindex: pair.Ifindex, PreviousHopLimit: 60,
		}},
		{"the same again", egress, 8, 60, p, nil},
		{"another hop limit", egress, 8, 59, p, &flow.Event{
			Metric: flow.MetricPathChange, Direction: flow.Egress, Trigger: 1,
			IngressIfindex: 8, EgressIfindex: pair.Ifindex, HopLimit: 59,
			PreviousIngressIfindex: 8, PreviousEgressIfindex: pair.Ifindex, PreviousHopLimit: 60,
		}},
	}
	for _, s := range steps {
		s.spec.HopLimit = s.hops
		s.run.Run(t, s.spec.Frame(), probetest.Arrival{Ingress: s.from})
		if s.want == nil {
			// What comes next is then another step's.
			continue
		}
		want := base
		want.Metric, want.Direction, want.Trigger = s.want.Metric, s.want.Direction, s.want.Trigger
		want.IngressIfindex, want.EgressIfindex, want.HopLimit = s.want.IngressIfindex, s.want.EgressIfindex, s.want.HopLimit
		want.PreviousIngressIfindex, want.PreviousEgressIfindex = s.want.PreviousIngressIfindex, s.want.PreviousEgressIfindex
		want.PreviousHopLimit = s.want.PreviousHopLimit
		if event := got.next(t); event != want {
			t.Errorf("%s: got %+v, want %+v", s.name, event, want)
		}
	}
	counters, err := engine.TriggerCounters()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range counters {
		if c.Policy != eventPolicy || c.Events != map[uint8]uint64{0: 1, 1: 2}[c.Trigger] || c.Suppressed+c.Lost+c.Refused != 0 {
			t.Errorf("counted %+v", c)
		}
	}
}

// A flood of flows must not become a flood of events; what is not told is
// counted.
func TestEventsAreLimited(t *testing.T) {
	pair := probetest.NewRouter(t)
	engine := pair.Engine(t)
	point := pair.Ingress(monitoring(newFlow))
	pair.Apply(t, engine, plan.Plan{MaxFlows: 64, Points: []plan.Point{point}})
	run := pair.Runner(t, engine, point.ID)
	const flows = 10000
	for i := range flows {
		p := probetest.UDP(probetest.Beyond4, 0)
		p.Identification = uint16(i)
		frame := p.Frame()
		frame[34], frame[35] = byte(i>>8), byte(i) // the source port
		run.Run(t, frame, probetest.Arrival{})
	}
	counters, err := engine.TriggerCounters()
	if err != nil {
		t.Fatal(err)
	}
	if c := counters[0]; c.Events < 1000 || c.Suppressed == 0 || c.Events+c.Suppressed+c.Lost != flows {
		t.Errorf("counted %+v", c)
	}
}

// Triggers keep their counts and flows while thresholds, other policies and
// programs change; a number that another trigger takes over starts anew.
func TestTriggersOutliveReloads(t *testing.T) {
	pair := probetest.NewRouter(t)
	engine := pair.Engine(t)
	apply := func(policies ...plan.Policy) *probetest.Runner {
		point := pair.Ingress(policies...)
		pair.Apply(t, engine, plan.Plan{MaxFlows: 64, Points: []plan.Point{point}})
		return pair.Runner(t, engine, point.ID)
	}
	frame := probetest.UDP(probetest.Beyond6, 0).Frame()
	got := func() uint64 {
		counters, err := engine.TriggerCounters()
		if err != nil {
			t.Fatal(err)
		}
		var sum uint64
		for _, c := range counters {
			sum += c.Events
		}
		return sum
	}
	apply(monitoring(newFlow)).Run(t, frame, probetest.Arrival{})
	apply(monitoring(newFlow), probetest.Metering(70, 1)).Run(t, frame, probetest.Arrival{})
	if n := got(); n != 1 {
		t.Errorf("%d events after a reload, want the first one alone", n)
	}
	apply(probetest.Metering(70, 1)).Run(t, frame, probetest.Arrival{})
	if n := got(); n != 0 {
		t.Errorf("%d events of no trigger", n)
	}
	apply(monitoring(newFlow)).Run(t, frame, probetest.Arrival{})
	if n := got(); n != 1 {
		t.Errorf("%d events of a trigger that came back", n)
	}
}
