package plan

import (
	"strings"
	"testing"
	"time"

	"github.com/openifit/openifit/dataplane/flow"
)

func none() (m [64]uint8) {
	for i := range m {
		m[i] = NoMark
	}
	return m
}

// marked is a plan of a domain that marks code point 0 as 3.
func marked() Plan {
	p := Plan{MaxFlows: 64, Unmark: none(), Points: []Point{{
		ID: PointID{Ifindex: 3, Direction: flow.Ingress}, Role: RoleEdge,
		Policies: []Policy{{PolicyRef: flow.PolicyRef{ID: 1}, Name: "m", Actions: ActMark, Mark: none()}},
	}}}
	p.Unmark[3] = 0
	p.Points[0].Policies[0].Mark[0] = 3
	return p
}

func TestMarksThatNobodyTakesOff(t *testing.T) {
	good := marked()
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		change func(*Plan)
		want   string
	}{
		{"egress", func(p *Plan) { p.Points[0].ID.Direction = flow.Egress }, "ingress of an EDGE"},
		{"inside the domain", func(p *Plan) { p.Points[0].Role = RoleCore }, "ingress of an EDGE"},
		{"no mark in the domain", func(p *Plan) { p.Unmark = none() }, "no unmarking turns back"},
		{"the zero map", func(p *Plan) { p.Unmark = [64]uint8{} }, "no unmarking turns back"},
		{"another code point comes back", func(p *Plan) { p.Unmark[3] = 5 }, "no unmarking turns back"},
		{"no values", func(p *Plan) { p.Points[0].Policies[0].Mark = none() }, "marks no code point"},
		{"beyond the code points", func(p *Plan) { p.Unmark[7] = 64 }, "stands for code point 64"},
		{"a mark of a mark", func(p *Plan) { p.Unmark[7] = 3 }, "which is a mark itself"},
		{"a flag that nothing clears", func(p *Plan) { p.Points[0].Policies[0].MarkField = MarkFlag }, "nothing clears"},
		{"no labels", func(p *Plan) { p.Points[0].Policies[0].MarkField = MarkLabel }, "marks no flow label"},
		{"a label that nothing restores", func(p *Plan) {
			p.Points[0].Policies[0].MarkField, p.Points[0].Policies[0].MarkLabels = MarkLabel, []LabelMark{{0, 7}}
			p.UnmarkLabels = []LabelMark{{1, 7}}
		}, "no unmarking turns back"},
		{"a label of 21 bits", func(p *Plan) { p.UnmarkLabels = []LabelMark{{0, 1 << 20}} }, "20 bits"},
		{"label 0 as a mark", func(p *Plan) { p.UnmarkLabels = []LabelMark{{5, 0}} }, "0 is none"},
		{"a label twice", func(p *Plan) { p.UnmarkLabels = []LabelMark{{1, 7}, {2, 7}} }, "twice or out of order"},
		{"a label of a marked label", func(p *Plan) { p.UnmarkLabels = []LabelMark{{9, 7}, {1, 9}} }, "a mark itself"},
		{"too many labels", func(p *Plan) { p.UnmarkLabels = make([]LabelMark, MaxLabelMarks+1) }, "at most 16"},
		{"an unknown field", func(p *Plan) { p.Points[0].Policies[0].MarkField = 9 }, "field 9"},
	} {
		p := marked()
		c.change(&p)
		if err := p.Validate(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

// The first mark of a domain concerns every program, another one does not.
func TestDiffOfMarks(t *testing.T) {
	without, with, more := marked(), marked(), marked()
	without.Points[0].Policies, with.Points[0].Policies, more.Points[0].Policies = nil, nil, nil
	without.Unmark = none()
	more.Unmark[7] = 4
	if d := Diff(without, with); !d.Node || len(d.Change) != 1 || !d.Change[0].Reload {
		t.Errorf("the first mark: %+v", d)
	}
	if d := Diff(with, more); !d.Node || len(d.Change) != 0 {
		t.Errorf("another mark: %+v", d)
	}
	flag := with
	flag.UnmarkFlag = true
	if d := Diff(with, flag); !d.Node || len(d.Change) != 1 || !d.Change[0].Reload {
		t.Errorf("the first mark of another field: %+v", d)
	}
	label, other := with, with
	label.UnmarkLabels, other.UnmarkLabels = []LabelMark{{0, 7}}, []LabelMark{{0, 8}}
	if d := Diff(label, other); !d.Node || len(d.Change) != 0 {
		t.Errorf("another label: %+v", d)
	}
}

// monitored is a plan with a trigger at two points.
func monitored() Plan {
	policy := Policy{
		PolicyRef: flow.PolicyRef{ID: 1}, Name: "e", Actions: ActEvent,
		Triggers: []Trigger{{Name: "t", Metric: flow.MetricTransitDelay, Raise: 20, Clear: 10, Hold: time.Second}},
	}
	other := policy
	other.Triggers = []Trigger{policy.Triggers[0]}
	return Plan{MaxFlows: 64, Points: []Point{
		{ID: PointID{Ifindex: 3, Direction: flow.Egress}, Policies: []Policy{policy}},
		{ID: PointID{Ifindex: 4, Direction: flow.Egress}, Policies: []Policy{other}},
	}}
}

func TestTriggersThatCannotBeWatched(t *testing.T) {
	good := monitored()
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		change func(*Plan)
		want   string
	}{
		{"metric", func(p *Plan) {
			p.Points[0].Policies[0].Triggers[0].Metric = flow.MetricPathDelay
			p.Points[1].Policies[0].Triggers[0].Metric = flow.MetricPathDelay
		}, "not watched in the kernel"},
		{"clear above raise", func(p *Plan) {
			p.Points[0].Policies[0].Triggers[0].Clear = 21
			p.Points[1].Policies[0].Triggers[0].Clear = 21
		}, "raised at 20 and cleared below 21"},
		{"queue of a flow", func(p *Plan) {
			for i := range p.Points {
				t := &p.Points[i].Policies[0].Triggers[0]
				t.Metric, t.PerFlow = flow.MetricQueueDepth, true
			}
		}, "belongs to an interface"},
		{"rate of an interface", func(p *Plan) {
			for i := range p.Points {
				t := &p.Points[i].Policies[0].Triggers[0]
				t.Metric, t.PerFlow = flow.MetricFlowRate, false
			}
		}, "belongs to a flow"},
		{"different at another point", func(p *Plan) { p.Points[1].Policies[0].Triggers[0].Raise = 30 }, "different triggers"},
		{"too many", func(p *Plan) {
			for i := range p.Points {
				trigger := p.Points[i].Policies[0].Triggers[0]
				for range MaxTriggers {
					p.Points[i].Policies[0].Triggers = append(p.Points[i].Policies[0].Triggers, trigger)
				}
			}
		}, "65 triggers: at most 64"},
	} {
		p := monitored()
		c.change(&p)
		if err := p.Validate(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

// Thresholds are in maps, what a trigger watches is in the program.
func TestDiffOfTriggers(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Trigger)
		reload bool
	}{
		{"threshold", func(t *Trigger) { t.Raise, t.Clear, t.Hold, t.Name = 30, 1, 0, "u" }, false},
		{"metric", func(t *Trigger) { t.Metric = flow.MetricNewFlow }, true},
		{"per flow", func(t *Trigger) { t.PerFlow = true }, true},
	} {
		next := monitored()
		for i := range next.Points {
			c.change(&next.Points[i].Policies[0].Triggers[0])
		}
		d := Diff(monitored(), next)
		if d.Empty() || len(d.Change) != 2 || d.Change[0].Reload != c.reload {
			t.Errorf("%s: %+v", c.name, d)
		}
	}
}
