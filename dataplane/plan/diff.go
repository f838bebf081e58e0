package plan

import (
	"reflect"
	"slices"
)

// Delta is what must be done to get from one plan to another.
type Delta struct {
	// Add and Remove hold points that only the new or only the old plan has.
	Add, Remove []Point
	// Change holds points that both have, with a difference.
	Change []PointDelta
	// Node: something differs that belongs to no point: the unmark map, the
	// size of the flow tables or a limit.
	Node bool
}

// Empty tells whether the two plans are the same.
func (d *Delta) Empty() bool {
	return len(d.Add) == 0 && len(d.Remove) == 0 && len(d.Change) == 0 && !d.Node
}

// PointDelta is the difference of a point that stays.
type PointDelta struct {
	Old, New Point
	// Reload: the point needs a new program. The other fields then only tell
	// more of what differs.
	Reload bool
	// Rates: a policy's sampling rate or generation differs; one store each.
	Rates []Policy
	// Lists: the flows of some flow list differ.
	Lists bool
	// Relabel: the flow records need a new rule set because what they were
	// accepted by differs: a flow list, or the generation of a policy that
	// selects every packet.
	Relabel bool
}

// Diff compares two plans. Both list their points by ascending ID.
func Diff(have, want Plan) Delta {
	d := Delta{Node: have.Unmark != want.Unmark || have.UnmarkFlag != want.UnmarkFlag ||
		!slices.Equal(have.UnmarkLabels, want.UnmarkLabels) || have.MaxFlows != want.MaxFlows ||
		have.MaxPostcards != want.MaxPostcards || have.MaxSelected != want.MaxSelected}
	// Every program must tell marked values from others now, or ask
	// whether it may select.
	everywhere := have.MarkFields() != want.MarkFields() || (have.MaxSelected > 0) != (want.MaxSelected > 0)
	i, j := 0, 0
	for i < len(have.Points) || j < len(want.Points) {
		switch {
		case j == len(want.Points) || i < len(have.Points) && have.Points[i].ID.Compare(want.Points[j].ID) < 0:
			d.Remove = append(d.Remove, have.Points[i])
			i++
		case i == len(have.Points) || have.Points[i].ID.Compare(want.Points[j].ID) > 0:
			d.Add = append(d.Add, want.Points[j])
			j++
		default:
			c := diffPoint(have.Points[i], want.Points[j])
			if everywhere {
				c = &PointDelta{Old: have.Points[i], New: want.Points[j], Reload: true}
			}
			if c != nil {
				d.Change = append(d.Change, *c)
			}
			i++
			j++
		}
	}
	return d
}

func diffPoint(have, want Point) *PointDelta {
	d := &PointDelta{Old: have, New: want}
	d.Reload = !reflect.DeepEqual(fixed(have), fixed(want))
	if d.Reload {
		return d
	}
	for i := range want.Policies {
		h, w := &have.Policies[i], &want.Policies[i]
		regenerated := h.Generation != w.Generation
		if regenerated || h.Select != w.Select {
			d.Rates = append(d.Rates, *w)
		}
		if regenerated && w.Select.Algorithm == SelectAll {
			d.Relabel = true
		}
		if !same(h.Flows, w.Flows) && !slices.Equal(h.Flows, w.Flows) {
			d.Lists, d.Relabel = true, true
		}
	}
	if len(d.Rates) == 0 && !d.Lists && reflect.DeepEqual(withoutFlows(have), withoutFlows(want)) {
		return nil
	}
	return d
}

// withoutFlows leaves out what is too long to be compared by reflection.
func withoutFlows(p Point) Point {
	p.Policies = slices.Clone(p.Policies)
	for i := range p.Policies {
		p.Policies[i].Flows = nil
	}
	return p
}

// fixed is the part of a point that its program knows as constants.
func fixed(p Point) Point {
	p = withoutFlows(p)
	for i := range p.Policies {
		policy := &p.Policies[i]
		policy.Generation = 0
		policy.Select = policy.Select.Constant()
		policy.Sketch = Sketch{Parts: policy.Sketch.Parts}
		policy.Triggers = slices.Clone(policy.Triggers)
		for j := range policy.Triggers {
			t := &policy.Triggers[j]
			*t = Trigger{Metric: t.Metric, PerFlow: t.PerFlow}
		}
	}
	return p
}
