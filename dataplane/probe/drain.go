package probe

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"

	"github.com/cilium/ebpf"

	"github.com/openifit/openifit/gen/bpf/point"
)

// Journal remembers, beyond the death of this process, which flow tables were
// counted. With it each record is counted exactly once, whenever a process
// dies: records leave the kernel only after the journal has them.
type Journal interface {
	// Counted tells whether the records now in a table were committed before.
	Counted(Table) bool
	// Commit makes what was counted last, and notes the table, both in one
	// moment. Of a pair it remembers the last table alone.
	Commit(Table) error
	// Keep forgets all pairs but these.
	Keep(pairs map[uint32]bool)
}

// Counting counts flow records.
type Counting interface {
	Journal
	// Count takes some records of a table, which it must not keep; the values
	// of a record are those of all CPUs in order.
	Count(t *FlowTables, keys []FlowKey, values []point.BPFIfitFlow)
}

// Drain counts the flow records of all points and removes them from the
// kernel. No program counts into a table while it is read. Each table takes
// three steps: its records are counted, then committed, then removed; a drain
// that was interrupted, also by the death of the process, goes on where it
// was. Tables of points that are gone are released after their last drain.
func (e *Engine) Drain(by Counting) error {
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
	// A table that was counted in part comes first: a commit of another one
	// would let that part last, and a successor would count it again.
	slices.SortStableFunc(all, func(a, b *FlowTables) int { return -cmp.Compare(a.handed, b.handed) })
	d := &drainage{engine: e, by: by}
	errs := make([]error, len(all))
	for i, t := range all {
		// What an interrupted drain left must go before the tables swap again.
		if errs[i] = d.empty(t); t.handed > 0 {
			return t.drainError(errs[i])
		}
	}
	swapAll(d, all, errs)
	pairs := make(map[uint32]bool, len(all))
	for i, t := range all {
		if errs[i] == nil {
			errs[i] = d.empty(t)
		}
		if t.handed > 0 {
			return t.drainError(errs[i])
		}
		if errs[i] == nil {
			errs[i] = t.drained()
		}
		if errs[i] == nil && slices.Contains(retired, t) {
			if errs[i] = e.forget(t); errs[i] == nil {
				continue
			}
		}
		errs[i] = t.drainError(errs[i])
		pairs[t.pair()] = true
	}
	by.Keep(pairs)
	return errors.Join(append(errs, e.ageFlows())...)
}

func (t *FlowTables) drainError(err error) error {
	if err != nil {
		return fmt.Errorf("drain point %s: %w", t.Point, err)
	}
	return nil
}

// swapAll swaps at all points at once, because each swap waits for the kernel
// and they can share that. It passes over points that have failed.
func swapAll(d *drainage, all []*FlowTables, errs []error) {
	var wg sync.WaitGroup
	for i, t := range all {
		if errs[i] == nil {
			errs[i] = d.engine.fault("swap flow tables")
		}
		if errs[i] == nil {
			wg.Go(func() { errs[i] = t.swap() })
		}
	}
	wg.Wait()
}

// drainage is one drain at work.
type drainage struct {
	engine *Engine
	by     Counting
}

// empty counts and removes what is in the table that is not in use.
func (d *drainage) empty(t *FlowTables) error {
	if t.standby == tableFilled && d.by.Counted(t.idle()) {
		t.standby = tableCounted
	}
	var found []keyBatch
	if t.standby == tableFilled {
		var err error
		if found, err = d.count(t); err != nil {
			return fmt.Errorf("read flow table: %w", err)
		}
		if err := d.engine.fault("commit a flow table"); err != nil {
			return err
		}
		if err := d.by.Commit(t.idle()); err != nil {
			return fmt.Errorf("commit what was counted: %w", err)
		}
		t.standby, t.handed = tableCounted, 0
	}
	if t.standby == tableCounted {
		if err := d.clear(t, found); err != nil {
			return fmt.Errorf("empty flow table: %w", err)
		}
		t.standby = tableEmpty
	}
	return nil
}

