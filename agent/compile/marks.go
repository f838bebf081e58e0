package compile

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/gen/yang"
)

// marking is a map from unmarked to marked code points, or its inverse.
type marking [64]uint8

func noMarking() (m marking) {
	for i := range m {
		m[i] = plan.NoMark
	}
	return m
}

// mark is one mark of the domain: its field, and the map of its values. A
// reserved flag needs no map.
type mark struct {
	field  plan.MarkField
	dscp   marking
	labels []plan.LabelMark
	// values is the number of pairs.
	values int
}

// markedValue is a value that means "selected" in a field.
type markedValue struct {
	field plan.MarkField
	value uint32
}

// marks converts the marks of the domain, and tells the plan the inverse of
// them all: an edge must take off whatever mark any node of the domain may
// have put on.
func (p *problems) marks(in *yang.Domain_Marks, out *plan.Plan) map[string]*mark {
	unmark := noMarking()
	byName, owner := make(map[string]*mark), make(map[markedValue]string)
	if in != nil {
		for _, name := range slices.Sorted(maps.Keys(in.Mark)) {
			if m := p.mark("/ifit/domain/marks/mark[name="+name+"]", in.Mark[name], owner); m != nil {
				byName[name] = m
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		m := byName[name]
		for from, to := range m.dscp {
			if to != plan.NoMark {
				unmark[to] = uint8(from)
			}
		}
		out.UnmarkFlag = out.UnmarkFlag || m.field == plan.MarkFlag && m.values > 0
		out.UnmarkLabels = append(out.UnmarkLabels, m.labels...)
		p.markedTwice(name, in.Mark[name], m.field, owner)
	}
	slices.SortFunc(out.UnmarkLabels, func(a, b plan.LabelMark) int { return cmp.Compare(a.Marked, b.Marked) })
	if n := len(out.UnmarkLabels); n > plan.MaxLabelMarks {
		p.add(TooMuch, "/ifit/domain/marks", "%d flow labels are marks, at most %d are possible", n, plan.MaxLabelMarks)
	}
	out.Unmark = unmark
	return byName
}

// mark converts one mark; nil when nothing can be said of it.
func (p *problems) mark(path string, in *yang.Domain_Mark, owner map[markedValue]string) *mark {
	m := &mark{dscp: noMarking()}
	switch field := in.GetConfig().GetField(); field {
	case yang.MarkField_DSCP:
		m.field = plan.MarkDSCP
	case yang.MarkField_IPV4_RESERVED_FLAG:
		m.field = plan.MarkFlag
	case yang.MarkField_FLOW_LABEL:
		m.field = plan.MarkLabel
	case yang.MarkField_UNSET:
		p.add(Invalid, path+"/config", "a mark needs a field")
		return nil
	default:
		p.notBuilt(path+"/config/field", field)
		return nil
	}
	for _, v := range sortedValues(in.GetValues()) {
		from, to := v.GetConfig().GetUnmarked(), v.GetConfig().GetMarked()
		at := fmt.Sprintf("%s/values/value[unmarked=%d]/config", path, v.GetUnmarked())
		if !p.markValue(at, v.GetConfig(), m.field, owner) {
			continue
		}
		owner[markedValue{m.field, to}] = in.GetName()
		m.values++
		switch m.field {
		case plan.MarkDSCP:
			m.dscp[from] = uint8(to)
		case plan.MarkLabel:
			m.labels = append(m.labels, plan.LabelMark{Unmarked: from, Marked: to})
		}
	}
	return m
}

// markedTwice refuses values that are unmarked by one pair and marked by
// another.
func (p *problems) markedTwice(name string, in *yang.Domain_Mark, field plan.MarkField, owner map[markedValue]string) {
	for _, v := range sortedValues(in.GetValues()) {
		if by := owner[markedValue{field, v.GetUnmarked()}]; by != "" {
			p.add(Invalid, fmt.Sprintf("/ifit/domain/marks/mark[name=%s]/values/value[unmarked=%d]/config/unmarked", name, v.GetUnmarked()),
				"is itself a marked value, of mark %s", by)
		}
	}
}

func sortedValues(in *yang.Domain_Mark_Values) []*yang.Domain_Mark_Value {
	if in == nil {
		return nil
	}
	return slices.SortedFunc(maps.Values(in.Value), func(a, b *yang.Domain_Mark_Value) int {
		return cmp.Compare(a.GetUnmarked(), b.GetUnmarked())
	})
}

func (p *problems) markValue(at string, c *yang.Domain_Mark_Value_Config, field plan.MarkField, owner map[markedValue]string) bool {
	before := len(*p)
	from, to := c.GetUnmarked(), c.GetMarked()
	name, most := fieldName(field)
	switch {
	case c == nil || c.Marked == nil:
		p.add(Invalid, at+"/marked", "a pair needs its marked value")
	case field == plan.MarkFlag && (from != 0 || to != 1):
		p.add(Invalid, at, "the only pair of the reserved flag is 0, marked as 1")
	case from > most:
		p.add(Invalid, at+"/unmarked", "%d is no %s", from, name)
	case to > most:
		p.add(Invalid, at+"/marked", "%d is no %s", to, name)
	case field == plan.MarkDSCP && to&3 != 3:
		p.add(Invalid, at+"/marked", "%d is not of DSCP pool 2 (xxxx11), which is for local use", to)
	case field == plan.MarkLabel && to == 0:
		p.add(Invalid, at+"/marked", "0 says that a packet has no flow label")
	case from == to:
		p.add(Invalid, at+"/marked", "does not differ from the unmarked value")
	case owner[markedValue{field, to}] != "":
		p.add(Invalid, at+"/marked", "%d already stands for another value, of mark %s", to, owner[markedValue{field, to}])
	}
	return len(*p) == before
}

// fieldName is what a value of a field is called, with the largest one.
func fieldName(f plan.MarkField) (string, uint32) {
	switch f {
	case plan.MarkFlag:
		return "flag", 1
	case plan.MarkLabel:
		return "flow label", 1<<20 - 1
	default:
		return "DSCP", 63
	}
}
