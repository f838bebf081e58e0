package probe

import (
	"errors"
	"fmt"
	"slices"

	"github.com/cilium/ebpf/link"

	"github.com/openifit/openifit/dataplane/plan"
)

// remove detaches a point; its records are drained once more.
func (c *Change) remove(o *observation) {
	e, id := c.engine, o.point.ID
	path := e.pins.link(id)
	c.steps = append(c.steps, step{
		name: fmt.Sprintf("unpin the link of point %s", id), rank: rankRemove,
		do:     func() error { return o.link.Unpin() },
		undo:   func() error { return o.link.Pin(path) },
		finish: func() { e.dismiss(o) },
	})
}

// dismiss detaches a point whose link is not pinned any more.
func (e *Engine) dismiss(o *observation) {
	id := o.point.ID
	delete(e.points, id)
	e.warn("detach", id, detach(o.link))
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

// detach takes a program off its interface at once. Closing alone does not:
// in Linux 6.6 a pin that was removed holds its link for some time yet, and
// packets would be counted into tables that nobody drains any more.
func detach(l link.Link) error { return errors.Join(l.Detach(), l.Close()) }

// bury dismisses the points whose interfaces are gone: their links are
// attached to nothing, and an interface of the same number is another one.
func (e *Engine) bury() {
	for id, o := range e.points {
		info, err := o.link.Info()
		if err != nil || info.TCX() == nil || info.TCX().Ifindex == id.Ifindex {
			continue
		}
		e.warn("unpin link", id, o.link.Unpin())
		e.dismiss(o)
		e.running.Points = slices.DeleteFunc(slices.Clone(e.running.Points), func(p plan.Point) bool { return p.ID == id })
		e.version++
	}
}
