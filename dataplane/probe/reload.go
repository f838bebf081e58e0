package probe

import (
	"errors"
	"fmt"
	"os"

	"github.com/cilium/ebpf"

	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/gen/bpf/point"
)

// reload replaces the program of a point by a link update.
func (c *Change) reload(o *observation, p plan.Point) error {
	e := c.engine
	tables := o.tables
	states, fresh, err := assignStates(o.states, tables.sampledStates(), p.Policies)
	if err != nil {
		return err
	}
	shape := shapeFor(&p, c.next.MaxFlows)
	replaced := tables.shape() != shape
	dir := e.pins.point(p.ID)
	r := rankOf(&o.point, &p)
	if replaced {
		if tables, err = c.replaceTables(o, shape, dir, r); err != nil {
			return err
		}
	}
	if err := tables.room(p.Policies); err != nil {
		return err
	}
	if err := clearStates(tables.lasting, fresh); err != nil {
		return err
	}
	next := &observation{point: p, tables: tables, sketch: o.sketch}
	if of := sketchPolicy(&p); of == nil {
		next.sketch = nil
	} else if replaced || !o.sketch.fits(of) {
		if next.sketch, err = c.newSketch(&p); err != nil {
			return err
		}
	}
	program, err := c.load(&p, states, next, o)
	if err != nil {
		return err
	}
	var ruleset, before uint32
	var inForce map[uint32]bool
	old := o.load
	unpin := func() error {
		if next.sketch == o.sketch {
			return unpinNext(dir)
		}
		return errors.Join(unpinNext(dir), next.sketch.unpin(), o.sketch.pin(dir))
	}
	c.steps = append(c.steps, step{
		name: fmt.Sprintf("pin the program of point %s", p.ID), rank: r,
		do: func() error {
			err := program.pinNext(dir)
			if err == nil && next.sketch != o.sketch {
				err = errors.Join(o.sketch.unpin(), next.sketch.pin(dir))
			}
			return undoing(err, unpin)
		},
		undo: unpin,
	}, step{
		name: fmt.Sprintf("update the link of point %s", p.ID), rank: r,
		do: func() (err error) {
			before, inForce = tables.inForce()
			if ruleset, err = tables.announce(p.Policies, states); err != nil {
				return err
			}
			program.live.setRuleset(ruleset)
			carryLeases(o, &p, program)
			return o.link.update(program.program)
		},
		undo: func() error {
			tables.enforce(before, inForce)
			if old.program == nil {
				return errNoProgram
			}
			return o.link.update(old.program)
		},
		finish: func() {
			e.warn("pin program", p.ID, succeed(dir))
			tables.enforcePlan(ruleset, p.Policies, states)
			old.close()
			if o.sketch != next.sketch {
				o.sketch.close()
			}
			next.sketch.belong(sketchPolicy(&p))
			o.point, o.adopted, o.load, o.tables, o.sketch = p, false, program, tables, next.sketch
		},
	})
	return nil
}

// replaceTables makes flow tables of another shape for a point and arranges
// that the present ones are drained a last time.
func (c *Change) replaceTables(o *observation, s shape, dir string, r rank) (*FlowTables, error) {
	e := c.engine
	var keep lasting
	if o.tables != nil {
		keep = o.tables.lasting
	}
	made, err := newLasting(e.spec, s, keep)
	if err != nil {
		return nil, err
	}
	c.discard = append(c.discard, made.close)
	id, old := o.point.ID, o.tables
	if old != nil {
		c.retiring++
	}
	tables, err := newFlowTables(id, made)
	if err != nil {
		return nil, err
	}
	var retired string
	replace := step{
		name: fmt.Sprintf("replace the flow tables of point %s", id), rank: r,
		do: func() (err error) {
			if old != nil {
				if retired, err = e.pins.retire(id); err != nil {
					return err
				}
			}
			return made.pin(dir)
		},
		undo: func() error {
			err := os.RemoveAll(dir)
			if old != nil {
				err = errors.Join(err, os.Rename(retired, dir))
			}
			return err
		},
		finish: func() {
			if old == nil {
				return
			}
			e.warn("unpin program", id, unpinProgram(retired))
			old.retired = retired
			e.retired = append(e.retired, old)
		},
	}
	replace.do = undoOnError(replace.do, replace.undo)
	c.steps = append(c.steps, replace)
	return tables, nil
}

// carryLeases takes the leases over, at the last moment before the swap.
func carryLeases(o *observation, p *plan.Point, program *load) {
	if o.live == nil {
		return
	}
	for old := range o.point.Policies {
		for slot := range p.Policies {
			if p.Policies[slot].ID == o.point.Policies[old].ID {
				program.live.setLease(slot, o.live.lease(old))
			}
		}
	}
}

// clearStates zeroes the counters of policies that are new to a point.
func clearStates(maps lasting, states []uint32) error {
	for _, state := range states {
		zero := make([]point.BPFIfitPolicyCounters, ebpf.MustPossibleCPU())
		if err := maps[point.BPFMapPolicyCounters].Put(state, zero); err != nil {
			return fmt.Errorf("clear counters: %w", err)
		}
	}
	return nil
}
