package gnmi

import (
	"slices"
	"sync"

	"github.com/openifit/openifit/agent/intent/schema"
)

// queue holds changes for one subscriber until it can take them. A leaf that
// changes again while it waits takes its earlier place, so that a slow reader
// gets the newest value and the number of those it missed; what waits is
// bounded by what exists, and by maxQueued in any case.
type queue struct {
	wake chan struct{} // has a token while something waits

	mu       sync.Mutex
	order    []*waiting // units, oldest change first
	units    map[string]*waiting
	size     int
	overflow bool
}

// waiting are the changes of one unit. Deletes come before updates when they
// are sent, so an update that a later delete covers must go.
type waiting struct {
	unit    schema.Path
	at      int64 // time of the newest change
	deletes []schema.Path
	updates []queued
	index   map[string]int // place in updates by path
}

// queued is a leaf that changed.
type queued struct {
	schema.Update
	duplicates uint32
	gone       bool
}

// maxQueued is how many changes may wait for one subscriber.
const maxQueued = 1 << 17

func newQueue() *queue {
	return &queue{wake: make(chan struct{}, 1), units: map[string]*waiting{}}
}

// add appends the part of a difference that a subscriber wants.
func (q *queue) add(unit schema.Path, d schema.Difference, at int64, wants func(schema.Path) bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.overflow {
		return
	}
	id := unit.ID()
	w := q.units[id]
	if w == nil {
		w = &waiting{unit: unit, index: map[string]int{}}
	}
	before := w.size()
	for _, p := range d.Deletes {
		if wants(p) {
			w.remove(p)
		}
	}
	for _, u := range d.Updates {
		if wants(u.Path) {
			w.put(u)
		}
	}
	if w.size() == 0 {
		return
	}
	w.at = at
	if q.units[id] == nil {
		q.units[id] = w
		q.order = append(q.order, w)
	}
	q.size += w.size() - before
	if q.size > maxQueued {
		q.overflow = true
		q.order, q.units, q.size = nil, nil, 0
	}
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

func (w *waiting) size() int { return len(w.deletes) + len(w.updates) }

func (w *waiting) remove(p schema.Path) {
	for i := range w.updates {
		if u := &w.updates[i]; !u.gone && p.Covers(u.Path) {
			u.gone = true
			delete(w.index, u.Path.ID())
		}
	}
	if !slices.ContainsFunc(w.deletes, func(d schema.Path) bool { return d.Covers(p) }) {
		w.deletes = append(w.deletes, p)
	}
}

func (w *waiting) put(u schema.Update) {
	id := u.Path.ID()
	if i, ok := w.index[id]; ok {
		w.updates[i].Value = u.Value
		w.updates[i].duplicates++
		return
	}
	w.index[id] = len(w.updates)
	w.updates = append(w.updates, queued{Update: u})
}

// take returns the changes of the unit that has waited longest, nil when there
// are none, and false after an overflow.
func (q *queue) take() (*waiting, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.overflow {
		return nil, false
	}
	if len(q.order) == 0 {
		return nil, true
	}
	w := q.order[0]
	q.order[0] = nil
	q.order = q.order[1:]
	delete(q.units, w.unit.ID())
	q.size -= w.size()
	return w, true
}
