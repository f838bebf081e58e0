//go:build linux

package source_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/dataplane/probe/probetest"
	"github.com/openifit/openifit/lab/packet"
)

// window is that of FLOW_RATE.
const window = 100 * time.Millisecond

// flowPacket is a packet of a flow that its source port names; its IP packet
// has the given number of octets.
func flowPacket(port uint16, octets int) packet.Spec {
	p := probetest.UDP(probetest.Beyond4, 0)
	p.Source = netip.AddrPortFrom(p.Source.Addr(), port)
	p.Payload = make([]byte, octets-28)
	return p
}

func idOf(p packet.Spec) flow.ID {
	return flow.ID{
		Source: p.Source.Addr(), Destination: p.Destination.Addr(),
		SourcePort: p.Source.Port(), DestinationPort: p.Destination.Port(), Protocol: packet.UDP,
	}
}

// none fails when an event has come.
func (e events) none(t *testing.T, what string) {
	t.Helper()
	select {
	case event := <-e.got:
		t.Fatalf("%s: %+v", what, event)
	default:
	}
}

func TestFlowRate(t *testing.T) {
	for _, direction := range []flow.Direction{flow.Ingress, flow.Egress} {
		t.Run(direction.String(), func(t *testing.T) {
			pair := probetest.NewRouter(t)
			engine := pair.Engine(t)
			const raise, clear = 100_000, 50_000
			point := pair.Ingress(monitoring(plan.Trigger{
				Name: "rate", Metric: flow.MetricFlowRate, PerFlow: true, Raise: raise, Clear: clear,
			}))
			point.ID.Direction = direction
			pair.Apply(t, engine, plan.Plan{MaxFlows: 64, Points: []plan.Point{point}})
			got := readEvents(t, pair, engine)
			run := pair.Runner(t, engine, point.ID)

			// A slow flow, which never reaches a window's share of the threshold,
			// and a fast one, which does so in whichever window.
			slow, fast := flowPacket(1001, 100), flowPacket(1002, 1000)
			run.Run(t, slow.Frame(), probetest.Arrival{})
			run.Repeat(t, fast.Frame(), probetest.Arrival{}, 2*raise/10/1000)
			want := flow.Event{
				Policy: flow.PolicyRef{ID: eventPolicy, Generation: 3}, Metric: flow.MetricFlowRate, State: flow.EventRaised,
				ID: idOf(fast), PerFlow: true, Ifindex: pair.Ifindex, Direction: direction, Threshold: raise,
			}
			if direction == flow.Egress {
				want.EgressIfindex = pair.Ifindex
			} else {
				want.IngressIfindex = pair.Ifindex
			}
			raised := got.next(t)
			if want.Value = raised.Value; raised != want || raised.Value < raise || raised.Value > 2*raise {
				t.Errorf("got %+v, want %+v", raised, want)
			}
			// No packet comes any more: the sweep must tell.
			cleared := got.next(t)
			want.State, want.Threshold, want.Value = flow.EventCleared, clear, 0
			if cleared != want {
				t.Errorf("got %+v, want %+v", cleared, want)
			}
			got.none(t, "more than the fast flow was told")
		})
	}
}

// A flow that goes on below the clear threshold ends its condition in the
// window after, and not before the hold time.
func TestFlowRateHolds(t *testing.T) {
	pair := probetest.NewRouter(t)
	engine := pair.Engine(t)
	const raise, hold = 100_000, 4 * window
	point := pair.Ingress(monitoring(plan.Trigger{
		Name: "rate", Metric: flow.MetricFlowRate, PerFlow: true, Raise: raise, Clear: raise, Hold: hold,
	}))
	pair.Apply(t, engine, plan.Plan{MaxFlows: 64, Points: []plan.Point{point}})
	got := readEvents(t, pair, engine)
	run := pair.Runner(t, engine, point.ID)
	began := time.Now()
	frame := flowPacket(1002, 1000).Frame()
	raised := got.until(t, "raised", func(flow.Event) bool { return true }, func() error {
		run.Repeat(t, frame, probetest.Arrival{}, 10) // every 5 ms: 2 MB/s
		return nil
	})
	if held := time.Since(began); raised.State != flow.EventRaised || held < hold {
		t.Errorf("after %s: %+v", held, raised)
	}
	ended := time.Now()
	cleared := got.until(t, "cleared", func(flow.Event) bool { return true }, func() error { return nil })
	if held := time.Since(ended); cleared.State != flow.EventCleared || held < hold-2*window {
		t.Errorf("after %s: %+v", held, cleared)
	}
}

