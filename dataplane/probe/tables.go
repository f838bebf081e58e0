package probe

import (
	"errors"
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
	// ids are the kernel's numbers for the two tables.
	ids [2]uint32
	// retired is where the maps are pinned once their point is gone, or empty.
	retired string
	active  int
	// standby is what is in the table that is not in use. Of its records a
	// drain that was interrupted has handed out so many, uncommitted.
	standby content
	handed  int

	mu      sync.Mutex
	ruleset uint32
	highest uint32
	epochs  map[uint32]*epoch
}

// Table identifies one of the two flow tables of a point. The kernel does not
// give its numbers again before the next boot.
type Table struct {
	// Pair is the number of the first table, ID that of the one that is meant.
	Pair, ID uint32
}

// content is what a table that no program uses may hold.
type content uint8

const (
	tableEmpty content = iota
	// tableFilled: records that nobody has counted, or the journal knows better.
	tableFilled
	// tableCounted: records that were counted and committed.
	tableCounted
)

func newFlowTables(id plan.PointID, l lasting) (*FlowTables, error) {
	t := &FlowTables{Point: id, lasting: l, epochs: make(map[uint32]*epoch)}
	for i := range t.ids {
		info, err := t.table(i).Info()
		if err != nil {
			return nil, fmt.Errorf("inspect flow table: %w", err)
		}
		number, ok := info.ID()
		if !ok {
			return nil, errors.New("inspect flow table: the kernel gives it no number")
		}
		t.ids[i] = uint32(number)
	}
	return t, nil
}

// adoptFlowTables takes over what another process left; ruleset is the one in
// force, 0 when that is not known.
func adoptFlowTables(id plan.PointID, l lasting, ruleset uint32) (*FlowTables, error) {
	t, err := newFlowTables(id, l)
	if err != nil {
		return nil, err
	}
	t.standby = tableFilled
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
	if uint32(inUse) == t.ids[1] {
		t.active = 1
	}
	return t, nil
}

// shape is what the tables are made for, the zero shape without tables.
func (t *FlowTables) shape() shape {
	if t == nil {
		return shape{}
	}
	return shape{places: t.table(0).MaxEntries(), key: t.table(0).KeySize()}
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
	t.active, t.standby = next, tableFilled
	return nil
}

// idle identifies the table that is not in use.
func (t *FlowTables) idle() Table { return Table{t.pair(), t.ids[1-t.active]} }

func (t *FlowTables) pair() uint32 { return t.ids[0] }
