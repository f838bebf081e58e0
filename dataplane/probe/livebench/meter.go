//go:build linux

package livebench

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/vishvananda/netlink"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
)

// Spread is a distribution over rounds.
type Spread struct{ P10, P50, P90 float64 }

// Meter is what metering a packet of a known flow costs, in nanoseconds added
// to the way of a packet through tcx ingress.
type Meter struct {
	// Base is the whole way with an empty program.
	Base Spread
	// Null is what an empty program adds to an empty one: the noise.
	Null Spread
	// Added by the program of a point with FLOW_METERING, by the least that
	// any meter must do, and by a meter of the usual design.
	Added, Floor, Peer Spread
	// ToFloor and ToPeer are the ratios, taken in each round.
	ToFloor, ToPeer Spread
}

// Frames per configuration and round, and flows among them.
const (
	meterBatches = 256
	meterFlows   = 64
)

// MeasureMeter interleaves the configurations in random order, round by round.
func MeasureMeter(rounds int) (*Meter, error) {
	s, err := newStage()
	if err != nil {
		return nil, err
	}
	m, err := s.measureMeter(rounds)
	return m, errors.Join(err, s.close())
}

// configuration is one program under test with what was measured of it.
type configuration struct {
	program *ebpf.Program
	perRun  []float64
}

func (s *stage) measureMeter(rounds int) (*Meter, error) {
	ours, err := s.meteringProgram()
	if err != nil {
		return nil, err
	}
	defer ours.Close()
	subject, err := s.attach(s.objects.BenchEmpty)
	if err != nil {
		return nil, err
	}
	if _, err := s.attach(s.objects.BenchDrop); err != nil {
		return nil, err
	}
	base := &configuration{program: s.objects.BenchEmpty}
	null := &configuration{program: s.objects.BenchEmpty}
	floor := &configuration{program: s.objects.BenchFloor}
	peer := &configuration{program: s.objects.BenchPeer}
	own := &configuration{program: ours}
	all := []*configuration{base, null, floor, peer, own}
	for range rounds {
		rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		for _, c := range all {
			if err := s.measure(subject, c); err != nil {
				return nil, err
			}
		}
	}
	added := func(c *configuration) []float64 { return combine(c.perRun, base.perRun, minus) }
	return &Meter{
		Base: spread(base.perRun), Null: spread(added(null)),
		Added: spread(added(own)), Floor: spread(added(floor)), Peer: spread(added(peer)),
		ToFloor: spread(combine(added(own), added(floor), over)),
		ToPeer:  spread(combine(added(own), added(peer), over)),
	}, nil
}

// measure runs one configuration once, and keeps the time of its fastest
// batch: whatever else the machine does only adds.
func (s *stage) measure(subject link.Link, c *configuration) error {
	if err := subject.Update(c.program); err != nil {
		return fmt.Errorf("put program under test: %w", err)
	}
	// One batch more, because a batch's time is told by its successor.
	if _, err := s.inject((meterBatches+1)*BatchFrames, meterFlows); err != nil {
		return err
	}
	times, err := s.batchTimes(meterBatches)
	if err != nil {
		return err
	}
	c.perRun = append(c.perRun, slices.Min(times))
	return nil
}

// meteringProgram has an engine make the program of a point with one
// FLOW_METERING policy, at an interface without traffic, and borrows it.
func (s *stage) meteringProgram() (*ebpf.Program, error) {
	if err := s.open(); err != nil {
		return nil, err
	}
	ifindex, err := s.quietInterface()
	if err != nil {
		return nil, err
	}
	err = s.apply(plan.Point{
		ID: plan.PointID{Ifindex: ifindex, Direction: flow.Ingress}, Interface: "quiet",
		Policies: []plan.Policy{metering(1)},
	})
	if err != nil {
		return nil, err
	}
	programs, err := s.engine.Programs()
	if err != nil {
		return nil, err
	}
	p, err := ebpf.NewProgramFromID(ebpf.ProgramID(programs[0].ID))
	if err != nil {
		return nil, fmt.Errorf("borrow the point's program: %w", err)
	}
	return p, nil
}

func (s *stage) quietInterface() (uint32, error) {
	nl, err := s.ns.Netlink()
	if err != nil {
		return 0, err
	}
	defer nl.Close()
	attrs := netlink.NewLinkAttrs()
	attrs.Name = "quiet"
	if err := nl.LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: "peer"}); err != nil {
		return 0, fmt.Errorf("create interface: %w", err)
	}
	l, err := nl.LinkByName("quiet")
	if err != nil {
		return 0, fmt.Errorf("find interface: %w", err)
	}
	return uint32(l.Attrs().Index), nil
}

func (s *stage) apply(points ...plan.Point) error {
	return s.ns.Do(func() error {
		change, err := s.engine.Prepare(plan.Plan{MaxFlows: 131072, Points: points})
		if err != nil {
			return err
		}
		return change.Commit()
	})
}

func metering(generation uint32) plan.Policy {
	return plan.Policy{
		PolicyRef: flow.PolicyRef{ID: 1, Generation: generation}, Name: "metering",
		Actions: plan.ActMeter, Keys: plan.Key5Tuple,
	}
}

func minus(a, b float64) float64 { return a - b }

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
