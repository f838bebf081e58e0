package probe

import (
	"fmt"
	"slices"

	"github.com/openifit/openifit/dataplane/plan"
)

// remove detaches a point; its records are drained once more.
func (c *Change) remove(o *observation) {
	e, id := c.engine, o.point.ID
	if o.tables != nil {
		c.retiring++
	}
	c.steps = append(c.steps, step{
		name: fmt.Sprintf("unpin the link of point %s", id), rank: rankRemove,
		do:     func() error { return o.link.unpin() },
		undo:   func() error { return o.link.pin() },
		finish: func() { e.dismiss(o) },
	})
}

// dismiss detaches a point whose link is not pinned any more.
func (e *Engine) dismiss(o *observation) {
	id := o.point.ID
	delete(e.points, id)
	e.warn("detach", id, o.link.detach())
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
}

// bury dismisses the points whose interfaces are gone: their links are
// attached to nothing, and an interface of the same number is another one.
func (e *Engine) bury() {
	for id, o := range e.points {
		if _, ok, err := o.link.behind(); err != nil || ok {
			continue
		}
		e.warn("unpin link", id, o.link.unpin())
		e.dismiss(o)
		e.running.Points = slices.DeleteFunc(slices.Clone(e.running.Points), func(p plan.Point) bool { return p.ID == id })
		e.version++
	}
}
