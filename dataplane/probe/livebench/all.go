//go:build linux

package livebench

import (
	"errors"
	"math"
	"time"

	"github.com/cilium/ebpf"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
)

// All is what every observing class of the data plane adds together, in
// nanoseconds per packet.
type All struct {
	// Metering alone, and all classes: metering with arrival stamps, 1 in 64
	// packets sampled into records of their own, the sketch, and triggers.
	Metering, All, Null Spread
	// ToMetering is the ratio, taken in each round.
	ToMetering Spread
}

// sketchEpoch is longer than any measurement.
const sketchEpoch = time.Hour

// MeasureAll compares a point where everything is observed with one that only
// meters.
func MeasureAll(rounds int) (*All, error) {
	s, err := newStage()
	if err != nil {
		return nil, err
	}
	out, err := s.measureAll(rounds)
	return out, errors.Join(err, s.close())
}

func (s *stage) measureAll(rounds int) (*All, error) {
	if err := s.openQuiet(); err != nil {
		return nil, err
	}
	meter, err := s.borrow(s.quietPoint(flow.Ingress, metering(1)))
	if err != nil {
		return nil, err
	}
	defer meter.Close()
	everything, err := s.borrow(s.observing())
	if err != nil {
		return nil, err
	}
	defer everything.Close()
	if _, err := s.attach(s.objects.BenchDrop); err != nil {
		return nil, err
	}
	c := &contest{places: []*place{s.place(loopback, ebpf.AttachTCXIngress)}, frames: mix{flows: FewFlows}}
	base, null := c.add(s.objects.BenchEmpty), c.add(s.objects.BenchEmpty)
	one, all := c.add(meter), c.add(everything)
	if err := s.hold(c, rounds); err != nil {
		return nil, err
	}
	return &All{
		Metering: spread(one.added(base)), All: spread(all.added(base)), Null: spread(null.added(base)),
		ToMetering: spread(combine(all.added(base), one.added(base), over)),
	}, nil
}

// observing is a point with every observing class switched on.
func (s *stage) observing() plan.Point {
	policy := func(id uint32, name string, does plan.Action) plan.Policy {
		return plan.Policy{PolicyRef: flow.PolicyRef{ID: id, Generation: 1}, Name: name, Actions: does, Keys: plan.Key5Tuple}
	}
	sampled := policy(2, "sampled", plan.ActMeter)
	sampled.Select = plan.Selection{Algorithm: plan.SelectUniform, Threshold: math.MaxUint32 / 64}
	sketch := policy(3, "sketch", plan.ActSketch)
	sketch.Sketch = plan.Sketch{TopK: 16, Epoch: sketchEpoch}
	watch := policy(4, "watch", plan.ActEvent)
	watch.Triggers = []plan.Trigger{{Name: "new", Metric: flow.MetricNewFlow, PerFlow: true}}
	p := s.quietPoint(flow.Ingress, metering(1), sampled, sketch, watch)
	p.Stamp = true
	return p
}
