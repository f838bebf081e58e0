//go:build linux

package source_test

import (
	"math"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/dataplane/probe/probetest"
	"github.com/openifit/openifit/lab/packet"
	"github.com/openifit/openifit/lab/testenv"
)

func (s *stand) limit(t *testing.T, perSecond uint64, policies ...plan.Policy) {
	t.Helper()
	s.point.Policies = policies
	s.pair.Apply(t, s.engine, plan.Plan{MaxFlows: 1024, MaxSelected: perSecond, Points: []plan.Point{s.point}})
	s.run = s.pair.Runner(t, s.engine, s.point.ID)
}

func (s *stand) programID(t *testing.T) uint32 {
	t.Helper()
	programs, err := s.engine.Programs()
	if err != nil || len(programs) != 1 {
		t.Fatalf("%d programs, %v", len(programs), err)
	}
	return programs[0].ID
}

// uptime is the clock that the bucket goes by.
func uptime(t *testing.T) time.Duration {
	t.Helper()
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		t.Fatal(err)
	}
	return time.Duration(now.Nano())
}

// However many CPUs select at once, all policies together select no more than
// the limit and its burst allow, and each packet is either selected or counted
// as limited.
func TestSelectedPacketsAreLimited(t *testing.T) {
	const (
		rate   = 20_000
		tick   = 10 * time.Millisecond // the longest that a kernel's tick can be
		rounds = 30
		each   = 10_000
		slack  = 2 // a token that was being made up at either end
	)
	s := newStand(t)
	s.limit(t, rate, uniform(1, 1, math.MaxUint32), systematic(2, 1, 1, 0))
	frame := v4(packet.UDP).Frame()
	began := uptime(t)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range rounds {
				s.run.Repeat(t, frame, probetest.Arrival{}, each)
			}
		})
	}
	wg.Wait()
	took := uptime(t) - began

	one, two := s.policyCounters(t, 1), s.policyCounters(t, 2)
	const offered = 4 * rounds * each
	if one.Selected+one.Limited != offered || two.Selected+two.Limited != offered {
		t.Errorf("%d packets offered to each: counted %+v and %+v", offered, one, two)
	}
	got := one.Selected + two.Selected
	allowed := uint64((took+100*time.Millisecond+tick).Seconds()*rate) + slack
	if got > allowed {
		t.Errorf("%d packets selected in %s, at most %d are allowed", got, took, allowed)
	}
	// The bucket was full at first.
	if got < rate/10 {
		t.Errorf("%d packets selected, the bucket alone holds %d", got, rate/10)
	}
	records := sampled(s.drain(t))
	if n := records[flow.PolicyRef{ID: 1, Generation: 1}] + records[flow.PolicyRef{ID: 2, Generation: 1}]; n != got {
		t.Errorf("%d packets in records, %d were selected", n, got)
	}
}

// A limit changes without a reload, and holds for the segments of
// super-packets one by one.
func TestLimitChangesWithoutReload(t *testing.T) {
	s := newStand(t)
	frame := with(v4(packet.TCP), func(s *packet.Spec) { s.Payload = make([]byte, 1300) }).Frame()
	all := uniform(1, 1, math.MaxUint32)
	s.limit(t, 50, all)
	before := s.programID(t)
	s.run.Run(t, frame, probetest.Arrival{Segments: 13, SegmentSize: 100})
	// Five are in the bucket, and one more may come while the clock ticks.
	if c := s.policyCounters(t, 1); c.Selected < 5 || c.Selected > 6 || c.Selected+c.Limited != 13 {
		t.Errorf("of 13 segments where a tenth of 50 is allowed: %+v", c)
	}
	s.limit(t, 1_000_000, all)
	if s.programID(t) != before {
		t.Error("another limit loaded another program")
	}
	// The bucket is as empty as it was, and fills now at the new rate.
	testenv.Eventually(t, func() bool {
		had := s.policyCounters(t, 1)
		s.run.Run(t, frame, probetest.Arrival{Segments: 13, SegmentSize: 100})
		return s.policyCounters(t, 1).Selected-had.Selected == 13
	}, "13 segments selected at once under a limit of a million")
	had := s.policyCounters(t, 1)
	s.limit(t, 0, all)
	if s.programID(t) == before {
		t.Error("without a limit the program still asks for it")
	}
	s.run.Repeat(t, frame, probetest.Arrival{Segments: 13, SegmentSize: 100}, 100_000)
	if c := s.policyCounters(t, 1); c.Limited != had.Limited {
		t.Errorf("limited without a limit: %+v", c)
	}
}

// A limit below one packet in a burst still lets packets through.
func TestLimitOfOne(t *testing.T) {
	s := newStand(t)
	s.limit(t, 1, uniform(1, 1, math.MaxUint32))
	began := uptime(t)
	s.run.Repeat(t, v4(packet.UDP).Frame(), probetest.Arrival{}, 1000)
	took := uptime(t) - began
	if c := s.policyCounters(t, 1); c.Selected == 0 || c.Selected > uint64(took/time.Second)+2 {
		t.Errorf("selected %d of 1000 packets at one a second, within %s", c.Selected, took)
	}
}
