// Package custom runs the probes that an operator brings: each as a function
// of a program of ours, beside the programs of Observation Points, and only as
// long as somebody watches what it costs.
package custom

import (
	"io"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/cilium/ebpf"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/dataplane/probe/custom/object"
)

// Instance is a probe that is to run for a policy.
type Instance struct {
	flow.PolicyRef
	// Policy and Probe are names, for messages.
	Policy, Probe string
	Object        *object.Object
	// Parameters are octets that Object.Encode made.
	Parameters []byte
	// Points are where it runs, sorted; each at most once.
	Points []plan.PointID
	Budget Budget
	// Answers, if not nil, is the map that takes what the probe returns: see
	// Engine.Answers.
	Answers *ebpf.Map
}

// Budget is what an instance may use.
type Budget struct {
	// PerPacket is the mean time for a packet, 0 for no bound.
	PerPacket time.Duration
	// CPU is the share of one CPU, 0.05 for five per cent; 0 for no bound.
	CPU float64
}

// same tells whether two instances are loaded alike.
func (i *Instance) same(o *Instance) bool {
	return i.Object.Digest == o.Object.Digest && (i.Answers == nil) == (o.Answers == nil) && slices.Equal(i.Parameters, o.Parameters)
}

// Config says how a Manager works.
type Config struct {
	Log *slog.Logger
	// Report is called with what probes report, by one goroutine at a time for
	// each instance; it must not block.
	Report func(*Report)
	// Exceeded is called when an instance was detached for what it cost.
	Exceeded func(Instance, Excess)
	// Interval is that of the budget, Counters that of reading counters; 0
	// for the usual ones.
	Interval, Counters time.Duration
	// Fault, for tests, is called before each step of a commit; an error makes
	// the step fail.
	Fault func(step string) error
}

// Manager keeps the instances that are wanted attached, in the network
// namespace of the calling threads. Nothing of it is pinned: a probe whose
// budget nobody watches any more is gone with its agent.
type Manager struct {
	cfg Config

	mu      sync.Mutex
	running map[uint32]*running
	// version counts changes, so that one made for an older state is refused.
	version uint64
	// stats is open while the kernel takes run times for this Manager.
	stats  io.Closer
	closed bool
}

// New returns a Manager of no instance.
func New(cfg Config) *Manager {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Report == nil {
		cfg.Report = func(*Report) {}
	}
	if cfg.Exceeded == nil {
		cfg.Exceeded = func(Instance, Excess) {}
	}
	if cfg.Interval == 0 {
		cfg.Interval = 250 * time.Millisecond
	}
	if cfg.Counters == 0 {
		cfg.Counters = 5 * time.Second
	}
	return &Manager{cfg: cfg, running: make(map[uint32]*running)}
}

// maxVerified bounds the instructions that the verifier walked, and with them
// the longest way that a packet can take through a probe.
const maxVerified = 1 << 15

// sides are the two directions' programs of an instance.
type sides [2]*ebpf.Program
