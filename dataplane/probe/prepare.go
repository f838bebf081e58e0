package probe

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"os"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/gen/bpf/point"
)

// Prepare makes everything that next needs: it loads and verifies programs
// and fills their maps. What runs is not touched. The change must be
// committed or aborted.
func (e *Engine) Prepare(next plan.Plan) (_ *Change, err error) {
	if err := next.Validate(); err != nil {
		return nil, fmt.Errorf("plan: %w", err)
	}
	e.mu.Lock()
	c := &Change{engine: e, version: e.version, next: next}
	running, points := e.running, maps.Clone(e.points)
	err = ErrClosed
	if !e.closed {
		err = c.share()
	}
	e.mu.Unlock()
	defer func() {
		if err != nil {
			c.drop()
		}
	}()
	if err != nil {
		return nil, err
	}
	delta := plan.Diff(running, next)
	for i := range delta.Add {
		p := delta.Add[i]
		if o := points[p.ID]; o != nil {
			// Taken over: the plan that made it is not known.
			err = c.reload(o, p)
		} else {
			err = c.add(p)
		}
		if err != nil {
			return nil, fmt.Errorf("point %s of %s: %w", p.ID, p.Interface, err)
		}
		delete(points, p.ID)
	}
	for i := range delta.Change {
		d := &delta.Change[i]
		o := points[d.New.ID]
		if d.Reload || o.tables.places() != next.MaxFlows {
			err = c.reload(o, d.New)
		} else {
			c.adjust(o, d)
		}
		if err != nil {
			return nil, fmt.Errorf("point %s of %s: %w", d.New.ID, d.New.Interface, err)
		}
		delete(points, d.New.ID)
	}
	for i := range next.Points {
		id := next.Points[i].ID
		if o := points[id]; o != nil {
			if o.tables.places() != next.MaxFlows {
				if err := c.reload(o, next.Points[i]); err != nil {
					return nil, fmt.Errorf("point %s of %s: %w", id, next.Points[i].Interface, err)
				}
			}
			delete(points, id)
		}
	}
	// What is left no plan asks for.
	for _, o := range points {
		c.remove(o)
	}
	return c, nil
}

// add makes a new point.
func (c *Change) add(p plan.Point) error {
	e := c.engine
	if err := c.checkInterface(&p); err != nil {
		return err
	}
	made, err := newLasting(e.spec, c.next.MaxFlows, nil)
	if err != nil {
		return err
	}
	c.discard = append(c.discard, made.close)
	tables := newFlowTables(p.ID, made)
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
			o.link, err = link.AttachTCX(link.TCXOptions{
				Interface: int(p.ID.Ifindex), Program: program.program, Attach: attachType(p.ID.Direction),
			})
			return err
		},
		undo: func() error { return o.link.Close() },
	}, step{
		name: fmt.Sprintf("pin the link of point %s", p.ID), rank: r,
		do:   func() error { return o.link.Pin(e.pins.link(p.ID)) },
		undo: func() error { return o.link.Unpin() },
		finish: func() {
			e.warn("pin program", p.ID, succeed(dir))
			tables.enforcePlan(ruleset, p.Policies, states)
			e.points[p.ID] = o
		},
	})
	return nil
}

