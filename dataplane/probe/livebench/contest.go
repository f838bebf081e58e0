//go:build linux

package livebench

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
)

// Spread is a distribution over rounds.
type Spread struct{ P10, P50, P90 float64 }

// meterBatches are the batches per contender and round, each of which is timed.
const meterBatches = 256

// contender is a set of programs under test, one for each place of a contest,
// with what was measured of it: nanoseconds per frame, by round.
type contender struct {
	programs []*ebpf.Program
	perFrame []float64
}

// contest has each contender carry the frames in turn, in random order round
// by round, so that whatever else the machine does meets all of them.
type contest struct {
	places     []*place
	frames     mix
	contenders []*contender
}

func (c *contest) add(programs ...*ebpf.Program) *contender {
	one := &contender{programs: programs}
	c.contenders = append(c.contenders, one)
	return one
}

func (s *stage) hold(c *contest, rounds int) error {
	// Each knows all flows before it is measured.
	for _, one := range c.contenders {
		if err := c.install(one); err != nil {
			return err
		}
		if _, err := s.injectMix(4*max(c.frames.flows, BatchFrames), c.frames); err != nil {
			return err
		}
	}
	order := slices.Clone(c.contenders)
	for range rounds {
		rand.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		for _, one := range order {
			if err := s.measure(c, one); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *contest) install(one *contender) error {
	for i, place := range c.places {
		if err := place.put(one.programs[i]); err != nil {
			return fmt.Errorf("put program under test: %w", err)
		}
	}
	return nil
}

// place is where programs under test take turns, before whatever else is
// attached there.
type place struct {
	stage   *stage
	ifindex int
	at      ebpf.AttachType
	link    link.Link
}

// place makes one without a program.
func (s *stage) place(ifindex int, at ebpf.AttachType) *place {
	p := &place{stage: s, ifindex: ifindex, at: at}
	s.places = append(s.places, p)
	return p
}

// put replaces the program; nil takes it away.
func (p *place) put(program *ebpf.Program) error {
	switch {
	case program == nil:
		return p.close()
	case p.link != nil:
		return p.link.Update(program)
	}
	return p.stage.ns.Do(func() (err error) {
		p.link, err = link.AttachTCX(link.TCXOptions{Interface: p.ifindex, Program: program, Attach: p.at, Anchor: link.Head()})
		return err
	})
}

func (p *place) close() error {
	if p.link == nil {
		return nil
	}
	err := p.link.Close()
	p.link = nil
	return err
}

// measure runs one contender once, and keeps the time of its fastest batch:
// whatever else the machine does only adds.
func (s *stage) measure(c *contest, one *contender) error {
	if err := c.install(one); err != nil {
		return err
	}
	// One batch more, because a batch's time is told by its successor.
	if _, err := s.injectMix((meterBatches+1)*BatchFrames, c.frames); err != nil {
		return err
	}
	times, err := s.batchTimes(meterBatches)
	if err != nil {
		return err
	}
	one.perFrame = append(one.perFrame, slices.Min(times))
	return nil
}

// added is what one contender adds to another, round by round.
func (c *contender) added(base *contender) []float64 {
	return combine(c.perFrame, base.perFrame, func(a, b float64) float64 { return a - b })
}

func over(a, b float64) float64 { return a / b }

func combine(a, b []float64, by func(a, b float64) float64) []float64 {
	out := make([]float64, len(a))
	for i := range a {
		out[i] = by(a[i], b[i])
	}
	return out
}

func spread(values []float64) Spread {
	sorted := slices.Sorted(slices.Values(values))
	at := func(p int) float64 { return sorted[(len(sorted)-1)*p/100] }
	return Spread{at(10), at(50), at(90)}
}
