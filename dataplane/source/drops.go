package source

import (
	"errors"
	"fmt"
	"sync"
	"unsafe"

	"github.com/cilium/ebpf"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/probe"
	"github.com/openifit/openifit/gen/bpf/drop"
	"github.com/openifit/openifit/gen/bpf/point"
)

// dropBatch is how many drops one system call takes out of the kernel.
const dropBatch = 1024

// causes puts names to reasons and places of drops.
type causes struct {
	reasons map[uint32]string
	symbols *symbols
}

// newCauses reads the kernel's reasons; one without any is of no matter where
// drops are not asked for.
func newCauses(engine *probe.Engine) (*causes, error) {
	c := &causes{symbols: newSymbols()}
	if !engine.Has(probe.FeatureDropReasons) {
		return c, nil
	}
	var err error
	c.reasons, err = engine.DropReasons()
	return c, err
}

// reason is the kernel's name of a reason. Subsystems of the kernel have
// reasons of their own, whose names it does not list with the others.
func (c *causes) reason(number uint32) string {
	if name, ok := c.reasons[number]; ok {
		return name
	}
	const subsystem = 16
	return fmt.Sprintf("SUBSYSTEM_%d_REASON_%d", number>>subsystem, number&(1<<subsystem-1))
}

// Drops drains what an engine's kernel counted of dropped packets.
type Drops struct {
	engine *probe.Engine

	mu     sync.Mutex
	causes *causes
	clock  Clock
	keys   []drop.BPFIfitDropKey
	values []drop.BPFIfitDrop
}

// NewDrops returns the drain of an engine's drops.
func NewDrops(engine *probe.Engine) (*Drops, error) {
	c, err := newCauses(engine)
	if err != nil {
		return nil, err
	}
	return &Drops{
		engine: engine, causes: c,
		keys: make([]drop.BPFIfitDropKey, dropBatch), values: make([]drop.BPFIfitDrop, dropBatch),
	}, nil
}

// Drain takes all drops out of the kernel and hands each to emit, which must
// not keep it. When this process dies meanwhile, drops may be lost.
func (d *Drops) Drain(emit func(*flow.Drop)) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.clock.Set(); err != nil {
		return err
	}
	return d.engine.DrainDrops(func(table *ebpf.Map) error { return d.drain(table, emit) })
}

func (d *Drops) drain(table *ebpf.Map, emit func(*flow.Drop)) error {
	var cursor ebpf.MapBatchCursor
	for {
		n, err := table.BatchLookupAndDelete(&cursor, d.keys, d.values, nil)
		if err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			return fmt.Errorf("read table of drops: %w", err)
		}
		d.learn(n)
		for i := range n {
			out := d.drop(i)
			emit(&out)
		}
		if err != nil {
			return nil
		}
	}
}

// learn names the places of a batch at once.
func (d *Drops) learn(n int) {
	places := make([]uint64, n)
	for i := range n {
		places[i] = d.keys[i].Location
	}
	d.causes.symbols.learn(places)
}

func (d *Drops) drop(i int) flow.Drop {
	key, value := &d.keys[i], &d.values[i]
	return flow.Drop{
		ID: ID((*point.BPFIfitFlowId)(unsafe.Pointer(&key.Id))), Policy: flow.PolicyRef{ID: key.Policy, Generation: key.Generation},
		Reason: d.causes.reason(key.Reason), Location: d.causes.symbols.name(key.Location),
		IngressIfindex: key.IngressIfindex, EgressIfindex: key.EgressIfindex,
		Packets: value.Packets, Octets: value.Octets,
		First: d.clock.UNIX(value.First), Last: d.clock.UNIX(value.Last),
	}
}
