package probe

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/gen/bpf/drop"
	"github.com/openifit/openifit/gen/bpf/point"
	"github.com/openifit/openifit/gen/bpf/xmit"
)

// Config says how an engine works.
type Config struct {
	// PinDir is a directory of this engine's own, on a BPF file system; one
	// is mounted where none is. Nothing else may be kept there.
	PinDir string
	// ReplacePins takes over pins of another layout: their links go on, their
	// maps, with what was counted since the last drain, are given up.
	ReplacePins bool
	// Log is told what could not be put right by itself; nil discards that.
	Log *slog.Logger
	// Without names features that the engine must do without although the
	// kernel has them.
	Without []string
	// Fault, for tests, is called before each step of a commit or a drain with
	// the step's name; an error makes the step fail.
	Fault func(step string) error
}

// Engine keeps the kernel equal to a plan. It works in the network namespace
// of the calling threads, which must not change. Its methods may be called
// from several goroutines.
type Engine struct {
	cfg  Config
	pins pins
	// The programs of points, and those of the node.
	spec, xmitSpec, dropSpec *ebpf.CollectionSpec
	// types are the kernel's, whose reading takes most of a load's time.
	types *btf.Cache
	// features are what the kernel was looked at for.
	features []Feature
	// netlink speaks to the engine's network namespace about filters; nil
	// until there are any.
	netlink *netlink.Handle

	mu     sync.Mutex
	node   *node
	points map[plan.PointID]*observation
	// retired are tables of points that are gone, to be drained once more.
	retired []*FlowTables
	running plan.Plan
	// version counts commits, so that a change made for an older state of
	// affairs is refused.
	version uint64
	closed  bool
	// refused is why this engine leaves the pins alone.
	refused error

	// draining is held while tables are drained, sweeping while conditions are
	// looked through, preparing while a change is made or committed: it reads
	// memory of running programs that a commit unmaps. Each is taken before mu.
	draining, sweeping, preparing, counting sync.Mutex
	// room is what drains read into, one at a time.
	room *drainRoom
	cpus int
	// aging belongs to drains, too.
	aging aging
}

// ErrClosed says that the engine was closed or destroyed before.
var ErrClosed = errors.New("engine is closed")

// Open starts an engine and takes over what is pinned in its directory: those
// points keep counting; the next commit replaces their programs. Pins of
// another layout it leaves alone, unless told otherwise: such an engine has no
// points, and Prepare answers with a *LayoutError.
func Open(cfg Config) (*Engine, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.PinDir == "" {
		return nil, errors.New("open probe engine: no pin directory")
	}
	kernel, err := checkSystem()
	if err != nil {
		return nil, err
	}
	spec, err := point.LoadBPF()
	if err != nil {
		return nil, fmt.Errorf("read the program of Observation Points: %w", err)
	}
	xmitSpec, err := xmit.LoadBPF()
	if err != nil {
		return nil, fmt.Errorf("read the transmit program: %w", err)
	}
	dropSpec, err := drop.LoadBPF()
	if err != nil {
		return nil, fmt.Errorf("read the drop program: %w", err)
	}
	cpus, err := possibleCPUs()
	if err != nil {
		return nil, err
	}
	if err := ensureBPFFS(cfg.PinDir); err != nil {
		return nil, err
	}
	e := &Engine{
		cfg: cfg, pins: pins{cfg.PinDir}, spec: spec, xmitSpec: xmitSpec, dropSpec: dropSpec, types: btf.NewCache(),
		cpus:   int(cpus),
		points: make(map[plan.PointID]*observation),
	}
	if e.features, err = lookForFeatures(kernel, cfg.Without); err != nil {
		return nil, err
	}
	if err := errors.Join(e.adapt(spec), e.adapt(xmitSpec), e.adapt(dropSpec)); err != nil {
		return nil, err
	}
	if err := e.adopt(); err != nil {
		return nil, fmt.Errorf("take over the pins in %s: %w", cfg.PinDir, errors.Join(err, e.release()))
	}
	return e, nil
}

// Close releases everything and leaves it pinned and running.
func (e *Engine) Close() error {
	e.draining.Lock()
	defer e.draining.Unlock()
	e.sweeping.Lock()
	defer e.sweeping.Unlock()
	e.counting.Lock()
	defer e.counting.Unlock()
	e.preparing.Lock()
	defer e.preparing.Unlock()
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.release()
}

// Destroy detaches every program and removes every pin; records that were not
// drained are lost. Pins of another layout stay.
func (e *Engine) Destroy() error {
	e.draining.Lock()
	defer e.draining.Unlock()
	e.sweeping.Lock()
	defer e.sweeping.Unlock()
	e.counting.Lock()
	defer e.counting.Unlock()
	e.preparing.Lock()
	defer e.preparing.Unlock()
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return ErrClosed
	}
	if e.refused != nil {
		return errors.Join(e.refused, e.release())
	}
	var errs []error
	for _, o := range e.points {
		errs = append(errs, o.link.detach())
	}
	errs = append(errs, e.pins.removeAll())
	return errors.Join(append(errs, e.release())...)
}

func (e *Engine) release() error {
	if e.closed {
		return nil
	}
	e.closed = true
	var errs []error
	for _, o := range e.points {
		errs = append(errs, o.close())
	}
	for _, t := range e.retired {
		t.lasting.close()
	}
	e.node.close()
	if e.netlink != nil {
		e.netlink.Close()
	}
	return errors.Join(errs...)
}

// RenewLease lets every point of this node mark packets for the policy during
// d from now on. Where the policy does not mark it means nothing.
func (e *Engine) RenewLease(policyID uint32, d time.Duration) error {
	now, err := monotonic()
	if err != nil {
		return fmt.Errorf("renew lease: %w", err)
	}
	until := now + uint64(d)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return ErrClosed
	}
	found := false
	for _, o := range e.points {
		if o.live == nil { // taken over without its rates
			continue
		}
		for slot := range o.point.Policies {
			if o.point.Policies[slot].ID == policyID {
				o.live.setLease(slot, until)
				found = true
			}
		}
	}
	if !found {
		return fmt.Errorf("renew lease: no policy of number %d at any point", policyID)
	}
	return nil
}

// monotonic reads the clock that programs go by, in nanoseconds.
func monotonic() (uint64, error) {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return 0, fmt.Errorf("read clock: %w", err)
	}
	return uint64(now.Nano()), nil
}
