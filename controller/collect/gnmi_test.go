package collect_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openconfig/gnmi/proto/gnmi"

	"github.com/openifit/openifit/controller/collect"
	"github.com/openifit/openifit/controller/inventory"
	"github.com/openifit/openifit/controller/measure"
	"github.com/openifit/openifit/controller/target"
	"github.com/openifit/openifit/controller/target/gnmitest"
)

// follow starts a session with a node that behaves as serve says.
func follow(t *testing.T, serve func(session int, s gnmi.GNMI_SubscribeServer) error) (*collect.GNMI, *inventory.Inventory) {
	t.Helper()
	var sessions atomic.Int32
	address, client := gnmitest.Start(t, &gnmitest.Server{OnSubscribe: func(_ *gnmi.SubscriptionList, s gnmi.GNMI_SubscribeServer) error {
		return serve(int(sessions.Add(1)), s)
	}})
	inv := domain(t)
	g := collect.NewGNMI(collect.GNMIConfig{Silence: 20 * time.Second}, inv, slog.New(slog.DiscardHandler))
	n, err := target.New("r1", address, client)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- g.Follow(ctx, n) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		_ = n.Close()
	})
	return g, inv
}

func next(t *testing.T, g *collect.GNMI) collect.Report {
	t.Helper()
	select {
	case r := <-g.Reports:
		return r
	case <-time.After(20 * time.Second):
		t.Fatal("no report")
	}
	return collect.Report{}
}

func event(t *testing.T, id uint64, metric, state string, more ...*gnmi.Update) *gnmi.SubscribeResponse {
	t.Helper()
	return gnmitest.Response(int64(id), gnmitest.Path(t, fmt.Sprintf("/ifit/events/event[id=%d]", id)), append([]*gnmi.Update{
		gnmitest.Leaf(t, "state/id", gnmitest.Uint(id)),
		gnmitest.Leaf(t, "state/metric", gnmitest.String(metric)),
		gnmitest.Leaf(t, "state/event-state", gnmitest.String(state)),
		gnmitest.Leaf(t, "state/policy", gnmitest.String("watch")),
		gnmitest.Leaf(t, "state/generation", gnmitest.Uint(4)),
		gnmitest.Leaf(t, "state/source-address", gnmitest.String("2001:db8::1")),
		gnmitest.Leaf(t, "state/destination-address", gnmitest.String("2001:db8::2")),
		gnmitest.Leaf(t, "state/protocol", gnmitest.Uint(17)),
	}, more...)...)
}

// policySample is a sample of a sketch's state in two notifications.
func policySample(t *testing.T, at int64) []*gnmi.SubscribeResponse {
	t.Helper()
	prefix := gnmitest.Path(t, "/ifit/policies/policy[name=heavy]")
	flow := func(id, rank, rate uint64, address string) []*gnmi.Update {
		in := fmt.Sprintf("state/heavy-flows/heavy-flow[flow-id=%d]/", id)
		return []*gnmi.Update{
			gnmitest.Leaf(t, in+"flow-id", gnmitest.Uint(id)),
			gnmitest.Leaf(t, in+"rank", gnmitest.Uint(rank)),
			gnmitest.Leaf(t, in+"octets-per-second", gnmitest.Uint(rate)),
			gnmitest.Leaf(t, in+"source-address", gnmitest.String(address)),
			gnmitest.Leaf(t, in+"destination-address", gnmitest.String("10.0.0.9")),
			gnmitest.Leaf(t, in+"protocol", gnmitest.Uint(6)),
		}
	}
	return []*gnmi.SubscribeResponse{
		gnmitest.Response(at, prefix, append([]*gnmi.Update{
			gnmitest.Leaf(t, "state/technique", gnmitest.String("FLOW_SKETCH")),
			gnmitest.Leaf(t, "state/id", gnmitest.Uint(5)),
			gnmitest.Leaf(t, "state/generation", gnmitest.Uint(2)),
			gnmitest.Leaf(t, "state/records-exported", gnmitest.Uint(30)),
			gnmitest.Leaf(t, "state/packets-observed", gnmitest.Uint(100)),
		}, flow(1, 2, 500, "10.0.0.1")...)...),
		gnmitest.Response(at, prefix, flow(2, 1, 900, "10.0.0.2")...),
	}
}

func collectorSample(t *testing.T, at int64) *gnmi.SubscribeResponse {
	t.Helper()
	return gnmitest.Response(at, gnmitest.Path(t, "/ifit/collectors/collector[name=controller]"),
		gnmitest.Leaf(t, "state/octets", gnmitest.Uint(1000)),
		gnmitest.Leaf(t, "state/data-records", gnmitest.Uint(40)),
		gnmitest.Leaf(t, "state/dropped-records", gnmitest.Uint(3)))
}

func TestFollow(t *testing.T) {
	g, inv := follow(t, func(session int, s gnmi.GNMI_SubscribeServer) error {
		var script []*gnmi.SubscribeResponse
		switch session {
		case 1:
			script = append(script, event(t, 1, "TRANSIT_DELAY", "RAISED"), gnmitest.Synchronized())
			script = append(script, policySample(t, 10)...)
			script = append(script, collectorSample(t, 10), event(t, 2, "PATH_CHANGE", "MOMENTARY",
				gnmitest.Leaf(t, "state/egress-interface", gnmitest.Uint(77)),
				gnmitest.Leaf(t, "state/hop-limit", gnmitest.Uint(61))))
		default:
			script = append(script, gnmitest.Synchronized())
		}
		for _, r := range script {
			if err := s.Send(r); err != nil {
				return err
			}
		}
		if session > 1 {
			<-s.Context().Done()
		}
		return nil
	})
	first := next(t, g)
	if e := first.Event; e == nil || !e.Replayed || e.Phase != measure.Raised || e.Policy != "watch" || e.Generation != 4 || e.Flow.Protocol != 17 {
		t.Fatalf("report %+v", first)
	}
	if r := next(t, g); !r.Up || r.Node != "r1" {
		t.Fatalf("report %+v", r)
	}
	heavy := next(t, g).Heavy
	if heavy == nil || heavy.Policy != "heavy" || heavy.Generation != 2 || len(heavy.Flows) != 2 ||
		heavy.Flows[0].OctetsPerSecond != 900 || heavy.Flows[1].Rank != 2 {
		t.Fatalf("heavy flows %+v", heavy)
	}
	if n := next(t, g).Counters; n == nil || n.Octets != 1000 || n.Records != 40 || n.Dropped != 3 || n.Policies["heavy"].Records != 30 {
		t.Fatalf("counters %+v", n)
	}
	if e := next(t, g).Event; e == nil || e.Replayed || e.Now.Egress != "77" || e.Now.HopLimit != 61 || e.Before.Egress != "" {
		t.Fatalf("event %+v", e)
	}
	if inv.Snapshot().PolicyName("r1", 5) != "heavy" {
		t.Error("the inventory was not told")
	}
	if r := next(t, g); !r.Down {
		t.Fatalf("report %+v", r)
	}
	if r := next(t, g); !r.Up {
		t.Fatalf("report %+v", r)
	}
	if n, _ := inv.Node("r1"); n.Session != inventory.Up {
		t.Errorf("session %s", n.Session)
	}
}
