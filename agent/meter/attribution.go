package meter

import (
	"cmp"
	"slices"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/dataplane/plan/ruleset"
)

// attribution repeats for the hits of rules what the kernel decided once per
// flow at one Observation Point. It is made when the first record of the point
// asks for it.
type attribution struct {
	policies []*metered
	rules    *ruleset.Set
	scratch  []uint64
}

// attributions groups the policies that have rules by Observation Point. What
// is known of the rules of a point goes on while they stay the same.
func attributions(policies map[uint32]*metered, former map[plan.PointID]*attribution) map[plan.PointID]*attribution {
	out := make(map[plan.PointID]*attribution)
	for _, p := range policies {
		if p.retired != 0 || len(p.Rules) == 0 {
			continue
		}
		for _, at := range p.Points {
			if out[at] == nil {
				out[at] = new(attribution)
			}
			out[at].policies = append(out[at].policies, p)
		}
	}
	for at, a := range out {
		slices.SortFunc(a.policies, func(x, y *metered) int { return cmp.Compare(x.ID, y.ID) })
		if f := former[at]; f != nil && f.rules != nil && !f.stale(a.policies) {
			a.rules, a.scratch = f.rules, f.scratch
		}
	}
	return out
}

// stale tells whether the rules of these policies must be read anew.
func (a *attribution) stale(policies []*metered) bool {
	return !slices.EqualFunc(a.policies, policies, func(x, y *metered) bool { return x == y && !x.reruled })
}

// count adds a record to the rules that decided on its flow.
func (a *attribution) count(r *flow.Record) {
	if a.rules == nil {
		rules := make([][]plan.Rule, len(a.policies))
		for i, p := range a.policies {
			rules[i] = p.Rules
		}
		a.rules = ruleset.New(rules)
	}
	a.scratch = a.rules.Deciders(&r.Key, a.scratch, func(policy, rule int) {
		if !a.policies[policy].reads(r.Layer) {
			return
		}
		*a.policies[policy].hitsByRule[rule] += r.Packets
	})
}
