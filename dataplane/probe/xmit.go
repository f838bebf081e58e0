package probe

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"

	"github.com/openifit/openifit/gen/bpf/xmit"
)

const (
	pinXmitLink    = "link"
	pinXmitProgram = "program"
)

// flowIdle is the time after which a flow without packets is forgotten; its
// next packet makes it a new flow.
const flowIdle = 30 * time.Second

// xmitProgram is the node's one tracing program, which sees packets behind
// the queues, and the program that sweeps its conditions. All that they are
// told is in maps. Two versions may be attached at once while one follows the
// other: each step of a condition is made by one of them alone.
type xmitProgram struct {
	dir  string
	link link.Link
	// current: the program behind the link is the one that this process would
	// attach, and works on the maps of this node.
	current bool
	// tag of the program behind an adopted link.
	tag string
	// both nil until they are needed.
	program, sweeper *ebpf.Program
}

// adoptXmit takes over what another process attached. With fresh maps that
// program works on other ones than ours.
func adoptXmit(dir string, fresh bool) (*xmitProgram, error) {
	x := &xmitProgram{dir: dir}
	l, err := link.LoadPinnedLink(filepath.Join(dir, pinXmitLink), nil)
	if errors.Is(err, os.ErrNotExist) {
		return x, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open pinned link of the transmit program: %w", err)
	}
	x.link = l
	p, err := ebpf.LoadPinnedProgram(filepath.Join(dir, pinXmitProgram), nil)
	if err != nil || fresh {
		// It will be replaced or detached by the next commit.
		return x, nil
	}
	defer p.Close()
	info, err := p.Info()
	if err != nil {
		return nil, fmt.Errorf("inspect the transmit program: %w", err)
	}
	x.tag = info.Tag
	return x, nil
}

// load verifies the programs; nothing is attached.
func (x *xmitProgram) load(spec *ebpf.CollectionSpec, shared map[string]*ebpf.Map, types *btf.Cache) error {
	if x.program != nil {
		return nil
	}
	collection, err := ebpf.NewCollectionWithOptions(spec, ebpf.CollectionOptions{MapReplacements: shared, Cache: types})
	if err != nil {
		return fmt.Errorf("load the transmit program: %w", err)
	}
	defer collection.Close()
	info, err := collection.Programs[xmit.BPFProgIfitXmit].Info()
	if err != nil {
		return fmt.Errorf("inspect the transmit program: %w", err)
	}
	x.current = x.link != nil && x.tag == info.Tag
	x.program = collection.DetachProgram(xmit.BPFProgIfitXmit)
	x.sweeper = collection.DetachProgram(xmit.BPFProgIfitSweep)
	return nil
}

// attach makes the loaded program see packets; a former one goes afterwards.
func (x *xmitProgram) attach() error {
	if x.current {
		return nil
	}
	l, err := link.AttachTracing(link.TracingOptions{Program: x.program, AttachType: ebpf.AttachTraceRawTp})
	if err != nil {
		return fmt.Errorf("attach the transmit program: %w", err)
	}
	if err := x.pin(l); err != nil {
		return errors.Join(err, l.Close(), x.unpin())
	}
	if x.link != nil {
		x.link.Close()
	}
	x.link, x.current = l, true
	return nil
}

func (x *xmitProgram) pin(l link.Link) error {
	if err := x.unpin(); err != nil {
		return err
	}
	if err := os.MkdirAll(x.dir, 0o700); err != nil {
		return fmt.Errorf("create pin directory: %w", err)
	}
	if err := x.program.Pin(filepath.Join(x.dir, pinXmitProgram)); err != nil {
		return fmt.Errorf("pin the transmit program: %w", err)
	}
	if err := l.Pin(filepath.Join(x.dir, pinXmitLink)); err != nil {
		return fmt.Errorf("pin the link of the transmit program: %w", err)
	}
	return nil
}

func (x *xmitProgram) unpin() error {
	if err := os.RemoveAll(x.dir); err != nil {
		return fmt.Errorf("unpin the transmit program: %w", err)
	}
	return nil
}

func (x *xmitProgram) detach() error {
	if x.link == nil {
		return nil
	}
	err := errors.Join(x.unpin(), x.link.Close())
	x.link, x.current, x.tag = nil, false, ""
	return err
}

func (x *xmitProgram) close() {
	if x == nil {
		return
	}
	if x.link != nil {
		x.link.Close()
	}
	if x.program != nil {
		x.program.Close()
		x.sweeper.Close()
	}
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
		sweeper = e.node.xmit.sweeper
	}
	e.mu.Unlock()
	if closed {
		return ErrClosed
	}
	// Many flows take milliseconds: a commit need not wait for that.
	return sweep(sweeper, flowIdle)
}
