//go:build linux

package main

import (
	"context"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"

	"github.com/openifit/openifit/dataplane/probe/probetest"
	"github.com/openifit/openifit/lab/traffic"
)

// kills is how often an agent dies in its test.
const kills = 100

// Whatever an agent is doing when it is killed, start, drain or Set: no packet
// is lost, its counter never runs backwards, and in the end it has counted
// every packet once.
func TestKilledAgentLosesNoPacketAndNoCount(t *testing.T) {
	const observed, flowKeys = policyM + "/state/packets-observed", policyM + "/flow-selection/config/flow-keys"
	w := newWorld(t)
	w.start(t)
	c := w.client(t)
	set(t, c, append(base(collectorPort), update(policyM, metering))...)
	s := w.traffic(t, traffic.Constant{Flows: 20, Rate: 3000, Payload: 100})
	random := rand.New(rand.NewPCG(1, 2))
	var before, slowest uint64
	keys := []string{`["sourceIPv4Address", "sourceIPv6Address"]`, `["sourceIPv4Address", "sourceIPv6Address", "ipDiffServCodePoint"]`}
	for kill := range kills {
		arrived(t, s, random.Uint64N(300))
		before = max(before, number(t, c, observed))
		ctx, cancel := context.WithCancel(t.Context())
		changed := make(chan struct{})
		go func() {
			defer close(changed)
			if kill%2 == 0 {
				// It may take place or not.
				_, _ = c.Set(ctx, &gpb.SetRequest{Replace: []*gpb.Update{update(flowKeys, keys[kill/2%2])}})
			}
		}()
		arrived(t, s, random.Uint64N(100))
		w.kill(t)
		cancel()
		<-changed
		arrived(t, s, random.Uint64N(100))
		began := time.Now()
		w.start(t)
		slowest = max(slowest, uint64(time.Since(began).Milliseconds()))
		c = w.client(t)
		if after := number(t, c, observed); after < before {
			t.Errorf("kill %d: %d packets observed before, %d after", kill, before, after)
		}
	}
	truth := w.report(t, s)
	wait(t, "all packets are counted", func() bool { return number(t, c, observed) >= truth.Totals.SentPackets })
	if n := number(t, c, observed); n != truth.Totals.SentPackets {
		t.Errorf("%d packets observed, %d sent", n, truth.Totals.SentPackets)
	}
	t.Logf("%d kills, %d packets, adopted within %d ms", kills, truth.Totals.SentPackets, slowest)
	if slowest > 5000 {
		t.Errorf("an agent took %d ms to take over", slowest)
	}
}

// arrived waits until so many more packets have come through.
func arrived(t testing.TB, s *drive, more uint64) {
	t.Helper()
	first, err := s.Report()
	if err != nil {
		t.Fatal(err)
	}
	wait(t, "packets arrive", func() bool {
		r, err := s.Report()
		return err == nil && r.Totals.ReceivedPackets >= first.Totals.ReceivedPackets+more
	})
}

// An agent whose layout is not that of the pins serves, says what to do, and
// lets the programs count on for the agent that they belong to.
func TestAgentOfAnotherLayout(t *testing.T) {
	const observed = policyM + "/state/packets-observed"
	w := newWorld(t)
	w.start(t)
	set(t, w.client(t), append(base(collectorPort), update(policyM, metering))...)
	first := w.send(t, traffic.Constant{Flows: 2, Rate: 1000, Payload: 100, Packets: 50})
	w.kill(t)
	own := probetest.SetLayout(t, w.pinDir, 77)

	w.start(t)
	c := w.client(t)
	for _, at := range []string{"/ifit/state/load-error", policyM + "/state/last-error"} {
		if got := string(get(t, c, at)); !strings.Contains(got, "layout 77") || !strings.Contains(got, "-replace-pins") {
			t.Errorf("%s: %s", at, got)
		}
	}
	if got := string(get(t, c, policyM+"/state/oper-status")); got != `"FAILED"` {
		t.Errorf("the policy is %s", got)
	}
	_, err := c.Set(t.Context(), &gpb.SetRequest{Update: []*gpb.Update{update(policyM+"/config/priority", "7")}})
	if err == nil || !strings.Contains(err.Error(), "-replace-pins") {
		t.Errorf("a Set was answered with %v", err)
	}
	second := w.send(t, traffic.Constant{Flows: 2, Rate: 1000, Payload: 100, Packets: 50})
	w.end(t, syscall.SIGTERM)

	probetest.SetLayout(t, w.pinDir, own)
	w.start(t)
	c = w.client(t)
	want := first.Totals.SentPackets + second.Totals.SentPackets
	wait(t, "the former agent has counted all packets", func() bool { return number(t, c, observed) >= want })
	if n := number(t, c, observed); n != want {
		t.Errorf("%d packets observed, want %d", n, want)
	}
	w.kill(t)

	probetest.SetLayout(t, w.pinDir, 77)
	w.arguments = append(w.arguments, "-replace-pins")
	w.start(t)
	c = w.client(t)
	if got := get(t, c, "/ifit/state/load-error"); got != nil {
		t.Errorf("load errors %s", got)
	}
	third := w.send(t, traffic.Constant{Flows: 2, Rate: 1000, Payload: 100, Packets: 50})
	want += third.Totals.SentPackets
	wait(t, "the agent that took over counts", func() bool { return number(t, c, observed) >= want })
}
