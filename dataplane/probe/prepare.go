package probe

import (
	"fmt"
	"maps"
	"net"

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
	if err := e.able(&next); err != nil {
		return nil, err
	}
	e.preparing.Lock()
	defer e.preparing.Unlock()
	e.mu.Lock()
	c := &Change{engine: e, next: next}
	switch {
	case e.closed:
		err = ErrClosed
	case e.refused != nil:
		err = e.refused
	default:
		e.bury()
		err = c.share()
	}
	c.version = e.version
	running, points := e.running, maps.Clone(e.points)
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
		if d.Reload || o.tables.shape() != shapeFor(&d.New, next.MaxFlows) {
			err = c.reload(o, d.New)
		} else if list, fits := o.listChange(d); fits {
			err = c.adjust(o, d, list)
		} else {
			err = c.reload(o, d.New)
		}
		if err != nil {
			return nil, fmt.Errorf("point %s of %s: %w", d.New.ID, d.New.Interface, err)
		}
		delete(points, d.New.ID)
	}
	for i := range next.Points {
		id := next.Points[i].ID
		if o := points[id]; o != nil {
			if o.tables.shape() != shapeFor(&next.Points[i], next.MaxFlows) {
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
	if err := c.retirable(); err != nil {
		return nil, err
	}
	return c, nil
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
	known := constants(p, states, &c.next, c.numbers)
	c.histograms.slots(p, &known)
	program, err := c.engine.newLoad(p, known, states, shared)
	if err != nil {
		return nil, err
	}
	c.discard = append(c.discard, program.close)
	for slot := range p.Policies {
		policy := &p.Policies[slot]
		next := nextParameters(o, policy)
		if next.restart {
			if err := restartSequence(tables.lasting, states[policy.ID], next.pair); err != nil {
				return nil, err
			}
		}
		program.live.setSelection(slot, next.pair, next.values)
		program.live.setRate(slot, rateWord(policy, next.pair))
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
