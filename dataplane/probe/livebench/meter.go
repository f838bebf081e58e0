//go:build linux

package livebench

import (
	"errors"

	"github.com/cilium/ebpf"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
)

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

// MeterFlows are the mixes of flows that metering is measured under: a few
// that every cache knows, and as many as fill a table, in no order.
const (
	FewFlows  = 64
	ManyFlows = 64000
)

// MeasureMeter interleaves the configurations in random order, round by round.
func MeasureMeter(rounds int, flows uint32) (*Meter, error) {
	s, err := newStage()
	if err != nil {
		return nil, err
	}
	m, err := s.measureMeter(rounds, mix{flows: flows, scatter: flows > FewFlows})
	return m, errors.Join(err, s.close())
}

func (s *stage) measureMeter(rounds int, frames mix) (*Meter, error) {
	if err := s.openQuiet(); err != nil {
		return nil, err
	}
	ours, err := s.borrow(s.quietPoint(flow.Ingress, metering(1)))
	if err != nil {
		return nil, err
	}
	defer ours.Close()
	if _, err := s.attach(s.objects.BenchDrop); err != nil {
		return nil, err
	}
	c := &contest{places: []*place{s.place(loopback, ebpf.AttachTCXIngress)}, frames: frames}
	base, null := c.add(s.objects.BenchEmpty), c.add(s.objects.BenchEmpty)
	floor, peer, own := c.add(s.objects.BenchFloor), c.add(s.objects.BenchPeer), c.add(ours)
	if err := s.hold(c, rounds); err != nil {
		return nil, err
	}
	return &Meter{
		Base: spread(base.perFrame), Null: spread(null.added(base)),
		Added: spread(own.added(base)), Floor: spread(floor.added(base)), Peer: spread(peer.added(base)),
		ToFloor: spread(combine(own.added(base), floor.added(base), over)),
		ToPeer:  spread(combine(own.added(base), peer.added(base), over)),
	}, nil
}

func (s *stage) apply(points ...plan.Point) error {
	return s.ns.Do(func() error {
		change, err := s.engine.Prepare(plan.Plan{MaxFlows: s.maxFlows, Points: points})
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
