package source

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/dataplane/probe"
	"github.com/openifit/openifit/gen/bpf/point"
)

// After these times without a packet a connection is forgotten: one that is
// open, one that has ended, and any one while the table is nearly full.
const (
	tcpIdle    = 5 * time.Minute
	tcpEnded   = 10 * time.Second
	tcpCrowded = 15 * time.Second
)

// coarseClock is how far the kernel's coarse clock may be behind.
const coarseClock = 20 * time.Millisecond

// lookBack: another point saw the connection as well if it did so this long
// before the point that counts.
const lookBack = time.Second

// tcpBatch is the number of connections read by one system call.
const tcpBatch = 1024

// TCP reads the health of TCP connections.
type TCP struct {
	engine *probe.Engine

	mu     sync.Mutex
	clock  Clock
	keys   []point.BPFIfitFlowId
	values []point.BPFIfitTcpFlow
	// now is the monotonic time of the reading, last that of the one before.
	now, last uint64
	// empty: nothing can be in the table.
	empty bool
	known int
	out   flow.TCPHealth
}

// NewTCP returns the reader of an engine's connections.
func NewTCP(engine *probe.Engine) *TCP {
	return &TCP{
		engine: engine,
		keys:   make([]point.BPFIfitFlowId, tcpBatch),
		values: make([]point.BPFIfitTcpFlow, tcpBatch),
	}
}

// Read hands each direction of a connection of which packets came since the
// last reading to emit, which must not keep it, and forgets connections that
// have been silent for long. It must be called before the flow tables are
// drained, which forgets the rule sets that connections name.
func (t *TCP) Read(emit func(*flow.TCPHealth)) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	wanted, err := t.engine.WatchesTCP()
	if err != nil || !wanted && t.empty {
		return err
	}
	if err := t.clock.Set(); err != nil {
		return err
	}
	now, err := read(unix.CLOCK_MONOTONIC)
	if err != nil {
		return err
	}
	t.now = uint64(now)
	old, n, err := t.readAll(wanted, emit)
	if err != nil {
		return err
	}
	err = t.forget(old, emit)
	t.last, t.known, t.empty = t.now, n-len(old), err == nil && !wanted
	return err
}

// Connections is the number of connections that the last reading left.
func (t *TCP) Connections() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.known
}

// readAll returns the connections to be forgotten, and the number of all.
func (t *TCP) readAll(wanted bool, emit func(*flow.TCPHealth)) (old []point.BPFIfitFlowId, total int, err error) {
	table := t.engine.TCPFlows()
	idle := tcpIdle
	if uint32(t.known) > table.MaxEntries()/4*3 {
		idle = tcpCrowded
	}
	var cursor ebpf.MapBatchCursor
	for {
		n, err := table.BatchLookup(&cursor, t.keys, t.values, &ebpf.BatchOptions{ElemFlags: uint64(ebpf.LookupLock)})
		if err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			return nil, 0, fmt.Errorf("read TCP connections: %w", err)
		}
		for i := range n {
			t.tell(&t.keys[i], &t.values[i], emit)
			if !wanted || t.isOver(&t.values[i], idle) {
				old = append(old, t.keys[i])
			}
		}
		total += n
		if err != nil {
			return old, total, nil
		}
	}
}

// isOver tells whether a connection has been silent for too long.
func (t *TCP) isOver(f *point.BPFIfitTcpFlow, idle time.Duration) bool {
	a, b := &f.Half[0], &f.Half[1]
	if a.Fins > 0 && b.Fins > 0 || a.Resets+b.Resets > 0 {
		idle = min(idle, tcpEnded)
	}
	return t.now > max(a.Counted.LastNs, b.Counted.LastNs)+uint64(idle)
}

// forget takes connections out of the table. What came of them meanwhile is
// told, and does not come again.
func (t *TCP) forget(old []point.BPFIfitFlowId, emit func(*flow.TCPHealth)) error {
	last := t.last
	defer func() { t.last = last }()
	t.last = t.now
	for i := range old {
		err := t.engine.TCPFlows().LookupAndDeleteWithFlags(&old[i], &t.values[0], ebpf.LookupLock)
		if errors.Is(err, ebpf.ErrKeyNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("forget a TCP connection: %w", err)
		}
		t.tell(&old[i], &t.values[0], emit)
	}
	return nil
}

// tell hands out both directions of a connection, where there is news.
func (t *TCP) tell(id *point.BPFIfitFlowId, f *point.BPFIfitTcpFlow, emit func(*flow.TCPHealth)) {
	for i := range f.Half {
		half := &f.Half[i]
		if half.Packets == 0 || half.Counted.LastNs+uint64(coarseClock) < t.last {
			continue
		}
		policies := t.policies(half)
		if len(policies) == 0 {
			continue
		}
		t.out = flow.TCPHealth{ID: ID(id), Policies: policies}
		if i == 1 {
			o := &t.out.ID
			o.Source, o.Destination = o.Destination, o.Source
			o.SourcePort, o.DestinationPort = o.DestinationPort, o.SourcePort
		}
		t.fill(half)
		emit(&t.out)
	}
}

// policies are those that ask for one direction, wherever they see it.
func (t *TCP) policies(half *point.BPFIfitTcpHalf) []flow.PolicyRef {
	refs := t.at(&half.Counted)
	if half.Seen.LastNs == 0 || half.Seen.LastNs+uint64(lookBack) < half.Counted.LastNs {
		return refs
	}
	for _, ref := range t.at(&half.Seen) {
		if !slices.ContainsFunc(refs, func(r flow.PolicyRef) bool { return r.ID == ref.ID }) {
			refs = append(slices.Clip(refs), ref)
		}
	}
	return refs
}

func (t *TCP) at(view *point.BPFIfitTcpView) []flow.PolicyRef {
	id := plan.PointID{Ifindex: view.Ifindex, Direction: flow.Direction(view.Direction)}
	return t.engine.PoliciesAt(id, view.Ruleset, view.Slots)
}

func (t *TCP) fill(half *point.BPFIfitTcpHalf) {
	o := &t.out
	o.Ifindex, o.Direction = half.Counted.Ifindex, flow.Direction(half.Counted.Direction)
	o.First, o.Last = t.clock.UNIX(half.FirstNs), t.clock.UNIX(half.Counted.LastNs)
	o.Packets, o.Payload = half.Packets, half.Payload
	o.Retransmitted, o.RetransmittedOctets = uint64(half.Retransmitted), half.RetransmittedOctets
	o.OutOfOrder, o.Gaps = uint64(half.OutOfOrder), uint64(half.Gaps)
	o.DuplicateAcks, o.Probes = uint64(half.DuplicateAcks), uint64(half.Probes)
	o.ZeroWindows, o.ZeroWindowTime = uint64(half.ZeroWindows), half.ZeroWindowNs
	if half.ZeroSinceNs != 0 && half.ZeroSinceNs < t.now {
		o.ZeroWindowTime += t.now - half.ZeroSinceNs
	}
	o.SYNs, o.FINs, o.Resets = uint64(half.Syns), uint64(half.Fins), uint64(half.Resets)
	o.HandshakeRTT = half.HandshakeRtt
	o.RTT = flow.RTT{
		Samples: uint64(half.RttSamples), Sum: half.RttSum,
		Min: half.RttMin, Max: half.RttMax, Smoothed: half.RttSmoothed,
	}
}
