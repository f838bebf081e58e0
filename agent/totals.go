package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"sync"

	"github.com/openifit/openifit/agent/meter"
)

// totals are the counters of policies over all lives of the agent. They are
// written after each drain, which is before anybody can read them: so they
// never run backwards, however the agent ends.
type totals struct {
	path  string
	meter *meter.Meter

	mu sync.Mutex
	// before holds what earlier lives counted, of the agent or of a policy that
	// was away for a while, by policy number.
	before map[uint32]meter.Totals
	// last is what the meter said last.
	last map[uint32]meter.Totals
	// shown is what was written last.
	shown map[uint32]meter.Totals
}

// openTotals reads what an earlier life left.
func openTotals(dir string, m *meter.Meter) (*totals, error) {
	t := &totals{path: filepath.Join(dir, "counters.json"), meter: m, before: make(map[uint32]meter.Totals), last: make(map[uint32]meter.Totals)}
	data, err := os.ReadFile(t.path)
	switch {
	case errors.Is(err, os.ErrNotExist):
	case err != nil:
		return nil, fmt.Errorf("read counters of earlier runs: %w", err)
	default:
		if err := json.Unmarshal(data, &t.before); err != nil {
			return nil, fmt.Errorf("counters of earlier runs in %s: %w", t.path, err)
		}
	}
	t.shown = maps.Clone(t.before)
	return t, nil
}

// keep forgets policies that are gone.
func (t *totals) keep(ids map[uint32]bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, m := range []map[uint32]meter.Totals{t.before, t.last, t.shown} {
		maps.DeleteFunc(m, func(id uint32, _ meter.Totals) bool { return !ids[id] })
	}
	for id := range ids {
		if _, known := t.shown[id]; !known {
			t.shown[id] = meter.Totals{}
		}
	}
}

// save writes the counters if they have moved.
func (t *totals) save() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	next, moved := make(map[uint32]meter.Totals, len(t.shown)), false
	for id, old := range t.shown {
		next[id] = t.read(id)
		moved = moved || next[id] != old
	}
	if !moved {
		return nil
	}
	data, err := json.Marshal(next)
	if err != nil {
		return fmt.Errorf("write counters: %w", err)
	}
	// Renaming keeps the old file whole whenever the agent ends.
	if err := os.WriteFile(t.path+".new", data, 0o600); err != nil {
		return fmt.Errorf("write counters: %w", err)
	}
	if err := os.Rename(t.path+".new", t.path); err != nil {
		return fmt.Errorf("write counters: %w", err)
	}
	t.shown = next
	return nil
}

// read adds up all lives of a policy. The meter begins anew with a policy that
// it did not know for a while.
func (t *totals) read(id uint32) meter.Totals {
	now, _ := t.meter.Totals(id)
	if now.PacketsObserved < t.last[id].PacketsObserved || now.Records < t.last[id].Records {
		t.before[id] = sum(t.before[id], t.last[id])
	}
	t.last[id] = now
	return sum(t.before[id], now)
}

// of returns a policy's counters as they were saved last.
func (t *totals) of(id uint32) meter.Totals {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.shown[id]
}

func sum(a, b meter.Totals) meter.Totals {
	return meter.Totals{
		PacketsObserved: a.PacketsObserved + b.PacketsObserved, OctetsObserved: a.OctetsObserved + b.OctetsObserved,
		PacketsSelected: a.PacketsSelected + b.PacketsSelected, OctetsSelected: a.OctetsSelected + b.OctetsSelected,
		Records: a.Records + b.Records, Early: a.Early + b.Early, Flows: b.Flows,
	}
}
