package custom

import (
	"errors"
	"fmt"
	"slices"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/dataplane/probe/custom/object"
)

// Change leads from the running instances to others. What can fail for a
// reason of its own has been done when it exists.
type Change struct {
	manager *Manager
	version uint64
	steps   []step
	done    int
	// discard releases what was loaded, release what is no longer used.
	discard, release []func()
	next             map[uint32]*running
	over             bool
}

// step is one move of a commit that either takes place or does not.
type step struct {
	name     string
	do, undo func() error
}

// ErrStale says that another change was committed since this one was prepared.
var ErrStale = errors.New("the uploaded probes have changed meanwhile")

// ErrClosed says that the Manager was closed before.
var ErrClosed = errors.New("uploaded probes are closed")

// InstanceError says which policy's instance the kernel refuses.
type InstanceError struct {
	Policy, Probe string
	// Answers: the probe was to answer for postcards.
	Answers bool
	Err     error
}

// Error returns the reason.
func (e *InstanceError) Error() string {
	return fmt.Sprintf("policy %s: probe %s: %v", e.Policy, e.Probe, e.Err)
}

// Unwrap returns what the kernel said.
func (e *InstanceError) Unwrap() error { return e.Err }

// Prepare loads and verifies what next needs; what runs is not touched. The
// change must be committed or aborted.
func (m *Manager) Prepare(next []Instance) (_ *Change, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, ErrClosed
	}
	c := &Change{manager: m, version: m.version, next: make(map[uint32]*running, len(next))}
	defer func() {
		if err != nil {
			c.drop()
		}
	}()
	for i := range next {
		if err := c.plan(&next[i], m.running[next[i].ID]); err != nil {
			return nil, &InstanceError{next[i].Policy, next[i].Probe, next[i].Answers != nil, err}
		}
	}
	for id, r := range m.running {
		if c.next[id] != nil {
			continue
		}
		for p := range r.links {
			c.detach(r, p)
		}
		c.release = append(c.release, r.stop)
	}
	return c, nil
}

// plan finds the way of one policy from what runs to what is wanted.
func (c *Change) plan(want *Instance, have *running) error {
	r := &running{Instance: *want, links: make(map[plan.PointID]link.Link)}
	c.next[want.ID] = r
	switch {
	case have != nil && have.excess != nil && have.same(want) && have.Budget == want.Budget && have.Generation == want.Generation:
		// It was too expensive, and nothing has changed since.
		r.excess, r.loaded, r.usage, r.reader, r.counters = have.excess, have.loaded, have.usage, have.reader, have.counters
		return nil
	case have != nil && have.excess == nil && have.same(want) && have.covers(want.Points):
		r.loaded, r.usage, r.reader, r.counters = have.loaded, have.usage, have.reader, have.counters
	default:
		if err := c.load(r, have); err != nil {
			return err
		}
	}
	for _, p := range want.Points {
		if have != nil && have.links[p] != nil && attached(have.links[p], p) {
			r.links[p] = have.links[p]
			if r.loaded != have.loaded {
				c.update(r, have, p)
			}
			continue
		}
		if have != nil && have.links[p] != nil {
			gone := have.links[p]
			c.release = append(c.release, func() { gone.Close() })
		}
		c.attach(r, p)
	}
	if have != nil {
		for p := range have.links {
			if r.links[p] == nil && !slices.Contains(want.Points, p) {
				c.detach(have, p)
			}
		}
	}
	return nil
}

// covers tells whether a program for each direction is loaded.
func (r *running) covers(points []plan.PointID) bool {
	for _, p := range points {
		if r.program(p) == nil {
			return false
		}
	}
	return true
}

// attached tells whether the interface is still the one that it was.
func attached(l link.Link, p plan.PointID) bool {
	info, err := l.Info()
	return err == nil && info.TCX() != nil && info.TCX().Ifindex == p.Ifindex
}

// load makes the programs, and readers where rings are new.
func (c *Change) load(r, have *running) (err error) {
	if r.loaded, err = load(&r.Instance, have); err != nil {
		return err
	}
	c.discard = append(c.discard, r.loaded.close)
	if have == nil {
		have = &running{}
	}
	if r.continues(have, object.CounterMap) {
		r.counters = have.counters
	}
	if have.reader != nil && r.continues(have, object.RecordMap) {
		r.reader = have.reader
	} else if r.reader, err = newReader(c.manager, r); err != nil {
		return err
	}
	if r.reader != nil && r.reader != have.reader {
		c.discard = append(c.discard, r.reader.stop)
	}
	if old := have.loaded; old != nil {
		c.release = append(c.release, old.close)
	}
	if have.reader != nil && have.reader != r.reader {
		c.release = append(c.release, have.reader.stop)
	}
	return nil
}

func (c *Change) update(r, have *running, p plan.PointID) {
	c.steps = append(c.steps, step{
		name: fmt.Sprintf("swap probe %s at %s", r.Probe, p),
		do:   func() error { return r.links[p].Update(r.program(p)) },
		undo: func() error { return r.links[p].Update(have.program(p)) },
	})
}