// count hands all records out, beyond those that an attempt before this one
// handed out already: a table at rest always comes in the same order. It
// returns the keys of all.
func (d *drainage) count(t *FlowTables) (found []keyBatch, err error) {
	before := t.handed
	err = d.batches("read a flow table", t, (*ebpf.Map).BatchLookup, func(at keyBatch, values []point.BPFIfitFlow) {
		found = append(found, at)
		keys := at.wide
		if t.isNarrow() {
			keys = d.engine.room.keys[:len(at.narrow)]
			complete(keys, at.narrow)
		}
		known := min(before, len(keys))
		before -= known
		if known < len(keys) {
			d.by.Count(t, keys[known:], values[known*d.engine.cpus:])
			t.handed += len(keys) - known
		}
	})
	return found, err
}

// clear removes all records. Removing what count has found, from several
// threads, takes a third of the time that finding it once more takes; what
// another process has counted must be found.
func (d *drainage) clear(t *FlowTables, found []keyBatch) error {
	const step = "empty a flow table"
	if found == nil {
		return d.batches(step, t, (*ebpf.Map).BatchLookupAndDelete, func(keyBatch, []point.BPFIfitFlow) {})
	}
	if err := d.engine.fault(step); err != nil {
		return err
	}
	table := t.table(1 - t.active)
	var errs [clearers]error
	var wg sync.WaitGroup
	n := 0
	for part := range slices.Chunk(found, (len(found)+clearers-1)/clearers) {
		at := n
		wg.Go(func() {
			for i := range part {
				errs[at] = errors.Join(errs[at], part[i].deleteFrom(table))
			}
		})
		n++
	}
	wg.Wait()
	return errors.Join(errs[:]...)
}

// clearers is how many threads empty a table.
const clearers = 2

type batchCall = func(m *ebpf.Map, cursor *ebpf.MapBatchCursor, keys, values any, opts *ebpf.BatchOptions) (int, error)

// batches goes through the table that is not in use. One batch is taken while
// the kernel gives the next one. The keys stay as they are until the next
// table's, the values only while they are taken.
func (d *drainage) batches(step string, t *FlowTables, call batchCall, take func(keyBatch, []point.BPFIfitFlow)) error {
	table, room := t.table(1-t.active), d.engine.drainRoom()
	var cursor ebpf.MapBatchCursor
	var taking sync.WaitGroup
	defer taking.Wait()
	for i := 0; ; i++ {
		if err := d.engine.fault(step); err != nil {
			return err
		}
		into, values := room.batch(i, t.isNarrow()), room.values[i%2]
		n, err := call(table, &cursor, into.keys(), values, nil)
		if err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			return err
		}
		taking.Wait()
		taking.Go(func() { take(into.first(n), values[:n*d.engine.cpus]) })
		if err != nil {
			return nil
		}
	}
}

// fault lets a test fail a step.
func (e *Engine) fault(step string) error {
	if e.cfg.Fault == nil {
		return nil
	}
	return e.cfg.Fault(step)
}

// maxRetired bounds the pairs of flow tables that await their last drain. A
// change may put any number aside when none do.
const maxRetired = 16

// retirable fails when this change would put too many tables aside.
func (c *Change) retirable() error {
	c.engine.mu.Lock()
	defer c.engine.mu.Unlock()
	n := len(c.engine.retired)
	if c.retiring > 0 && n > 0 && n+c.retiring > maxRetired || n > maxRetired {
		return fmt.Errorf("the flow tables of %d points await their last drain: %w", n, ErrUndrained)
	}
	return nil
}

// forget releases the tables of a point that is gone.
func (e *Engine) forget(t *FlowTables) error {
	if err := e.fault("forget flow tables"); err != nil {
		return err
	}
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
