//go:build linux

package source_test

import (
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/dataplane/probe/probetest"
)

// The steps of a condition, by the octets of its flow in windows that follow
// each other: which of them are told.
func TestConditionSteps(t *testing.T) {
	const (
		packetOctets = 1000
		raise, clear = 200_000, 100_000 // 20 and 10 packets in a window
	)
	raised, cleared := flow.EventRaised, flow.EventCleared
	for _, c := range []struct {
		name    string
		hold    time.Duration
		packets []uint32 // of each window
		want    []flow.EventState
	}{
		{"never reached", 0, []uint32{10, 19, 19}, nil},
		{"reached and left", 0, []uint32{5, 25, 5}, []flow.EventState{raised, cleared}},
		{"reached and silent", 0, []uint32{25, 0}, []flow.EventState{raised, cleared}},
		{"told once however long", 0, []uint32{25, 40, 30, 25, 1}, []flow.EventState{raised, cleared}},
		{"between the thresholds it stays", 0, []uint32{25, 15, 12, 15, 5}, []flow.EventState{raised, cleared}},
		{"again", 0, []uint32{25, 5, 25, 5}, []flow.EventState{raised, cleared, raised, cleared}},
		{"too short for the hold time", 10 * window, []uint32{25, 25, 5, 25, 5}, nil},
		{"held", 2 * window, []uint32{25, 25, 25, 25, 25, 0}, []flow.EventState{raised, cleared}},
		{"a dip begins the hold time anew", 4 * window, []uint32{25, 25, 25, 5, 25, 25, 25, 5}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			// A machine that is held up for a window counts in others than it
			// should: then the steps are made once more.
			for range 10 {
				states, undisturbed := stepsOf(t, c.hold, raise, clear, flowPacket(1002, packetOctets).Frame(), c.packets, len(c.want))
				if !undisturbed {
					continue
				}
				if !slices.Equal(states, c.want) {
					t.Errorf("told %v, want %v", states, c.want)
				}
				return
			}
			t.Fatal("no ten windows in a row were undisturbed")
		})
	}
}

// stepsOf sends so many packets in each window, and returns what was told, at
// least for as long as want events take.
func stepsOf(t *testing.T, hold time.Duration, raise, clear uint64, frame []byte, packets []uint32, want int) (states []flow.EventState, undisturbed bool) {
	t.Helper()
	pair := probetest.NewRouter(t)
	engine := pair.Engine(t)
	point := pair.Quiet(t, monitoring(plan.Trigger{
		Name: "rate", Metric: flow.MetricFlowRate, PerFlow: true, Raise: raise, Clear: clear, Hold: hold,
	}))
	pair.Apply(t, engine, plan.Plan{MaxFlows: 64, Points: []plan.Point{point}})
	got := readEvents(t, pair, engine)
	run := pair.Runner(t, engine, point.ID)
	undisturbed = true
	var last time.Duration
	for i, n := range packets {
		now := monotonicNow(t)
		time.Sleep(window - now%window + 10*time.Millisecond) // into the next window, which is what is waited for
		if n > 0 {
			run.Repeat(t, frame, probetest.Arrival{}, n)
		}
		number := monotonicNow(t) / window
		undisturbed = undisturbed && (i == 0 || number == last+1)
		last = number
	}
	for undisturbed && len(states) < want {
		states = append(states, got.next(t).State)
	}
	// The sweep has ended the last window when it is forgotten; no event after
	// that would be of these packets.
	waitFor(t, "the flow's windows are over", func() bool { return monotonicNow(t) > (last+4)*window })
	for {
		select {
		case event := <-got.got:
			states = append(states, event.State)
		default:
			return states, undisturbed
		}
	}
}

func monotonicNow(t *testing.T) time.Duration {
	t.Helper()
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		t.Fatal(err)
	}
	return time.Duration(now.Nano())
}