func (c *Change) attach(r *running, p plan.PointID) {
	c.steps = append(c.steps, step{
		name: fmt.Sprintf("attach probe %s to %s", r.Probe, p),
		do: func() (err error) {
			r.links[p], err = r.attach(p)
			return err
		},
		undo: func() error {
			defer delete(r.links, p)
			return detach(r.links[p])
		},
	})
}

func (c *Change) detach(r *running, p plan.PointID) {
	c.steps = append(c.steps, step{
		name: fmt.Sprintf("detach probe %s from %s", r.Probe, p),
		do: func() error {
			// Where the interface is gone there is nothing to take off.
			_ = detach(r.links[p])
			return nil
		},
		undo: func() (err error) {
			r.links[p], err = r.loaded.attach(p)
			return err
		},
	})
}

// Commit makes the change. When it returns an error all is as it was before;
// should even that have failed, the error says so. Rollback can still undo it
// until Finish.
func (c *Change) Commit() error {
	m := c.manager
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case c.over:
		return errors.New("the change was committed or aborted before")
	case m.closed:
		c.drop()
		return ErrClosed
	case c.version != m.version:
		c.drop()
		return ErrStale
	}
	// Whatever is counted about budgets begins before the first packet.
	if err := m.measure(c.wantsStats()); err != nil {
		c.drop()
		return err
	}
	for i := range c.steps {
		err := error(nil)
		if m.cfg.Fault != nil {
			err = m.cfg.Fault(c.steps[i].name)
		}
		if err == nil {
			err = c.steps[i].do()
		}
		if err != nil {
			err = fmt.Errorf("%s: %w", c.steps[i].name, err)
			err = errors.Join(err, c.undo())
			c.drop()
			return err
		}
		c.done++
	}
	return nil
}

func (c *Change) undo() error {
	var errs []error
	for ; c.done > 0; c.done-- {
		if err := c.steps[c.done-1].undo(); err != nil {
			errs = append(errs, fmt.Errorf("taking back %q failed: %w", c.steps[c.done-1].name, err))
		}
	}
	return errors.Join(errs...)
}

// Rollback undoes a commit that is not finished.
func (c *Change) Rollback() error {
	c.manager.mu.Lock()
	defer c.manager.mu.Unlock()
	if c.over {
		return nil
	}
	err := c.undo()
	c.drop()
	return err
}

// Finish releases what the change has replaced; it is past undoing then.
func (c *Change) Finish() {
	m := c.manager
	m.mu.Lock()
	if c.over {
		m.mu.Unlock()
		return
	}
	c.over = true
	for id, r := range c.next {
		if old := m.running[id]; old != nil && old.loaded != r.loaded {
			r.usage = usage{before: old.usage.total(old.loaded)}
		}
		r.reader.serve(r)
	}
	m.running = c.next
	m.version++
	if err := m.measure(c.wantsStats()); err != nil {
		m.cfg.Log.Warn("run-time statistics", "error", err)
	}
	release := c.release
	m.mu.Unlock()
	// A reader that ends may be delivering, and so may wait for others.
	for _, f := range release {
		f()
	}
}

// Abort releases what Prepare made; it does nothing after Finish.
func (c *Change) Abort() {
	c.manager.mu.Lock()
	defer c.manager.mu.Unlock()
	c.drop()
}

func (c *Change) drop() {
	if c.over {
		return
	}
	c.over = true
	for _, f := range slices.Backward(c.discard) {
		f()
	}
}

func (c *Change) wantsStats() bool {
	for _, r := range c.next {
		if len(r.Points) > 0 {
			return true
		}
	}
	return len(c.manager.running) > 0 && !c.over
}

// measure has the kernel take the run times of programs, or stop it. That
// costs every program of the node two readings of a clock, so it is done only
// while a probe runs that somebody else wrote.
func (m *Manager) measure(on bool) error {
	switch {
	case on && m.stats == nil:
		stats, err := ebpf.EnableStats(unix.BPF_STATS_RUN_TIME)
		if err != nil {
			return fmt.Errorf("measure the run time of probes: %w", err)
		}
		m.stats = stats
	case !on && m.stats != nil:
		err := m.stats.Close()
		m.stats = nil
		return err
	}
	return nil
}

// stop releases all that an instance has, its links aside.
func (r *running) stop() {
	r.reader.stop()
	r.loaded.close()
}

// Close detaches everything.
func (m *Manager) Close() error {
	m.mu.Lock()
	if m.closed {
		m.mu.Unlock()
		return nil
	}
	m.closed = true
	var errs []error
	all := m.running
	for _, r := range all {
		for _, l := range r.links {
			errs = append(errs, detach(l))
		}
	}
	m.running = nil
	errs = append(errs, m.measure(false))
	m.mu.Unlock()
	for _, r := range all {
		r.stop()
	}
	return errors.Join(errs...)
}