func TestMicroburst(t *testing.T) {
	pair := probetest.NewRouter(t)
	engine := pair.Engine(t)
	const raise = 20_000
	point := pair.Quiet(t, monitoring(plan.Trigger{Name: "burst", Metric: flow.MetricMicroburst, Raise: raise, Clear: raise}))
	pair.Apply(t, engine, plan.Plan{MaxFlows: 64, Points: []plan.Point{point}})
	got := readEvents(t, pair, engine)
	run := pair.Runner(t, engine, point.ID)

	// Far below the threshold, whatever bins they fall into.
	for port := range uint16(20) {
		run.Run(t, flowPacket(2000+port, 100).Frame(), probetest.Arrival{})
	}
	// 100 packets of 1,000 octets run within far less than a millisecond; they
	// may straddle two bins, and then either is over the threshold.
	small, large := flowPacket(1001, 100), flowPacket(1002, 1000)
	run.Run(t, small.Frame(), probetest.Arrival{})
	run.Repeat(t, large.Frame(), probetest.Arrival{}, 100)
	raised := got.next(t)
	if raised.State != flow.EventRaised || raised.PerFlow || raised.Metric != flow.MetricMicroburst || raised.Threshold != raise ||
		raised.Ifindex != point.ID.Ifindex || raised.Direction != flow.Ingress || raised.ID != idOf(large) {
		t.Errorf("raised: %+v", raised)
	}
	if raised.Value < raise || raised.Value > 103_000 {
		t.Errorf("%d octets in a bin, sent 100,000", raised.Value)
	}
	var sum uint64
	for _, c := range raised.Culprits {
		sum += c.Octets
	}
	if first := raised.Culprits[0]; first.ID != idOf(large) || first.Octets < raise/2 || sum != raised.Value {
		t.Errorf("culprits %+v of %d octets", raised.Culprits, raised.Value)
	}
	cleared := got.next(t)
	if cleared.State != flow.EventCleared || cleared.Value >= raise || cleared.Culprits != ([flow.MaxCulprits]flow.Culprit{}) {
		t.Errorf("cleared: %+v", cleared)
	}
	got.none(t, "one burst was told twice")
	counters, err := engine.TriggerCounters()
	if err != nil {
		t.Fatal(err)
	}
	if c := counters[0]; c.Events != 2 || c.Suppressed+c.Lost+c.Refused != 0 {
		t.Errorf("counted %+v", c)
	}
}

// Nine flows share eight places: the largest are named, and none too small.
func TestCulpritsAreTheLargest(t *testing.T) {
	pair := probetest.NewRouter(t)
	engine := pair.Engine(t)
	const raise = 1
	point := pair.Quiet(t, monitoring(plan.Trigger{Name: "burst", Metric: flow.MetricMicroburst, Raise: raise, Clear: raise}))
	pair.Apply(t, engine, plan.Plan{MaxFlows: 64, Points: []plan.Point{point}})
	got := readEvents(t, pair, engine)
	run := pair.Runner(t, engine, point.ID)
	large := flowPacket(1002, 1400)
	// Each run takes about as long as a bin: look for one bin that holds more
	// than eight flows, with the large one among them.
	deadline := time.Now().Add(time.Minute)
	for time.Now().Before(deadline) {
		for port := range uint16(12) {
			p := flowPacket(3000+port, 50)
			run.Run(t, p.Frame(), probetest.Arrival{})
		}
		run.Repeat(t, large.Frame(), probetest.Arrival{}, 20)
		event := got.next(t)
		if event.State != flow.EventRaised || event.Culprits[flow.MaxCulprits-1].Octets == 0 || event.Value < 20*1400 {
			continue
		}
		first := event.Culprits[0]
		if first.ID != idOf(large) || first.Octets < 20*1400 {
			t.Errorf("culprits %+v", event.Culprits)
		}
		return
	}
	t.Fatal("twelve flows were never handed over within one millisecond")
}
