package probe

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"

	"github.com/cilium/ebpf"
)

// Drain takes the flow records of all points out of the kernel. For each
// table that holds some, read is called and must leave the table empty; no
// program counts into it meanwhile. Tables of points that are gone are
// released after their last drain. When read fails, the table is handed out
// again by the next call.
func (e *Engine) Drain(read func(t *FlowTables, table *ebpf.Map) error) error {
	e.draining.Lock()
	defer e.draining.Unlock()
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return ErrClosed
	}
	var all []*FlowTables
	for _, o := range e.points {
		if o.tables != nil {
			all = append(all, o.tables)
		}
	}
	retired := slices.Clone(e.retired)
	e.mu.Unlock()

	slices.SortFunc(all, func(a, b *FlowTables) int { return a.Point.Compare(b.Point) })
	all = append(all, retired...)
	errs := make([]error, len(all))
	for i, t := range all {
		// What an interrupted drain left must go before the tables swap again.
		errs[i] = t.empty(read)
	}
	swapAll(all, errs)
	for i, t := range all {
		if errs[i] == nil {
			errs[i] = t.empty(read)
		}
		if errs[i] == nil {
			errs[i] = t.drained()
		}
		if errs[i] == nil && i >= len(all)-len(retired) {
			errs[i] = e.forget(t)
		}
		if errs[i] != nil {
			errs[i] = fmt.Errorf("drain point %s: %w", t.Point, errs[i])
		}
	}
	return errors.Join(errs...)
}

// swapAll swaps at all points at once, because each swap waits for the kernel
// and they can share that. It passes over points that have failed.
func swapAll(all []*FlowTables, errs []error) {
	var wg sync.WaitGroup
	for i, t := range all {
		if errs[i] == nil {
			wg.Go(func() { errs[i] = t.swap() })
		}
	}
	wg.Wait()
}

// forget releases the tables of a point that is gone.
func (e *Engine) forget(t *FlowTables) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.retired = slices.DeleteFunc(e.retired, func(r *FlowTables) bool { return r == t })
	t.lasting.close()
	if t.retired == "" {
		return nil
	}
	if err := os.RemoveAll(t.retired); err != nil {
		return fmt.Errorf("remove pins: %w", err)
	}
	return nil
}
