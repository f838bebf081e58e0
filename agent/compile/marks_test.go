package compile_test

import (
	"slices"
	"testing"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
)

// Marks of every field: heads put their own on, edges take all of them off.
func TestMarksOfEveryField(t *testing.T) {
	byF := `"encapsulation": {"config": {"mark": "f"}}`
	for _, c := range []struct {
		mark   string
		field  plan.MarkField
		labels []plan.LabelMark
		flag   bool
	}{
		{marks("IPV4_RESERVED_FLAG", 0, 1), plan.MarkFlag, nil, true},
		{marks("FLOW_LABEL", 0, 0xfffff, 9, 5), plan.MarkLabel, []plan.LabelMark{{Unmarked: 0, Marked: 0xfffff}, {Unmarked: 9, Marked: 5}}, false},
	} {
		r, err := build(tree(t, node, c.mark, policy("PBT_M", byF, collected)))
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Plan.Validate(); err != nil {
			t.Fatal(err)
		}
		if r.Plan.UnmarkFlag != c.flag || len(r.Plan.UnmarkLabels) != len(c.labels) || r.Plan.Unmark[3] != 0 {
			t.Errorf("%s: taken off are %v, %v, %v", c.mark, r.Plan.Unmark[3], r.Plan.UnmarkFlag, r.Plan.UnmarkLabels)
		}
		if r.Policies[0].LabelMark != (c.field == plan.MarkLabel) {
			t.Errorf("%s: %+v", c.mark, r.Policies[0])
		}
		heads := 0
		for i := range r.Plan.Points {
			at := &r.Plan.Points[i]
			for j := range at.Policies {
				p := &at.Policies[j]
				if p.Actions&plan.ActMark == 0 {
					continue
				}
				heads++
				if at.ID.Direction != flow.Ingress || p.MarkField != c.field || !slices.Equal(p.MarkLabels, c.labels) {
					t.Errorf("%s: marked at %+v by %+v", c.mark, at.ID, p)
				}
			}
		}
		if heads != 1 {
			t.Errorf("%s: %d heads", c.mark, heads)
		}
	}
}
