package probe

import (
	"errors"
	"fmt"
	"slices"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
)

// Change leads from the running plan to another one. Everything that can
// fail for a reason of its own has been done when it exists: what remains is
// a few link updates and stores.
type Change struct {
	engine  *Engine
	version uint64
	next    plan.Plan
	// numbers are the places of the new plan's triggers.
	numbers triggerNumbers
	// histograms are those of its policies with histograms.
	histograms histogramNumbers
	steps      []step
	// retiring counts the flow tables that this change puts aside.
	retiring int
	// discard releases what Prepare made.
	discard []func()
	over    bool
}

// step is one move of a commit that either takes place or does not.
type step struct {
	name string
	rank rank
	do   func() error
	// undo takes back what do did.
	undo func() error
	// finish clears up when every step has been done; it cannot fail in a way
	// that the commit could still heed.
	finish func()
}

// rank orders steps, so that at no moment a packet gets a mark which nobody
// removes: points that mark less come first, points that mark more last.
type rank int

const (
	rankFirst rank = iota
	rankUnmark
	rankOther
	rankMark
	rankRemove
	rankLast
)

// ErrStale says that another change was committed since this one was prepared.
var ErrStale = errors.New("the plan has changed meanwhile")

var errNoProgram = errors.New("the program that another process loaded was not pinned")

var errOver = errors.New("the change was committed or aborted before")

// Commit makes the change. When it returns an error the kernel is as it was
// before; should even that have failed, the error says so.
func (c *Change) Commit() error {
	e := c.engine
	e.preparing.Lock()
	defer e.preparing.Unlock()
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case c.over:
		return errOver
	case e.closed:
		c.drop()
		return ErrClosed
	case c.version != e.version:
		c.drop()
		return ErrStale
	}
	slices.SortStableFunc(c.steps, func(a, b step) int { return int(a.rank - b.rank) })
	for i := range c.steps {
		if err := c.try(&c.steps[i]); err != nil {
			err = fmt.Errorf("%s: %w", c.steps[i].name, err)
			err = errors.Join(err, c.undo(i))
			c.drop()
			return err
		}
	}
	for i := range c.steps {
		if finish := c.steps[i].finish; finish != nil {
			finish()
		}
	}
	c.over = true
	e.running = c.next
	e.version++
	return nil
}

// Abort releases what Prepare made; the kernel stays as it is. It does
// nothing after Commit.
func (c *Change) Abort() {
	c.engine.mu.Lock()
	defer c.engine.mu.Unlock()
	c.drop()
}

func (c *Change) try(s *step) error {
	if err := c.engine.fault(s.name); err != nil {
		return err
	}
	return s.do()
}

// undo takes back the first n steps, the last one first.
func (c *Change) undo(n int) error {
	var errs []error
	for i := n - 1; i >= 0; i-- {
		if c.steps[i].undo == nil {
			continue
		}
		if err := c.steps[i].undo(); err != nil {
			errs = append(errs, fmt.Errorf("taking back %q failed: %w", c.steps[i].name, err))
		}
	}
	return errors.Join(errs...)
}

func (c *Change) drop() {
	if c.over {
		return
	}
	c.over = true
	for _, discard := range c.discard {
		discard()
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

func undoing(err error, undo func() error) error {
	if err != nil {
		return errors.Join(err, undo())
	}
	return nil
}

func undoOnError(do, undo func() error) func() error {
	return func() error { return undoing(do(), undo) }
}
