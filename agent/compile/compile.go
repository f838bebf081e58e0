package compile

import (
	"maps"
	"slices"

	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/gen/yang"
)

// Compile makes the plan of a node. Its error joins one *Error for each
// refusal.
func (c *Compiler) Compile(in Input) (*Result, error) {
	var p problems
	r := new(Result)
	p.node(&in, r)
	marks := p.marks(in.Tree.GetDomain().GetMarks(), &r.Plan)
	r.Collectors = p.collectors(in.Tree.GetCollectors())
	b := &builder{
		problems: &p, result: r, marks: marks,
		points:  make(map[plan.PointID]*plan.Point),
		present: p.interfaces(in.Tree.GetInterfaces(), in.Links),
		known:   in.Tree.GetInterfaces(),
		probes:  in.Probes,
		tree:    in.Tree.GetProbes(),

		noTimestamps: in.NoTimestamps,
	}
	p.numbering(in.Tree.GetProbes(), in.Probes)
	defined := make(map[*yang.Policy]*definition)
	policies := in.Tree.GetPolicies()
	if policies == nil {
		policies = new(yang.Policies)
	}
	if most := in.Tree.GetLimits().GetConfig().GetMaxPolicies(); len(policies.Policy) > int(most) {
		p.add(TooMuch, "/ifit/policies", "%d policies, the node's limit is %d", len(policies.Policy), most)
	}
	byName := make(map[string]*definition)
	for _, name := range slices.Sorted(maps.Keys(policies.Policy)) {
		if _, runs := in.Refs[name]; !runs {
			continue
		}
		config := policies.Policy[name]
		d := c.defined[config]
		if d == nil {
			d = c.define(name, config)
		}
		defined[config] = d
		p = append(p, d.problems...)
		d = d.changed(in.Reactions[name])
		d = d.admitted(in.Tree.GetAdmission().GetConfig())
		byName[name] = d
		b.references(d)
		if len(d.problems) == 0 {
			b.place(d, in.Refs[name])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		b.reactions(byName[name], byName)
	}
	c.defined = defined
	b.finish()
	if err := p.join(); err != nil {
		return nil, err
	}
	return r, nil
}
