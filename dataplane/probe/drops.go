package probe

import (
	"errors"
	"fmt"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/gen/bpf/drop"
	"github.com/openifit/openifit/gen/bpf/point"
)

// Names under which the two tables of drops are pinned.
const (
	pinDrops0 = "drop_table0"
	pinDrops1 = "drop_table1"
)

// metricRecords stands where a policy takes a trigger's place because it wants
// records of its flows' drops.
const metricRecords = flow.Metric(255)

func recordsDrops(p *plan.Policy) bool { return p.Actions&plan.ActDrop != 0 && len(p.Triggers) == 0 }

func nameRecords(p *plan.Policy) triggerName {
	return triggerName{policy: p.ID, index: 0xff, metric: metricRecords, perFlow: true}
}

func newRecords(p *plan.Policy) point.BPFIfitTrigger {
	return point.BPFIfitTrigger{
		Policy: p.ID, Generation: p.Generation, Metric: uint8(metricRecords), Index: 0xff, PerFlow: 1,
	}
}

// drops tells whether anybody wants to know of dropped packets.
func (w *watching) drops() bool { return w.config.DropTriggers|w.config.DropRecords != 0 }

// ErrNoDrops says that the kernel does not tell why it drops packets.
var ErrNoDrops = errors.New("the kernel does not tell why it drops packets: DROPS and PACKET_DROP need Linux 5.17 or newer with BTF")

// ErrNoDepartures says that no program can see packets behind their queue.
var ErrNoDepartures = errors.New("the kernel lets no program see packets behind their queue (" + FeatureTracing +
	"): triggers and histograms of TRANSIT_DELAY and QUEUE_DEPTH need that")

// tracepointArguments counts what a tracepoint hands to its programs.
func tracepointArguments(kernel *btf.Spec, name string) (int, error) {
	var t *btf.Typedef
	if err := kernel.TypeByName("btf_trace_"+name, &t); err != nil {
		return 0, err
	}
	pointer, ok := t.Type.(*btf.Pointer)
	if !ok {
		return 0, fmt.Errorf("tracepoint %s is declared as %s", name, t.Type)
	}
	proto, ok := pointer.Target.(*btf.FuncProto)
	if !ok {
		return 0, fmt.Errorf("tracepoint %s is declared as %s", name, pointer.Target)
	}
	// The first is for the kernel's own use.
	return len(proto.Params) - 1, nil
}

// tellsDrops finds out whether drops come with their reason.
func tellsDrops(kernel *btf.Spec) (bool, error) {
	var reasons *btf.Enum
	if ok, err := found(kernel.TypeByName("skb_drop_reason", &reasons)); !ok {
		return false, err
	}
	n, err := tracepointArguments(kernel, "kfree_skb")
	if ok, err := found(err); !ok {
		return false, err
	}
	return n >= 3, nil
}

// DropReasons are the kernel's names of the reasons to drop a packet, by
// number, without what all of them begin with.
func (e *Engine) DropReasons() (map[uint32]string, error) {
	kernel, err := e.types.Kernel()
	if err != nil {
		return nil, fmt.Errorf("read the kernel's types: %w", err)
	}
	var reasons *btf.Enum
	if err := kernel.TypeByName("skb_drop_reason", &reasons); err != nil {
		return nil, fmt.Errorf("read reasons of drops: %w", err)
	}
	out := make(map[uint32]string, len(reasons.Values))
	for _, v := range reasons.Values {
		out[uint32(v.Value)] = trimReason(v.Name)
	}
	return out, nil
}

// trimReason takes off what the names of reasons begin with.
func trimReason(name string) string {
	return strings.TrimPrefix(strings.TrimPrefix(name, "SKB_DROP_REASON_"), "SKB_")
}

