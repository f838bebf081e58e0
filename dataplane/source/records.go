package source

import (
	"fmt"
	"net/netip"
	"sync"

	"github.com/cilium/ebpf"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/probe"
	"github.com/openifit/openifit/gen/bpf/point"
)

// tcpOpens is IFIT_TCP_OPENS.
const tcpOpens = 0x8000

// Records drains the flow tables of an engine.
type Records struct {
	engine *probe.Engine
	cpus   int

	mu     sync.Mutex
	clock  Clock
	record flow.Record
	orphan uint64
}

// NewRecords returns the drain of an engine's flow tables.
func NewRecords(engine *probe.Engine) (*Records, error) {
	cpus, err := ebpf.PossibleCPU()
	if err != nil {
		return nil, fmt.Errorf("count CPUs: %w", err)
	}
	return &Records{engine: engine, cpus: cpus}, nil
}

// Drain takes all flow records out of the kernel and hands each to emit,
// which must not keep it. Flows that no policy accepts come too, because rules
// that deny count what they denied. It allocates nothing per record. When
// this process dies meanwhile, records may be lost.
func (r *Records) Drain(emit func(*flow.Record)) error { return r.DrainInto(forgetful{}, emit) }

// DrainInto drains as Drain does, without loss: what emit counts becomes
// final, table by table, when the journal commits it. Records that were
// emitted without a commit stay in the kernel, and a successor of this process
// gets them once more.
func (r *Records) DrainInto(journal probe.Journal, emit func(*flow.Record)) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.clock.Set(); err != nil {
		return err
	}
	return r.engine.Drain(counting{journal, r, emit})
}

// Orphans is the number of packets whose records named an epoch
// that nobody knows; more than 0 is a defect.
func (r *Records) Orphans() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.orphan
}

// forgetful is the journal of those who count for themselves.
type forgetful struct{}

func (forgetful) Counted(probe.Table) bool { return false }
func (forgetful) Commit(probe.Table) error { return nil }
func (forgetful) Keep(map[uint32]bool)     {}

// counting makes flow records of what the kernel holds.
type counting struct {
	probe.Journal
	records *Records
	emit    func(*flow.Record)
}

// Count emits some records of a table.
func (c counting) Count(t *probe.FlowTables, keys []probe.FlowKey, values []point.BPFIfitFlow) {
	r := c.records
	for i := range keys {
		if r.fill(t, &keys[i], values[i*r.cpus:(i+1)*r.cpus]) {
			c.emit(&r.record)
		}
	}
}

// fill makes a record of what the CPUs counted, and tells whether there is
// anything in it.
func (r *Records) fill(t *probe.FlowTables, key *probe.FlowKey, perCPU []point.BPFIfitFlow) bool {
	out := &r.record
	*out = flow.Record{Ifindex: t.Point.Ifindex, Direction: t.Point.Direction}
	var first, last, policies uint64
	for i := range perCPU {
		f := &perCPU[i]
		if f.Packets == 0 {
			continue
		}
		if out.Packets == 0 || f.First < first {
			first = f.First
		}
		if out.Packets == 0 || f.TtlMin < out.MinTTL {
			out.MinTTL = f.TtlMin
		}
		if f.Last >= last {
			last = f.Last
			out.IngressIfindex = f.IngressIfindex
		}
		out.Packets += f.Packets
		out.Octets += f.Octets
		out.TCPFlags |= f.TcpFlags &^ tcpOpens
		out.Opens = out.Opens || f.TcpFlags&tcpOpens != 0
		out.MaxTTL = max(out.MaxTTL, f.TtlMax)
		addDelay(&out.Delay, f)
		policies |= f.Policies
	}
	if out.Packets == 0 {
		return false
	}
	out.Sampled = key.Sampled()
	out.Policies = t.Policies(key, policies)
	if len(out.Policies) == 0 && (out.Sampled || policies != 0) {
		r.orphan += out.Packets
		return false
	}
	out.First, out.Last = r.clock.UNIX(first), r.clock.UNIX(last)
	out.Layer = key.Layer()
	out.Key.ID = ID(&key.Id)
	key.Fields(&out.Key)
	if t.Point.Direction == flow.Egress {
		out.EgressIfindex = t.Point.Ifindex
	} else {
		out.IngressIfindex = t.Point.Ifindex
	}
	return true
}

func addDelay(sum *flow.Delay, f *point.BPFIfitFlow) {
	if f.DelayPackets == 0 {
		return
	}
	if sum.Packets == 0 || f.DelayMin < sum.Min {
		sum.Min = f.DelayMin
	}
	sum.Max = max(sum.Max, f.DelayMax)
	sum.Sum += f.DelaySum
	sum.Packets += f.DelayPackets
}

// ID reads a 5-tuple as the programs write it.
func ID(id *point.BPFIfitFlowId) flow.ID {
	out := flow.ID{SourcePort: id.Sport, DestinationPort: id.Dport, Protocol: id.Proto}
	if id.Family == 4 {
		out.Source = netip.AddrFrom4([4]byte(id.Saddr[:4]))
		out.Destination = netip.AddrFrom4([4]byte(id.Daddr[:4]))
	} else {
		out.Source = netip.AddrFrom16(id.Saddr)
		out.Destination = netip.AddrFrom16(id.Daddr)
	}
	return out
}
