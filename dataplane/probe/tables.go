package probe

import (
	"fmt"
	"sync"

	"github.com/cilium/ebpf"

	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/gen/bpf/point"
)

// FlowTables are the two flow tables of one Observation Point: its program
// counts into one while the other is drained.
type FlowTables struct {
	// Point is where the records were made.
	Point plan.PointID

	lasting lasting
	// retired is where the maps are pinned once their point is gone, or empty.
	retired string
	active  int
	// leftover: the table that is not in use may hold records, because a
	// drain did not come to its end.
	leftover bool

	mu      sync.Mutex
	ruleset uint32
	highest uint32
	epochs  map[uint32]*epoch
}

func newFlowTables(id plan.PointID, l lasting) *FlowTables {
	return &FlowTables{Point: id, lasting: l, epochs: make(map[uint32]*epoch)}
}

// adoptFlowTables takes over what another process left; ruleset is the one in
// force, 0 when that is not known.
func adoptFlowTables(id plan.PointID, l lasting, ruleset uint32) (*FlowTables, error) {
	t := newFlowTables(id, l)
	t.leftover = true
	entries, err := readLedger(l[pinLedger])
	if err != nil {
		return nil, err
	}
	t.ruleset = ruleset
	for n, e := range entries {
		// Which of them are in force is not known before the next commit.
		t.epochs[n] = &epoch{slots: e.refs(), inForce: true}
		if n <= maxRuleset {
			t.highest = max(t.highest, n)
		}
	}
	var inUse ebpf.MapID
	if err := l[point.BPFMapFlowTables].Lookup(uint32(0), &inUse); err != nil {
		return nil, fmt.Errorf("find flow table in use: %w", err)
	}
	info, err := l[pinTable1].Info()
	if err != nil {
		return nil, fmt.Errorf("inspect flow table: %w", err)
	}
	if id, ok := info.ID(); ok && id == inUse {
		t.active = 1
	}
	return t, nil
}

// places is the number of flows that a table holds, 0 without tables.
func (t *FlowTables) places() uint32 {
	if t == nil {
		return 0
	}
	return t.table(0).MaxEntries()
}

func (t *FlowTables) table(i int) *ebpf.Map {
	return t.lasting[[...]string{pinTable0, pinTable1}[i]]
}

// swap puts the other table into use. It returns when no packet is under way
// that could still count into the former one: the kernel waits for that.
func (t *FlowTables) swap() error {
	next := 1 - t.active
	if err := t.lasting[point.BPFMapFlowTables].Put(uint32(0), t.table(next)); err != nil {
		return fmt.Errorf("swap flow tables: %w", err)
	}
	t.active = next
	t.leftover = true
	return nil
}

// empty hands the table that is not in use to read, which must empty it.
func (t *FlowTables) empty(read func(*FlowTables, *ebpf.Map) error) error {
	if !t.leftover {
		return nil
	}
	if err := read(t, t.table(1-t.active)); err != nil {
		return err
	}
	t.leftover = false
	return nil
}
