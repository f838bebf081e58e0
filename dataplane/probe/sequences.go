package probe

import (
	"errors"
	"fmt"
	"time"

	"github.com/cilium/ebpf"

	"github.com/openifit/openifit/gen/bpf/point"
)

// A flow without packets for sequenceIdle counts anew when it goes on, so that
// its place is free for another one. Drains look for such flows that often.
const (
	sequenceIdle     = time.Minute
	sequenceInterval = 10 * time.Second
)

// sequenceUnit is the unit in which programs note when a flow was last seen.
const sequenceUnit = 1 << 30

// aging is what is known of the counts of flows.
type aging struct {
	next time.Time
	// empty: no policy counts per flow, and all counts are gone.
	empty bool
}

// countsFlows tells whether some policy counts per flow.
func (e *Engine) countsFlows() bool {
	for i := range e.running.Points {
		for j := range e.running.Points[i].Policies {
			if s := &e.running.Points[i].Policies[j].Select; s.PerFlow && s.Algorithm.Counts() {
				return true
			}
		}
	}
	return false
}

// ageFlows forgets the counts of flows that have ended, now and then. The
// caller holds draining.
func (e *Engine) ageFlows() error {
	e.mu.Lock()
	counts := e.countsFlows()
	e.mu.Unlock()
	if !counts && e.aging.empty || time.Now().Before(e.aging.next) {
		return nil
	}
	e.aging.next = time.Now().Add(sequenceInterval)
	idle := sequenceIdle
	if !counts {
		idle = 0
	}
	if err := forgetFlows(e.node.maps[point.BPFMapFlowSequences], idle); err != nil {
		return fmt.Errorf("forget the counts of flows that have ended: %w", err)
	}
	e.aging.empty = !counts
	return nil
}

// ForgetFlows forgets the counts of flows (selection per flow) that had no
// packet for so long, to the second. Drains do it by themselves after a
// minute.
func (e *Engine) ForgetFlows(idle time.Duration) error {
	e.draining.Lock()
	defer e.draining.Unlock()
	e.mu.Lock()
	closed := e.closed
	e.mu.Unlock()
	if closed {
		return ErrClosed
	}
	return forgetFlows(e.node.maps[point.BPFMapFlowSequences], idle)
}

// forgetFlows may take away a count that a packet just found again: that flow
// counts anew as well.
func forgetFlows(m *ebpf.Map, idle time.Duration) error {
	now, err := monotonic()
	if err != nil {
		return err
	}
	keys := make([]point.BPFIfitFlowSequence, batch)
	values := make([]point.BPFIfitSequence, batch)
	var ended []point.BPFIfitFlowSequence
	var cursor ebpf.MapBatchCursor
	for {
		n, err := m.BatchLookup(&cursor, keys, values, nil)
		if err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			return fmt.Errorf("read counts: %w", err)
		}
		for i := range n {
			// Programs read the clock before this process did, or just after.
			if age := uint32(now/sequenceUnit) - values[i].Used; int32(age) >= int32(idle/sequenceUnit) {
				ended = append(ended, keys[i])
			}
		}
		if err != nil {
			break
		}
	}
	for len(ended) > 0 {
		n, err := m.BatchDelete(ended[:min(len(ended), batch)], nil)
		if err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			return fmt.Errorf("remove counts: %w", err)
		}
		// One that is gone already ends a batch.
		if errors.Is(err, ebpf.ErrKeyNotExist) {
			n++
		}
		ended = ended[min(n, len(ended)):]
	}
	return nil
}