// reload replaces the program of a point by a link update.
func (c *Change) reload(o *observation, p plan.Point) error {
	e := c.engine
	tables := o.tables
	states, fresh, err := assignStates(o.states, tables.sampledStates(), p.Policies)
	if err != nil {
		return err
	}
	replaced := tables == nil || tables.places() != c.next.MaxFlows
	dir := e.pins.point(p.ID)
	r := rankOf(&o.point, &p)
	if replaced {
		if tables, err = c.replaceTables(o, dir, r); err != nil {
			return err
		}
	}
	if err := clearStates(tables.lasting, fresh); err != nil {
		return err
	}
	next := &observation{point: p, tables: tables, sketch: o.sketch}
	if sketchPolicy(&p) == nil {
		next.sketch = nil
	} else if replaced || o.sketch == nil {
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
			return o.link.Update(program.program)
		},
		undo: func() error {
			tables.enforce(before, inForce)
			if old.program == nil {
				return errNoProgram
			}
			return o.link.Update(old.program)
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

// replaceTables makes flow tables of another size for a point and arranges
// that the present ones are drained a last time.
func (c *Change) replaceTables(o *observation, dir string, r rank) (*FlowTables, error) {
	e := c.engine
	var keep lasting
	if o.tables != nil {
		keep = o.tables.lasting
	}
	made, err := newLasting(e.spec, c.next.MaxFlows, keep)
	if err != nil {
		return nil, err
	}
	c.discard = append(c.discard, made.close)
	id, old := o.point.ID, o.tables
	var retired string
	s := step{
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
	s.do = undoOnError(s.do, s.undo)
	c.steps = append(c.steps, s)
	return newFlowTables(id, made), nil
}

// remove detaches a point; its records are drained once more.
func (c *Change) remove(o *observation) {
	e, id := c.engine, o.point.ID
	path := e.pins.link(id)
	c.steps = append(c.steps, step{
		name: fmt.Sprintf("unpin the link of point %s", id), rank: rankRemove,
		do:   func() error { return o.link.Unpin() },
		undo: func() error { return o.link.Pin(path) },
		finish: func() {
			delete(e.points, id)
			e.warn("detach", id, o.link.Close())
			o.load.close()
			o.sketch.close()
			if o.tables == nil {
				return
			}
			dir, err := e.pins.retire(id)
			if err == nil {
				err = unpinProgram(dir)
			}
			e.warn("retire maps", id, err)
			o.tables.retired = dir
			e.retired = append(e.retired, o.tables)
		},
	})
}

// newSketch makes the sketch of a point, nil when no policy there has one.
func (c *Change) newSketch(p *plan.Point) (*sketch, error) {
	of := sketchPolicy(p)
	if of == nil {
		return nil, nil
	}
	s, err := newSketch(c.engine.spec, of)
	if err != nil {
		return nil, err
	}
	c.discard = append(c.discard, s.close)
	return s, nil
}

// load makes the program of next and sets its rates, taking over from the
// running one what goes on.
func (c *Change) load(p *plan.Point, states map[uint32]uint32, next, o *observation) (*load, error) {
	tables := next.tables
	shared := c.engine.node.shared(c.engine.spec)
	maps.Copy(shared, tables.lasting.replacements())
	if next.sketch != nil {
		shared[point.BPFMapSketchTables] = next.sketch.maps[point.BPFMapSketchTables]
	}
	program, err := c.engine.newLoad(p, constants(p, states, c.next.HasMarks(), c.numbers), states, shared)
	if err != nil {
		return nil, err
	}
	c.discard = append(c.discard, program.close)
	for slot := range p.Policies {
		policy := &p.Policies[slot]
		pair := uint64(0)
		if policy.Select.Algorithm == plan.SelectSystematicCount {
			var restart bool
			if pair, restart = nextPair(o, policy); restart {
				if err := restartSequence(tables.lasting, states[policy.ID], pair); err != nil {
					return nil, err
				}
			}
			program.live.setSystematic(slot, pair, policy.Select)
		}
		program.live.setRate(slot, rateWord(policy, pair))
	}
	return program, nil
}

// checkInterface gives a better answer than the kernel's "no such device".
func (c *Change) checkInterface(p *plan.Point) error {
	if _, err := net.InterfaceByIndex(int(p.ID.Ifindex)); err != nil {
		return fmt.Errorf("find interface: %w", err)
	}
	return nil
}

func (e *Engine) warn(what string, id plan.PointID, err error) {
	if err != nil {
		e.cfg.Log.Warn("clearing up after a commit failed", "what", what, "point", id, "error", err)
	}
}

// rankOf tells when a point's turn comes: marking ends before the marks stop
// being removed elsewhere, and begins after they are.
func rankOf(old, next *plan.Point) rank {
	if next.ID.Direction == flow.Egress {
		return rankOther
	}
	marked := make(map[uint32]bool)
	if old != nil {
		for i := range old.Policies {
			marked[old.Policies[i].ID] = old.Policies[i].Actions&plan.ActMark != 0
		}
	}
	for i := range next.Policies {
		if next.Policies[i].Actions&plan.ActMark != 0 && !marked[next.Policies[i].ID] {
			return rankMark
		}
	}
	return rankUnmark
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

func undoing(err error, undo func() error) error {
	if err != nil {
		return errors.Join(err, undo())
	}
	return nil
}

func undoOnError(do, undo func() error) func() error {
	return func() error { return undoing(do(), undo) }
}
