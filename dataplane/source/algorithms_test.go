//go:build linux

package source_test

import (
	"math"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/dataplane/probe/probetest"
	"github.com/openifit/openifit/lab/packet"
)

// selecting is a metering policy that selects packets.
func selecting(id, generation uint32, s plan.Selection) plan.Policy {
	p := probetest.Metering(id, generation)
	p.Select = s
	return p
}

// monotonic reads the clock by which programs select, in microseconds.
func monotonic(t *testing.T) uint64 {
	t.Helper()
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		t.Fatal(err)
	}
	return uint64(now.Nano()) / 1000
}

// Where the windows of time-based selection lie is known, so every packet
// whose run does not cross an edge must be taken or skipped.
func TestSystematicTime(t *testing.T) {
	const interval, space = 3000, 2000
	s := newStand(t, selecting(1, 1, plan.Selection{Algorithm: plan.SelectSystematicTime, Interval: interval, Space: space}))
	frame := v4(packet.TCP).Frame()
	inside := func(at uint64) bool { return at%(interval+space) < interval }
	var took, skipped int
	for sent := uint64(1); took < 20 || skipped < 20; sent++ {
		if sent > 100_000 {
			t.Fatalf("%d packets taken, %d skipped of %d: windows that never come", took, skipped, sent)
		}
		before, counted := monotonic(t), s.policyCounters(t, 1).Selected
		s.run.Run(t, frame, probetest.Arrival{Segments: 4, SegmentSize: 2})
		after := monotonic(t)
		if inside(before) != inside(after) || after-before > space {
			continue
		}
		got := s.policyCounters(t, 1).Selected - counted
		if want := map[bool]uint64{true: 4, false: 0}[inside(before)]; got != want {
			t.Fatalf("at %d us of %d: %d segments selected, want %d", before%(interval+space), interval+space, got, want)
		}
		if got == 0 {
			skipped++
		} else {
			took++
		}
	}
	if records := sampled(s.drain(t))[flow.PolicyRef{ID: 1, Generation: 1}]; records != s.policyCounters(t, 1).Selected {
		t.Errorf("%d packets in records, counted %+v", records, s.policyCounters(t, 1))
	}
}

// A window longer than the test, and a gap longer than the test.
func TestSystematicTimeOfLongWindows(t *testing.T) {
	const minutes = 60_000_000
	now := monotonic(t)
	within := plan.Selection{Algorithm: plan.SelectSystematicTime, Interval: math.MaxUint32, Space: 0}
	s := newStand(t, selecting(1, 1, within))
	s.run.Repeat(t, v4(packet.UDP).Frame(), probetest.Arrival{}, 100)
	if c := s.policyCounters(t, 1); c.Observed != 100 || c.Selected != 100 {
		t.Errorf("without gaps: %+v", c)
	}
	// The gap begins a microsecond after each multiple of the period.
	period := uint64(4000 * 1_000_000)
	if phase := now % period; phase < 1000 || phase > period-10*minutes {
		period -= 1000 * 1_000_000
	}
	s.apply(t, selecting(1, 2, plan.Selection{Algorithm: plan.SelectSystematicTime, Interval: 1, Space: uint32(period - 1)}))
	s.run.Repeat(t, v4(packet.UDP).Frame(), probetest.Arrival{}, 100)
	if c := s.policyCounters(t, 1); c.Observed != 200 || c.Selected != 100 {
		t.Errorf("in the gap: %+v", c)
	}
}

// Exactly n of each N packets, whatever CPU they come to and however they are
// bundled.
func TestRandomNOutOfNIsExact(t *testing.T) {
	const size, population = 7, 50
	s := newStand(t, selecting(1, 1, plan.Selection{Algorithm: plan.SelectRandom, Size: size, Population: population}))
	frame := v4(packet.UDP).Frame()
	var sent uint64
	check := func() {
		t.Helper()
		whole, rest := sent/population*size, sent%population
		least, most := whole+max(rest+size, population)-population, whole+min(rest, size)
		if c := s.policyCounters(t, 1); c.Observed != sent || c.Selected < least || c.Selected > most {
			t.Fatalf("%d to %d are due: %+v", least, most, c)
		}
	}
	for range 3 * population {
		s.run.Run(t, frame, probetest.Arrival{})
		sent++
		check()
	}
	super := with(v4(packet.TCP), func(s *packet.Spec) { s.Payload = make([]byte, 1300) }).Frame()
	for range population {
		s.run.Run(t, super, probetest.Arrival{Segments: 13, SegmentSize: 100})
		sent += 13
		check()
	}
	var wg sync.WaitGroup
	const runners, each = 4, 50_000
	for range runners {
		wg.Go(func() { s.run.Repeat(t, frame, probetest.Arrival{}, each) })
	}
	wg.Wait()
	sent += runners * each
	check()
	if got, c := sampled(s.drain(t))[flow.PolicyRef{ID: 1, Generation: 1}], s.policyCounters(t, 1); got != c.Selected {
		t.Errorf("%d packets in records, counted %+v", got, c)
	}
}

