package probe

import (
	"errors"
	"fmt"
	"os"

	"github.com/openifit/openifit/dataplane/plan"
)

// add makes a new point.
func (c *Change) add(p plan.Point) error {
	e := c.engine
	if err := c.checkInterface(&p); err != nil {
		return err
	}
	made, err := newLasting(e.spec, shapeFor(&p, c.next.MaxFlows), nil)
	if err != nil {
		return err
	}
	c.discard = append(c.discard, made.close)
	tables, err := newFlowTables(p.ID, made)
	if err != nil {
		return err
	}
	states, _, err := assignStates(nil, nil, p.Policies)
	if err != nil {
		return err
	}
	o := &observation{point: p, tables: tables}
	if o.sketch, err = c.newSketch(&p); err != nil {
		return err
	}
	program, err := c.load(&p, states, o, nil)
	if err != nil {
		return err
	}
	o.load = program
	dir := e.pins.point(p.ID)
	var ruleset uint32
	r := rankOf(nil, &p)
	c.steps = append(c.steps, step{
		name: fmt.Sprintf("pin the maps of point %s", p.ID), rank: r,
		do: func() error {
			if err := os.RemoveAll(dir); err != nil {
				return fmt.Errorf("remove old pins: %w", err)
			}
			err := errors.Join(made.pin(dir), o.sketch.pin(dir), program.pinNext(dir))
			return undoing(err, func() error { return os.RemoveAll(dir) })
		},
		undo: func() error { return os.RemoveAll(dir) },
	}, step{
		name: fmt.Sprintf("attach to point %s", p.ID), rank: r,
		do: func() (err error) {
			if ruleset, err = tables.announce(p.Policies, states); err != nil {
				return err
			}
			program.live.setRuleset(ruleset)
			o.link, err = e.attach(&p, program.program)
			return err
		},
		undo: func() error { return o.link.detach() },
	}, step{
		name: fmt.Sprintf("pin the link of point %s", p.ID), rank: r,
		do:   func() error { return o.link.pin() },
		undo: func() error { return o.link.unpin() },
		finish: func() {
			e.warn("pin program", p.ID, succeed(dir))
			tables.enforcePlan(ruleset, p.Policies, states)
			e.points[p.ID] = o
		},
	})
	return nil
}
