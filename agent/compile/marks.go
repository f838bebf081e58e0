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

// marks converts the marks of the domain and the inverse of them all: an edge
// must take off whatever mark any node of the domain may have put on.
func (p *problems) marks(in *yang.Domain_Marks) (byName map[string]marking, unmark marking) {
	byName, unmark = make(map[string]marking), noMarking()
	if in == nil {
		return byName, unmark
	}
	owner := make(map[uint32]string)
	for _, name := range slices.Sorted(maps.Keys(in.Mark)) {
		path := "/ifit/domain/marks/mark[name=" + name + "]"
		m := in.Mark[name]
		switch field := m.GetConfig().GetField(); field {
		case yang.MarkField_DSCP:
		case yang.MarkField_UNSET:
			p.add(Invalid, path+"/config", "a mark needs a field")
			continue
		default:
			p.notBuilt(path+"/config/field", field)
			continue
		}
		out := noMarking()
		for _, v := range sortedValues(m.GetValues()) {
			from, to := v.GetConfig().GetUnmarked(), v.GetConfig().GetMarked()
			at := fmt.Sprintf("%s/values/value[unmarked=%d]/config", path, v.GetUnmarked())
			if !p.markValue(at, v.GetConfig(), owner) {
				continue
			}
			owner[to] = name
			out[from], unmark[to] = uint8(to), uint8(from)
		}
		byName[name] = out
	}
	for _, name := range slices.Sorted(maps.Keys(in.Mark)) {
		for from := range byName[name] {
			if byName[name][from] != plan.NoMark && unmark[from] != plan.NoMark {
				p.add(Invalid, fmt.Sprintf("/ifit/domain/marks/mark[name=%s]/values/value[unmarked=%d]/config/unmarked", name, from),
					"is itself a marked value, of mark %s", owner[uint32(from)])
			}
		}
	}
	return byName, unmark
}

func sortedValues(in *yang.Domain_Mark_Values) []*yang.Domain_Mark_Value {
	if in == nil {
		return nil
	}
	return slices.SortedFunc(maps.Values(in.Value), func(a, b *yang.Domain_Mark_Value) int {
		return cmp.Compare(a.GetUnmarked(), b.GetUnmarked())
	})
}

func (p *problems) markValue(at string, c *yang.Domain_Mark_Value_Config, owner map[uint32]string) bool {
	before := len(*p)
	from, to := c.GetUnmarked(), c.GetMarked()
	switch {
	case c == nil || c.Marked == nil:
		p.add(Invalid, at+"/marked", "a pair needs its marked value")
	case from > 63:
		p.add(Invalid, at+"/unmarked", "%d is no DSCP", from)
	case to > 63:
		p.add(Invalid, at+"/marked", "%d is no DSCP", to)
	case to&3 != 3:
		p.add(Invalid, at+"/marked", "%d is not of DSCP pool 2 (xxxx11), which is for local use", to)
	case from == to:
		p.add(Invalid, at+"/marked", "does not differ from the unmarked value")
	case owner[to] != "":
		p.add(Invalid, at+"/marked", "%d already stands for another value, of mark %s", to, owner[to])
	}
	return len(*p) == before
}