// Every place in a population is as likely as any other.
func TestRandomNOutOfNIsRandom(t *testing.T) {
	const size, population, rounds = 2, 5, 2000
	s := newStand(t, selecting(1, 1, plan.Selection{Algorithm: plan.SelectRandom, Size: size, Population: population}))
	frame := v4(packet.UDP).Frame()
	var taken [population]float64
	before := uint64(0)
	for range rounds {
		for place := range population {
			s.run.Run(t, frame, probetest.Arrival{})
			now := s.policyCounters(t, 1).Selected
			taken[place] += float64(now - before)
			before = now
		}
	}
	const share = float64(size) / population
	for place, n := range taken {
		// Six standard deviations: once in 500 million runs by chance.
		if math.Abs(n-rounds*share) > 6*math.Sqrt(rounds*share*(1-share)) {
			t.Errorf("place %d was taken %v times of %d, want about %v", place, n, rounds, rounds*share)
		}
	}
}

func TestRandomNOutOfNAtItsEnds(t *testing.T) {
	all := plan.Selection{Algorithm: plan.SelectRandom, Size: 9, Population: 9}
	one := plan.Selection{Algorithm: plan.SelectRandom, Size: 1, Population: math.MaxUint32}
	s := newStand(t, selecting(1, 1, all), selecting(2, 1, one))
	s.run.Repeat(t, v4(packet.UDP).Frame(), probetest.Arrival{}, 1000)
	if a := s.policyCounters(t, 1); a.Selected != 1000 {
		t.Errorf("all of each nine: %+v", a)
	}
	if b := s.policyCounters(t, 2); b.Selected > 1 || b.Observed != 1000 {
		t.Errorf("one of four billion: %+v", b)
	}
}

// Parameters move without another program, and no record mixes two of them.
func TestParametersMoveWithoutAReload(t *testing.T) {
	hash := func(r ...plan.HashRange) plan.Selection {
		s := plan.Selection{Algorithm: plan.SelectHashBOB, NumRanges: uint8(len(r))}
		copy(s.Ranges[:], r)
		return s
	}
	small, tall := plan.AnyProperties(), plan.AnyProperties()
	small.MaxLength, tall.MinLength = 10, 11
	long := with(v4(packet.UDP), func(s *packet.Spec) { s.Payload = make([]byte, 20) })
	for name, c := range map[string]struct{ none, all plan.Selection }{
		"time": {plan.Selection{Algorithm: plan.SelectSystematicTime, Interval: 1, Space: math.MaxUint32},
			plan.Selection{Algorithm: plan.SelectSystematicTime, Interval: 1}},
		"random": {plan.Selection{Algorithm: plan.SelectRandom, Size: 1, Population: math.MaxUint32},
			plan.Selection{Algorithm: plan.SelectRandom, Size: 5, Population: 5}},
		"hash":     {hash(plan.HashRange{Min: 1, Max: 1}), hash(plan.HashRange{Max: math.MaxUint32})},
		"property": {plan.Selection{Algorithm: plan.SelectProperty, Match: small}, plan.Selection{Algorithm: plan.SelectProperty, Match: tall}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStand(t, selecting(1, 1, c.none))
			run := s.run
			run.Repeat(t, long.Frame(), probetest.Arrival{}, 50)
			s.apply(t, selecting(1, 2, c.all))
			if run.ID() != s.run.ID() {
				t.Error("another program was loaded")
			}
			run.Repeat(t, long.Frame(), probetest.Arrival{}, 50)
			s.apply(t, selecting(1, 3, c.none))
			run.Repeat(t, long.Frame(), probetest.Arrival{}, 50)
			got := sampled(s.drain(t))
			if got[flow.PolicyRef{ID: 1, Generation: 2}] != 50 || got[flow.PolicyRef{ID: 1, Generation: 1}]+got[flow.PolicyRef{ID: 1, Generation: 3}] > 1 {
				t.Errorf("selected %v", got)
			}
		})
	}
}
