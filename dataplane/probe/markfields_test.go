//go:build linux

package probe_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/dataplane/probe"
	"github.com/openifit/openifit/dataplane/probe/probetest"
	"github.com/openifit/openifit/lab/packet"
)

const reserved = 0x8000

func in4(dscp uint8, fragment uint16) packet.Spec {
	s := probetest.UDP(probetest.Beyond4, dscp)
	s.Fragment = fragment
	return s
}

func in6(dscp uint8, label uint32) packet.Spec {
	s := probetest.UDP(probetest.Beyond6, dscp)
	s.FlowLabel = label
	return s
}

func TestMarkingInOtherFields(t *testing.T) {
	pair := probetest.NewRouter(t)
	engine := pair.Engine(t)
	for _, c := range []struct {
		name     string
		field    plan.MarkField
		in, want packet.Spec
		count    probe.PolicyCounters
	}{
		{"flag of IPv6", plan.MarkFlag, in6(0, 0), in6(0, 0), probe.PolicyCounters{NoMark: 1}},
		{"label of IPv4", plan.MarkLabel, in4(0, 0), in4(0, 0), probe.PolicyCounters{NoMark: 1}},
		{"label without a mark", plan.MarkLabel, in6(0, 7), in6(0, 7), probe.PolicyCounters{NoMark: 1}},
		{"flag", plan.MarkFlag, in4(10, 0), in4(10, reserved), probe.PolicyCounters{Marked: 1}},
		{"flag beside another", plan.MarkFlag, in4(10, 0x4000), in4(10, reserved|0x4000), probe.PolicyCounters{Marked: 1}},
		{"flag of a later fragment", plan.MarkFlag, in4(0, 0x2005), in4(0, reserved|0x2005), probe.PolicyCounters{Marked: 1}},
		{"flag that was there", plan.MarkFlag, in4(0, reserved), in4(0, reserved), probe.PolicyCounters{Marked: 1}},
		{"flag for a foreign code point", plan.MarkFlag, in4(probetest.Mark0, 0), in4(0, reserved), probe.PolicyCounters{Marked: 1}},
		{"no label", plan.MarkLabel, in6(63, 0), in6(63, probetest.MarkLabel0), probe.PolicyCounters{Marked: 1}},
		{"label", plan.MarkLabel, in6(10, 5), in6(10, probetest.MarkLabel5), probe.PolicyCounters{Marked: 1}},
		{"label for a foreign one", plan.MarkLabel, in6(10, probetest.MarkLabel0), in6(10, probetest.MarkLabel0), probe.PolicyCounters{Marked: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			point := pair.Edge(plan.ForeignStrip, probetest.MarkingIn(c.field, plan.ActMark|plan.ActPostcard))
			pair.Apply(t, engine, probetest.FieldPlan(point))
			if err := engine.RenewLease(probetest.MarkPolicy, time.Minute); err != nil {
				t.Fatal(err)
			}
			before := policyCounters(t, engine, point.ID, probetest.MarkPolicy)
			out := pair.Runner(t, engine, point.ID).Run(t, c.in.Frame(), probetest.Arrival{})
			if out.Verdict != probetest.Next || !bytes.Equal(out.Frame, c.want.Frame()) {
				t.Errorf("verdict %d, %x, want %x", out.Verdict, out.Frame, c.want.Frame())
			}
			after := policyCounters(t, engine, point.ID, probetest.MarkPolicy)
			if got := (probe.PolicyCounters{Marked: after.Marked - before.Marked, NoMark: after.NoMark - before.NoMark}); got != c.count {
				t.Errorf("counted %+v, want %+v", got, c.count)
			}
		})
	}
}

