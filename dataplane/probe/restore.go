package probe

import (
	"errors"
	"fmt"
	"net"

	"github.com/openifit/openifit/dataplane/plan"
)

// Restore puts programs back that somebody has taken off their interfaces, or
// in whose place somebody has put another one, and returns where. Their counts
// go on. Interfaces that are gone are the matter of the next commit.
func (e *Engine) Restore() ([]plan.PointID, error) {
	e.preparing.Lock()
	defer e.preparing.Unlock()
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil, ErrClosed
	}
	var restored []plan.PointID
	var errs []error
	for _, o := range e.ordered() {
		done, err := e.restore(o)
		if err != nil {
			errs = append(errs, fmt.Errorf("point %s of %s: %w", o.point.ID, o.point.Interface, err))
		}
		if done {
			restored = append(restored, o.point.ID)
		}
	}
	return restored, errors.Join(errs...)
}

func (e *Engine) restore(o *observation) (bool, error) {
	if o.program == nil || o.link == nil {
		return false, nil
	}
	ours, ok := programID(o.program.Info())
	if !ok {
		return false, errNoProgram
	}
	behind, attached, err := o.link.behind()
	switch {
	case err != nil:
		return false, err
	case attached && behind == ours:
		return false, nil
	case attached:
		return true, o.link.update(o.program)
	}
	at, err := net.InterfaceByIndex(int(o.point.ID.Ifindex))
	if err != nil || at.Name != o.point.Interface {
		// It is gone, or its number is another one's by now.
		return false, nil
	}
	former := o.link
	if err := former.unpin(); err != nil {
		return false, err
	}
	fresh, err := e.attach(&o.point, o.program)
	if err != nil {
		return false, errors.Join(err, former.pin())
	}
	o.link = fresh
	return true, errors.Join(fresh.pin(), former.close())
}
