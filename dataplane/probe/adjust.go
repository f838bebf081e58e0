package probe

import (
	"fmt"

	"github.com/openifit/openifit/dataplane/plan"
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
