//go:build linux

package source_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/dataplane/probe"
	"github.com/openifit/openifit/dataplane/probe/probetest"
	"github.com/openifit/openifit/dataplane/source"
	"github.com/openifit/openifit/lab/testenv"
)

// Thresholds far above what a loaded machine adds to an empty queue, and far
// below what the full one takes.
const (
	raiseDelay = uint64(60 * time.Millisecond)
	clearDelay = uint64(30 * time.Millisecond)
)

// shape puts a queue of one megabit per second before an interface.
func shape(t *testing.T, r *probetest.Router) {
	t.Helper()
	h := testenv.Netlink(t, r.NS)
	err := h.QdiscReplace(&netlink.Tbf{
		QdiscAttrs: netlink.QdiscAttrs{LinkIndex: int(r.Right), Handle: netlink.MakeHandle(1, 0), Parent: netlink.HANDLE_ROOT},
		Rate:       125_000, Limit: 200_000, Buffer: netlink.Xmittime(125_000, 5000),
	})
	if err != nil {
		t.Fatalf("shape interface: %v", err)
	}
}

func delayPoints(r *probetest.Router, policies ...plan.Policy) plan.Plan {
	return plan.Plan{MaxFlows: 64, Points: []plan.Point{
		{ID: plan.PointID{Ifindex: r.Left, Direction: flow.Ingress}, Interface: probetest.LeftName, Stamp: true},
		{ID: plan.PointID{Ifindex: r.Right, Direction: flow.Egress}, Interface: probetest.RightName, Policies: policies},
	}}
}

func dial(t *testing.T, l *probetest.Line, family int, port uint16) *net.UDPConn {
	t.Helper()
	from, to := l.Addresses(family)
	var c *net.UDPConn
	err := l.Left.Do(func() (err error) {
		c, err = net.DialUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(from, port)),
			net.UDPAddrFromAddrPort(netip.AddrPortFrom(to, probetest.Port)))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// listen takes what arrives at the right host, so that it answers nothing.
func listen(t *testing.T, l *probetest.Line) {
	t.Helper()
	for _, family := range []int{4, 6} {
		_, to := l.Addresses(family)
		err := l.Right.Do(func() error {
			c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(to, probetest.Port)))
			if err == nil {
				t.Cleanup(func() { c.Close() })
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// send sends until the event that is asked for comes.
func (e events) until(t *testing.T, what string, is func(flow.Event) bool, send func() error) flow.Event {
	t.Helper()
	deadline := time.After(20 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case event := <-e.got:
			if is(event) {
				return event
			}
		case <-tick.C:
			if err := send(); err != nil {
				t.Fatal(err)
			}
		case <-deadline:
			t.Fatalf("no event: %s", what)
		}
	}
}

func readRouterEvents(t *testing.T, r *probetest.Router, engine *probe.Engine) events {
	t.Helper()
	reader, err := source.NewEvents(engine, nil)
	if err != nil {
		t.Fatal(err)
	}
	e := events{make(chan flow.Event, 1<<12)}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		done <- reader.Run(ctx, func(batch []flow.Event) {
			for _, event := range batch {
				e.got <- event
			}
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

func TestDelayBehindAQueue(t *testing.T) {
	for _, c := range []struct {
		name    string
		family  int
		perFlow bool
		hold    time.Duration
		silent  bool // nothing is sent after the queue was full
	}{
		{"interface, IPv4", 4, false, 0, false},
		{"interface, IPv6, held", 6, false, 40 * time.Millisecond, false},
		{"interface, packets stop", 4, false, 0, true},
		{"flow, IPv6", 6, true, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			line := probetest.NewLine(t, 1)
			listen(t, line)
			r := line.Routers[0]
			shape(t, r)
			policy := monitoring(plan.Trigger{
				Name: "queue", Metric: flow.MetricTransitDelay, PerFlow: c.perFlow,
				Raise: raiseDelay, Clear: clearDelay, Hold: c.hold,
			})
			engine := r.Open(t, delayPoints(r, policy))
			got := readRouterEvents(t, r, engine)
			conn := dial(t, line, c.family, 1000)
			big, small := make([]byte, 1200), make([]byte, 20)

			raised := got.until(t, "raised", func(e flow.Event) bool { return e.State == flow.EventRaised },
				func() error { _, err := conn.Write(big); return err })
			from, to := line.Addresses(c.family)
			want := flow.Event{
				Time: raised.Time, Policy: policy.PolicyRef, Metric: flow.MetricTransitDelay, State: flow.EventRaised,
				ID:      flow.ID{Source: from, Destination: to, SourcePort: 1000, DestinationPort: probetest.Port, Protocol: 17},
				PerFlow: c.perFlow, Ifindex: r.Right, EgressIfindex: r.Right, Direction: flow.Egress,
				Value: raised.Value, Threshold: raiseDelay,
			}
			if raised != want || raised.Value < raiseDelay || raised.Value > uint64(5*time.Second) {
				t.Errorf("raised: got %+v, want %+v", raised, want)
			}
			cleared := got.until(t, "cleared", func(e flow.Event) bool {
				if e.State != flow.EventCleared {
					t.Errorf("told twice: %+v", e)
				}
				return e.State == flow.EventCleared
			}, func() error {
				if c.silent {
					return nil
				}
				_, err := conn.Write(small)
				return err
			})
			if cleared.ID != want.ID || cleared.Ifindex != r.Right || cleared.Threshold != clearDelay || cleared.Value >= clearDelay {
				t.Errorf("cleared: %+v", cleared)
			}
			counters, err := engine.TriggerCounters()
			if err != nil {
				t.Fatal(err)
			}
			if c := counters[0]; c.Events != 2 || c.Suppressed+c.Lost+c.Refused != 0 {
				t.Errorf("counted %+v", c)
			}
		})
	}
}

// Packets of the router itself, and those of other namespaces whose
// interfaces have the same numbers, have no transit delay here.
func TestOwnPacketsHaveNoDelay(t *testing.T) {
	line := probetest.NewLine(t, 2)
	listen(t, line)
	r := line.Routers[0]
	if r.Right != line.Routers[1].Right {
		t.Fatalf("interfaces have the numbers %d and %d", r.Right, line.Routers[1].Right)
	}
	policy := monitoring(plan.Trigger{Name: "any", Metric: flow.MetricTransitDelay, PerFlow: true, Raise: 1, Clear: 1})
	engine := r.Open(t, delayPoints(r, policy))
	got := readRouterEvents(t, r, engine)
	_, to := line.Addresses(4)
	var own *net.UDPConn
	err := r.NS.Do(func() (err error) {
		own, err = net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(to, probetest.Port)))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	for range 10 {
		if _, err := own.Write(make([]byte, 100)); err != nil {
			t.Fatal(err)
		}
	}
	conn := dial(t, line, 4, 1000)
	event := got.until(t, "raised", func(flow.Event) bool { return true },
		func() error { _, err := conn.Write(make([]byte, 100)); return err })
	if event.ID.SourcePort != 1000 || event.State != flow.EventRaised {
		t.Errorf("%+v", event)
	}
	counters, err := engine.TriggerCounters()
	if err != nil {
		t.Fatal(err)
	}
	if counters[0].Events != 1 {
		t.Errorf("%+v", counters)
	}
}