func TestForeignMarksInOtherFields(t *testing.T) {
	pair := probetest.NewRouter(t)
	engine := pair.Engine(t)
	for _, c := range []struct {
		name     string
		action   plan.ForeignMark
		in, want packet.Spec
		verdict  uint32
		count    probe.PointCounters
	}{
		{"flag dropped", plan.ForeignDrop, in4(0, reserved), in4(0, reserved), probetest.Drop, probe.PointCounters{ForeignDropped: 1}},
		{"label dropped", plan.ForeignDrop, in6(0, probetest.MarkLabel5), in6(0, probetest.MarkLabel5), probetest.Drop, probe.PointCounters{ForeignDropped: 1}},
		{"flag let in", plan.ForeignPass, in4(0, reserved), in4(0, reserved), probetest.Next, probe.PointCounters{ForeignPassed: 1}},
		{"flag stripped", plan.ForeignStrip, in4(9, reserved|0x4000), in4(9, 0x4000), probetest.Next, probe.PointCounters{ForeignStripped: 1}},
		{"label stripped", plan.ForeignStrip, in6(9, probetest.MarkLabel5), in6(9, 5), probetest.Next, probe.PointCounters{ForeignStripped: 1}},
		{"flag and code point stripped", plan.ForeignStrip, in4(probetest.Mark46, reserved), in4(46, 0), probetest.Next, probe.PointCounters{ForeignStripped: 1}},
		{"label and code point stripped", plan.ForeignStrip, in6(probetest.Mark46, probetest.MarkLabel0), in6(46, 0), probetest.Next, probe.PointCounters{ForeignStripped: 1}},
		{"a label of its own", plan.ForeignStrip, in6(9, 0xabcdf), in6(9, 0xabcdf), probetest.Next, probe.PointCounters{}},
		{"no flag", plan.ForeignStrip, in4(9, 0x4000), in4(9, 0x4000), probetest.Next, probe.PointCounters{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			point := pair.Edge(c.action)
			pair.Apply(t, engine, probetest.FieldPlan(point))
			before := pointCounters(t, engine, point.ID)
			out := pair.Runner(t, engine, point.ID).Run(t, c.in.Frame(), probetest.Arrival{})
			if out.Verdict != c.verdict || !bytes.Equal(out.Frame, c.want.Frame()) {
				t.Errorf("verdict %d, %x, want %x", out.Verdict, out.Frame, c.want.Frame())
			}
			after := pointCounters(t, engine, point.ID)
			got := probe.PointCounters{
				ForeignStripped: after.ForeignStripped - before.ForeignStripped,
				ForeignDropped:  after.ForeignDropped - before.ForeignDropped,
				ForeignPassed:   after.ForeignPassed - before.ForeignPassed,
			}
			if got != c.count {
				t.Errorf("counted %+v, want %+v", got, c.count)
			}
		})
	}
}

// Where a field carries no marks of the domain, nothing about it is changed.
func TestFieldsThatAreNoMarks(t *testing.T) {
	pair := probetest.NewRouter(t)
	engine := pair.Engine(t)
	point := pair.Edge(plan.ForeignDrop)
	for name, change := range map[string]func(*plan.Plan){
		"code points alone": func(p *plan.Plan) { p.UnmarkFlag, p.UnmarkLabels = false, nil },
		"flag alone": func(p *plan.Plan) {
			p.UnmarkLabels = nil
			p.Unmark = [64]uint8{}
		},
	} {
		next := probetest.FieldPlan(point)
		change(&next)
		pair.Apply(t, engine, next)
		run := pair.Runner(t, engine, point.ID)
		frames := []packet.Spec{in6(9, probetest.MarkLabel0)}
		if next.UnmarkFlag {
			frames = append(frames, in4(probetest.Mark0, 0), in6(probetest.Mark46, 0))
		} else {
			frames = append(frames, in4(9, reserved))
		}
		for _, s := range frames {
			if out := run.Run(t, s.Frame(), probetest.Arrival{}); out.Verdict != probetest.Next || !bytes.Equal(out.Frame, s.Frame()) {
				t.Errorf("%s: verdict %d, %x became %x", name, out.Verdict, s.Frame(), out.Frame)
			}
		}
	}
}

func TestMarksOfOtherFieldsEnd(t *testing.T) {
	pair := probetest.NewRouter(t)
	engine := pair.Engine(t)
	for _, c := range []struct {
		name     string
		unmark   bool
		from     uint32
		in, want packet.Spec
		count    probe.PointCounters
	}{
		{"CORE leaves the flag", false, 5, in4(0, reserved), in4(0, reserved), probe.PointCounters{Unowned: 1}},
		{"CORE leaves the label", false, 5, in6(0, probetest.MarkLabel5), in6(0, probetest.MarkLabel5), probe.PointCounters{Unowned: 1}},
		{"EDGE clears the flag", true, 5, in4(0, reserved), in4(0, 0), probe.PointCounters{Unmarked: 1, Unowned: 1}},
		{"EDGE restores the label", true, 5, in6(1, probetest.MarkLabel5), in6(1, 5), probe.PointCounters{Unmarked: 1, Unowned: 1}},
		{"flag of an own packet", false, 0, in4(0, reserved), in4(0, 0), probe.PointCounters{ForeignStripped: 1}},
		{"no mark", true, 5, in6(1, 5), in6(1, 5), probe.PointCounters{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			point := pair.Egress()
			point.Postcards, point.Unmark = true, c.unmark
			pair.Apply(t, engine, probetest.FieldPlan(point))
			before := pointCounters(t, engine, point.ID)
			out := pair.Runner(t, engine, point.ID).Run(t, c.in.Frame(), probetest.Arrival{Ingress: c.from})
			if out.Verdict != probetest.Next || !bytes.Equal(out.Frame, c.want.Frame()) {
				t.Errorf("verdict %d, %x, want %x", out.Verdict, out.Frame, c.want.Frame())
			}
			after := pointCounters(t, engine, point.ID)
			got := probe.PointCounters{
				Unmarked: after.Unmarked - before.Unmarked, Unowned: after.Unowned - before.Unowned,
				ForeignStripped: after.ForeignStripped - before.ForeignStripped,
			}
			if got != c.count {
				t.Errorf("counted %+v, want %+v", got, c.count)
			}
		})
	}
}
