package probe

import (
	"github.com/cilium/ebpf"

	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/gen/bpf/point"
)

// slotMarks are the contents of the map of marks.
func slotMarks(policies []plan.Policy) []ebpf.MapKV {
	var out []ebpf.MapKV
	for slot := range policies {
		p := &policies[slot]
		if p.Actions&plan.ActMark == 0 {
			continue
		}
		v := point.BPFIfitSlotMarks{Field: markField(p.MarkField), Labels: uint32(len(p.MarkLabels))}
		v.Values.Dscp = p.Mark
		for i, m := range p.MarkLabels {
			v.Label[i].Unmarked, v.Label[i].Marked = m.Unmarked, m.Marked
		}
		out = append(out, ebpf.MapKV{Key: uint32(slot), Value: v})
	}
	return out
}

func markField(f plan.MarkField) point.BPFIfitMarkField {
	switch f {
	case plan.MarkFlag:
		return point.BPFIfitMarkFieldIFIT_MARK_FLAG
	case plan.MarkLabel:
		return point.BPFIfitMarkFieldIFIT_MARK_LABEL
	default:
		return point.BPFIfitMarkFieldIFIT_MARK_DSCP
	}
}

// unmarking writes how the marks of a plan are taken off.
func unmarking(c *point.BPFIfitNode, p *plan.Plan) {
	for dscp := range c.Unmark.Dscp {
		c.Unmark.Dscp[dscp] = plan.NoMark
		if unmarked, ok := p.UnmarkedDSCP(uint8(dscp)); ok {
			c.Unmark.Dscp[dscp] = unmarked
		}
	}
	c.UnmarkFlag = 0
	if p.UnmarkFlag {
		c.UnmarkFlag = 1
	}
	clear(c.UnmarkLabel[:])
	c.UnmarkLabels = uint32(len(p.UnmarkLabels))
	for i, m := range p.UnmarkLabels {
		c.UnmarkLabel[i].Unmarked, c.UnmarkLabel[i].Marked = m.Unmarked, m.Marked
	}
}

// widenUnmarking adds the marks that only the former configuration knows.
func widenUnmarking(next, former *point.BPFIfitNode) {
	for dscp, unmarked := range former.Unmark.Dscp {
		if next.Unmark.Dscp[dscp] == plan.NoMark {
			next.Unmark.Dscp[dscp] = unmarked
		}
	}
	next.UnmarkFlag |= former.UnmarkFlag
	for _, m := range former.UnmarkLabel[:min(former.UnmarkLabels, plan.MaxLabelMarks)] {
		known := false
		for _, n := range next.UnmarkLabel[:next.UnmarkLabels] {
			known = known || n.Marked == m.Marked
		}
		if !known {
			next.UnmarkLabel[next.UnmarkLabels] = m
			next.UnmarkLabels++
		}
	}
}
