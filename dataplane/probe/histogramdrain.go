package probe

import (
	"fmt"

	"github.com/cilium/ebpf"

	"github.com/openifit/openifit/gen/bpf/point"
	"github.com/openifit/openifit/gen/bpf/xmit"
)

// Notes is the table of flows whose departure is measured.
func (e *Engine) Notes() *ebpf.Map { return e.node.maps[point.BPFMapNotes] }

// DrainHistograms puts the other table into use and hands the finished one to
// read, which must empty it. No program counts into it meanwhile: swapping
// waits for those that might. What an interrupted drain left comes first.
// It does nothing when no policy has histograms and none is left, and tells
// whether any policy has.
func (e *Engine) DrainHistograms(read func(*ebpf.Map) error) (bool, error) {
	e.counting.Lock()
	defer e.counting.Unlock()
	e.mu.Lock()
	closed, n := e.closed, e.node
	busy := !closed && len(n.counting.points) > 0
	e.mu.Unlock()
	if closed {
		return false, ErrClosed
	}
	if !busy && n.histogramsDrained {
		return false, nil
	}
	tables := [...]*ebpf.Map{n.maps[pinHistograms0], n.maps[pinHistograms1]}
	if err := read(tables[1-n.histogramTable]); err != nil {
		return busy, err
	}
	if err := n.maps[xmit.BPFMapHistogramTables].Put(uint32(0), tables[1-n.histogramTable]); err != nil {
		return busy, fmt.Errorf("swap tables of histograms: %w", err)
	}
	n.histogramTable = 1 - n.histogramTable
	if err := read(tables[1-n.histogramTable]); err != nil {
		return busy, err
	}
	n.histogramsDrained = !busy
	return busy, nil
}

// HistogramsRefused counts, by policy, packets that found no place for another
// histogram since the policy came.
func (e *Engine) HistogramsRefused() (map[uint32]uint64, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil, ErrClosed
	}
	out := make(map[uint32]uint64)
	var perCPU []xmit.BPFIfitHistogramCounters
	for policy, number := range e.node.counting.numbers.of {
		if err := e.node.maps[xmit.BPFMapHistogramCounters].Lookup(number, &perCPU); err != nil {
			return nil, fmt.Errorf("read counters of histograms of policy %d: %w", policy, err)
		}
		for i := range perCPU {
			out[policy] += perCPU[i].Refused
		}
	}
	return out, nil
}
