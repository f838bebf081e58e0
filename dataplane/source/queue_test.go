//go:build linux

package source_test

import (
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/dataplane/probe/probetest"
	"github.com/openifit/openifit/lab/testenv"
)

// Depths of the queue that shape makes, which holds 200,000 octets.
const raiseDepth, clearDepth = 100_000, 30_000

// nest puts a queue of packets into the shaper.
func nest(t *testing.T, r *probetest.Router) {
	t.Helper()
	pfifo := &netlink.GenericQdisc{
		QdiscAttrs: netlink.QdiscAttrs{
			LinkIndex: int(r.Right), Handle: netlink.MakeHandle(2, 0), Parent: netlink.MakeHandle(1, 1),
		},
		QdiscType: "pfifo",
	}
	if err := testenv.Netlink(t, r.NS).QdiscReplace(pfifo); err != nil {
		t.Fatalf("nest a queue: %v", err)
	}
}

func TestQueueDepth(t *testing.T) {
	for _, c := range []struct {
		name   string
		family int
		hold   time.Duration
		nested bool
		silent bool // nothing is sent after the queue was full
	}{
		{"IPv4", 4, 0, false, false},
		{"IPv6, held", 6, 40 * time.Millisecond, false, false},
		{"packets stop", 4, 0, false, true},
		{"packet queue inside", 4, 0, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			line := probetest.NewLine(t, 1)
			listen(t, line)
			r := line.Routers[0]
			shape(t, r)
			if c.nested {
				nest(t, r)
			}
			policy := monitoring(plan.Trigger{
				Name: "queue", Metric: flow.MetricQueueDepth, Raise: raiseDepth, Clear: clearDepth, Hold: c.hold,
			})
			engine := r.Open(t, delayPoints(r, policy))
			got := readRouterEvents(t, r, engine)
			conn := dial(t, line, c.family, 1000)
			big, small := make([]byte, 1200), make([]byte, 20)

			raised := got.until(t, "raised", func(flow.Event) bool { return true },
				func() error {
					for range 4 {
						if _, err := conn.Write(big); err != nil {
							return err
						}
					}
					return nil
				})
			from, to := line.Addresses(c.family)
			want := flow.Event{
				Time: raised.Time, Policy: policy.PolicyRef, Metric: flow.MetricQueueDepth, State: flow.EventRaised,
				ID:      flow.ID{Source: from, Destination: to, SourcePort: 1000, DestinationPort: probetest.Port, Protocol: 17},
				Ifindex: r.Right, EgressIfindex: r.Right, Direction: flow.Egress, Value: raised.Value, Threshold: raiseDepth,
			}
			if raised != want || raised.Value < raiseDepth || raised.Value > 200_000 {
				t.Errorf("raised: got %+v, want %+v", raised, want)
			}
			cleared := got.until(t, "cleared", func(flow.Event) bool { return true }, func() error {
				if c.silent {
					return nil
				}
				_, err := conn.Write(small)
				return err
			})
			if cleared.State != flow.EventCleared || cleared.Threshold != clearDepth || cleared.Value >= clearDepth {
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
