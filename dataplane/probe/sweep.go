package probe

import (
	"fmt"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"

	"github.com/openifit/openifit/gen/bpf/xmit"
)

// flowIdle is the time after which a flow without packets is forgotten; its
// next packet makes it a new flow.
const flowIdle = 30 * time.Second

// loadSweeper verifies the program that ends what no packet ends.
func (n *node) loadSweeper(spec *ebpf.CollectionSpec, types *btf.Cache) error {
	if n.sweeper != nil {
		return nil
	}
	spec = spec.Copy()
	delete(spec.Programs, xmit.BPFProgIfitXmit)
	collection, err := ebpf.NewCollectionWithOptions(spec, ebpf.CollectionOptions{MapReplacements: n.shared(spec), Cache: types})
	if err != nil {
		return fmt.Errorf("load the sweeping program: %w", err)
	}
	defer collection.Close()
	n.sweeper = collection.DetachProgram(xmit.BPFProgIfitSweep)
	return nil
}

// sweep ends conditions whose packets have stopped and forgets flows. Without
// a program there is nothing to sweep.
func sweep(sweeper *ebpf.Program, idle time.Duration) error {
	if sweeper == nil {
		return nil
	}
	_, err := sweeper.Run(&ebpf.RunOptions{
		Context: xmit.BPFIfitSweepContext{FlowIdleNs: uint64(idle)},
	})
	if err != nil {
		return fmt.Errorf("sweep triggers: %w", err)
	}
	return nil
}

// SweepTriggers ends conditions whose packets have stopped, and forgets flows
// that triggers have not seen for long. It must be called several times a
// second where events are read.
func (e *Engine) SweepTriggers() error {
	e.sweeping.Lock()
	defer e.sweeping.Unlock()
	e.mu.Lock()
	var sweeper *ebpf.Program
	closed := e.closed
	if !closed && len(e.node.numbers.of) > 0 {
		sweeper = e.node.sweeper
	}
	e.mu.Unlock()
	if closed {
		return ErrClosed
	}
	// Many flows take milliseconds: a commit need not wait for that.
	return sweep(sweeper, flowIdle)
}
