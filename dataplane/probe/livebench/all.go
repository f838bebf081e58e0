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

// All is what the observing classes of the data plane add, in nanoseconds per
// packet.
type All struct {
	// Metering alone, and all classes with it.
	Metering, All, Null Spread
	// ToMetering is the ratio, taken in each round.
	ToMetering Spread
	// Classes are what each class adds to metering.
	Classes []Class
}

// Class is one thing that a point can do besides metering.
type Class struct {
	Name  string
	Added Spread
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
	everything, err := s.borrow(s.observing(classes()...))
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
	var single []*contender
	for _, class := range classes() {
		program, err := s.borrow(s.observing(class))
		if err != nil {
			return nil, err
		}
		defer program.Close()
		single = append(single, c.add(program))
	}
	if err := s.hold(c, rounds); err != nil {
		return nil, err
	}
	out := &All{
		Metering: spread(one.added(base)), All: spread(all.added(base)), Null: spread(null.added(base)),
		ToMetering: spread(combine(all.added(base), one.added(base), over)),
	}
	for i, class := range classes() {
		out.Classes = append(out.Classes, Class{class.name, spread(single[i].added(one))})
	}
	return out, nil
}

// class switches something on at a point that meters.
type class struct {
	name string
	on   func(*plan.Point)
}

func classes() []class {
	return []class{
		{"arrival-stamps", func(p *plan.Point) { p.Stamp = true }},
		{"sampling", func(p *plan.Point) {
			sampled := observer(2, "sampled", plan.ActMeter)
			sampled.Select = plan.Selection{Algorithm: plan.SelectUniform, Threshold: math.MaxUint32 / 64}
			p.Policies = append(p.Policies, sampled)
		}},
		{"sketch", func(p *plan.Point) {
			sketch := observer(3, "sketch", plan.ActSketch)
			sketch.Sketch = plan.Sketch{Parts: plan.SketchHeavy, TopK: 16, Epoch: sketchEpoch}
			p.Policies = append(p.Policies, sketch)
		}},
		{"triggers", func(p *plan.Point) {
			watch := observer(4, "watch", plan.ActEvent)
			watch.Triggers = []plan.Trigger{{Name: "new", Metric: flow.MetricNewFlow, PerFlow: true}}
			p.Policies = append(p.Policies, watch)
		}},
	}
}

func observer(id uint32, name string, does plan.Action) plan.Policy {
	return plan.Policy{PolicyRef: flow.PolicyRef{ID: id, Generation: 1}, Name: name, Actions: does, Keys: plan.Key5Tuple}
}

// observing is a point that meters, with classes besides.
func (s *stage) observing(classes ...class) plan.Point {
	p := s.quietPoint(flow.Ingress, metering(1))
	for _, c := range classes {
		c.on(&p)
	}
	return p
}