// loadLosses verifies the drop program.
func (e *Engine) loadLosses() error {
	n := e.node
	if !e.Has(FeatureDropReasons) {
		return ErrNoDrops
	}
	if n.losses.program != nil {
		return nil
	}
	kernel, err := e.types.Kernel()
	if err != nil {
		return fmt.Errorf("read the kernel's types: %w", err)
	}
	arguments, err := tracepointArguments(kernel, "kfree_skb")
	if err != nil {
		return fmt.Errorf("read the types of kfree_skb: %w", err)
	}
	spec := e.dropSpec.Copy()
	if err := spec.Variables[drop.BPFVarTellsSocket].Set(arguments >= 4); err != nil {
		return fmt.Errorf("adapt the drop program: %w", err)
	}
	n.instance = n.config.DropInstance + 1
	if err := spec.Variables[drop.BPFVarInstance].Set(n.instance); err != nil {
		return fmt.Errorf("adapt the drop program: %w", err)
	}
	// The model of the tables is not itself in use.
	delete(spec.Maps, drop.BPFMapDropTable)
	return n.losses.load(spec, n.shared(spec), e.types)
}

// countLosses lets the loaded drop program count, and no other one.
func (n *node) countLosses() error {
	n.config.DropInstance = n.instance
	return n.write()
}

// dropTables are the two tables of drops: programs count into one while the
// other is drained.
type dropTables struct {
	outer  *ebpf.Map
	tables [2]*ebpf.Map
	active int
	// leftover: the table that is not in use may hold drops.
	leftover bool
}

func openDropTables(maps map[string]*ebpf.Map) (*dropTables, error) {
	d := &dropTables{
		outer: maps[drop.BPFMapDropTables], tables: [2]*ebpf.Map{maps[pinDrops0], maps[pinDrops1]}, leftover: true,
	}
	var inUse ebpf.MapID
	err := d.outer.Lookup(uint32(0), &inUse)
	if err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
		return nil, fmt.Errorf("find table of drops in use: %w", err)
	}
	for i, t := range d.tables {
		info, err := t.Info()
		if err != nil {
			return nil, fmt.Errorf("inspect table of drops: %w", err)
		}
		if id, ok := info.ID(); ok && id == inUse {
			d.active = i
			return d, nil
		}
	}
	if err := d.outer.Put(uint32(0), d.tables[0]); err != nil {
		return nil, fmt.Errorf("install table of drops: %w", err)
	}
	return d, nil
}

// swap puts the other table into use. It returns when no packet is under way
// that could still count into the former one: the kernel waits for that.
func (d *dropTables) swap() error {
	next := 1 - d.active
	if err := d.outer.Put(uint32(0), d.tables[next]); err != nil {
		return fmt.Errorf("swap tables of drops: %w", err)
	}
	d.active, d.leftover = next, true
	return nil
}

// DrainDrops takes what was counted of dropped packets out of the kernel: read
// must empty the table that it is given, into which no program counts. When
// it fails, it is given the table again by the next call.
func (e *Engine) DrainDrops(read func(*ebpf.Map) error) error {
	e.draining.Lock()
	defer e.draining.Unlock()
	e.mu.Lock()
	d, closed := e.node.drops, e.closed
	watched := e.node.losses != nil && e.node.losses.link != nil
	e.mu.Unlock()
	if closed {
		return ErrClosed
	}
	for {
		if d.leftover {
			if err := read(d.tables[1-d.active]); err != nil {
				return fmt.Errorf("drain drops: %w", err)
			}
			d.leftover = false
		}
		if !watched {
			return nil
		}
		if err := d.swap(); err != nil {
			return err
		}
		watched = false
	}
}

// DropCounters are the counts of the drop program since it came to this node.
type DropCounters struct {
	// Packets were dropped in the node's network namespace, Unknown of them
	// belong to no flow that a policy asks for.
	Packets, Unknown uint64
	// Refused packets of those asked for have no record: the table was full.
	Refused uint64
}

// DropCounters returns the counts of dropped packets, summed over CPUs.
func (e *Engine) DropCounters() (DropCounters, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return DropCounters{}, ErrClosed
	}
	var perCPU []drop.BPFIfitDropCounters
	if err := e.node.maps[drop.BPFMapDropCounters].Lookup(uint32(0), &perCPU); err != nil {
		return DropCounters{}, fmt.Errorf("read counters of drops: %w", err)
	}
	var sum DropCounters
	for i := range perCPU {
		sum.Packets += perCPU[i].Packets
		sum.Unknown += perCPU[i].Unknown
		sum.Refused += perCPU[i].Refused
	}
	return sum, nil
}
