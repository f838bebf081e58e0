package probe

import (
	"fmt"
	"slices"

	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/gen/bpf/point"
)

// adjust changes rates, generations and flow lists of a running program
// without a reload: each rate by one store, all of a point's flow lists by
// the one store that announces a new rule set.
func (c *Change) adjust(o *observation, d *plan.PointDelta, list *listChange) error {
	if err := o.tables.room(d.New.Policies); err != nil {
		return err
	}
	rates := o.newRates(d)
	before := o.live.ruleset()
	ruleset := before
	var inForce map[uint32]bool
	s := step{
		name: fmt.Sprintf("adjust the rates and lists of point %s", d.New.ID),
		rank: rankOf(&d.Old, &d.New),
		do: func() (err error) {
			_, inForce = o.tables.inForce()
			if d.Relabel {
				ruleset, err = o.tables.announce(d.New.Policies, o.states)
			} else {
				err = o.tables.announceSampled(d.New.Policies, o.states)
			}
			if err != nil {
				return err
			}
			if d.Lists {
				if err := list.stage(ruleset); err != nil {
					return err
				}
			}
			for i := range rates {
				if err := rates[i].prepare(o); err != nil {
					return err
				}
			}
			for _, r := range rates {
				o.live.setRate(r.slot, r.word)
			}
			o.live.setRuleset(ruleset)
			return nil
		},
		undo: func() error {
			for _, r := range rates {
				o.live.setRate(r.slot, r.before)
			}
			o.live.setRuleset(before)
			o.tables.enforce(before, inForce)
			if d.Lists {
				return list.undo()
			}
			return nil
		},
		finish: func() {
			if d.Lists {
				c.engine.warn("settle flow lists", d.New.ID, list.finish())
			}
			o.tables.enforcePlan(ruleset, d.New.Policies, o.states)
			o.sketch.belong(sketchPolicy(&d.New))
			o.point = d.New
		},
	}
	s.do = undoOnError(s.do, s.undo)
	c.steps = append(c.steps, s)
	return nil
}

// newRate is the change of one policy's rate word.
type newRate struct {
	slot         int
	policy       *plan.Policy
	before, word uint64
	pair         uint64
	restart      bool
}

func (o *observation) newRates(d *plan.PointDelta) []newRate {
	out := make([]newRate, 0, len(d.Rates))
	for i := range d.Rates {
		policy := &d.Rates[i]
		slot := slices.IndexFunc(d.New.Policies, func(p plan.Policy) bool { return p.ID == policy.ID })
		r := newRate{slot: slot, policy: policy, before: o.live.rate(slot)}
		if policy.Select.Algorithm == plan.SelectSystematicCount {
			r.pair, r.restart = nextPair(o, policy)
		}
		r.word = rateWord(policy, r.pair)
		out = append(out, r)
	}
	return out
}

// prepare sets up the parameters that the new rate word names.
func (r *newRate) prepare(o *observation) error {
	if !r.restart {
		return nil
	}
	if err := restartSequence(o.tables.lasting, o.states[r.policy.ID], r.pair); err != nil {
		return err
	}
	o.live.setSystematic(r.slot, r.pair, r.policy.Select)
	return nil
}

// nextPair says which pair of parameters a policy with systematic selection
// will use at a point, and whether its count starts anew: with the same
// parameters it goes on where the running program is, with others it uses the
// pair that no packet looks at now.
func nextPair(o *observation, policy *plan.Policy) (pair uint64, restart bool) {
	if o == nil || o.live == nil {
		return 0, true
	}
	slot := slices.IndexFunc(o.point.Policies, func(p plan.Policy) bool { return p.ID == policy.ID })
	if slot < 0 {
		return 0, true
	}
	pair = o.live.rate(slot) & 1
	if param := o.live.value().Systematic[slot][pair]; param.Interval == policy.Select.Interval && param.Space == policy.Select.Space {
		return pair, false
	}
	return 1 - pair, true
}

func restartSequence(maps lasting, state uint32, pair uint64) error {
	if err := maps[point.BPFMapSequences].Put(2*state+uint32(pair), point.BPFIfitSequence{}); err != nil {
		return fmt.Errorf("restart packet count: %w", err)
	}
	return nil
}
