package probe

import (
	"errors"
	"fmt"
	"math/bits"
	"sync"

	"github.com/cilium/ebpf"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/gen/bpf/point"
)

// drainsToForget is how many drains a superseded rule set is remembered for:
// the one that empties the table in use, and the next, for packets that were
// under way while the tables were swapped.
const drainsToForget = 2

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

	mu       sync.Mutex
	current  uint32
	highest  uint32
	rulesets map[uint32]*ruleset
	// byPolicy caches one-element slices for the records of sampled policies.
	byPolicy map[flow.PolicyRef][]flow.PolicyRef
}

// ruleset says what the bits of a vector mean.
type ruleset struct {
	slots []flow.PolicyRef
	// byVector caches the policies of each vector that was met.
	byVector map[uint64][]flow.PolicyRef
	// drains counts what came after the rule set was superseded.
	drains int
}

func newFlowTables(id plan.PointID, l lasting) *FlowTables {
	return &FlowTables{
		Point: id, lasting: l,
		rulesets: make(map[uint32]*ruleset),
		byPolicy: make(map[flow.PolicyRef][]flow.PolicyRef),
	}
}

// adoptFlowTables takes over what another process left; current is the rule
// set in force, 0 when that is not known.
func adoptFlowTables(id plan.PointID, l lasting, current uint32) (*FlowTables, error) {
	t := newFlowTables(id, l)
	t.leftover = true
	entries, err := readLedger(l[pinLedger])
	if err != nil {
		return nil, err
	}
	t.current = current
	for n, e := range entries {
		t.rulesets[n] = &ruleset{slots: e.refs()}
		t.highest = max(t.highest, n)
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

// announce numbers a new rule set and enters it into the ledger, before any
// packet can be counted under it. Numbers are never used twice, and each
// differs from the one in force in its last bit, which chooses between the
// old and the new contents of flow lists.
func (t *FlowTables) announce(e *ledgerEntry) (uint32, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := t.highest + 1
	if n&1 == t.current&1 {
		n++
	}
	if err := t.lasting[pinLedger].Put(n, e); err != nil {
		return 0, fmt.Errorf("enter rule set %d into the ledger: %w", n, err)
	}
	t.highest = n
	t.rulesets[n] = &ruleset{slots: e.refs()}
	return n, nil
}

// enforce notes which rule set is in force now.
func (t *FlowTables) enforce(n uint32) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.current = n
}

// Policies returns the policies of a vector under a rule set; the slice is
// shared and must not be changed. A rule set that nobody announced has none.
func (t *FlowTables) Policies(number uint32, vector uint64) []flow.PolicyRef {
	t.mu.Lock()
	defer t.mu.Unlock()
	rs := t.rulesets[number]
	if rs == nil || vector == 0 {
		return nil
	}
	refs, ok := rs.byVector[vector]
	if !ok {
		refs = rs.policies(vector)
	}
	return refs
}

// maxCached bounds the caches; beyond it they start anew.
const maxCached = 4096

func (rs *ruleset) policies(vector uint64) []flow.PolicyRef {
	if rs.byVector == nil || len(rs.byVector) >= maxCached {
		rs.byVector = make(map[uint64][]flow.PolicyRef)
	}
	var refs []flow.PolicyRef
	for v := vector; v != 0; v &= v - 1 {
		if slot := bits.TrailingZeros64(v); slot < len(rs.slots) {
			refs = append(refs, rs.slots[slot])
		}
	}
	rs.byVector[vector] = refs
	return refs
}

// Sampled returns a shared slice with one policy in it.
func (t *FlowTables) Sampled(ref flow.PolicyRef) []flow.PolicyRef {
	t.mu.Lock()
	defer t.mu.Unlock()
	refs, ok := t.byPolicy[ref]
	if !ok {
		if len(t.byPolicy) >= maxCached {
			clear(t.byPolicy)
		}
		refs = []flow.PolicyRef{ref}
		t.byPolicy[ref] = refs
	}
	return refs
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

// drained forgets the rule sets of which no record can come any more.
func (t *FlowTables) drained() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	var errs []error
	for n, rs := range t.rulesets {
		if n == t.current || n > t.current {
			continue
		}
		if rs.drains++; rs.drains < drainsToForget {
			continue
		}
		delete(t.rulesets, n)
		if err := t.lasting[pinLedger].Delete(n); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			errs = append(errs, fmt.Errorf("forget rule set %d: %w", n, err))
		}
	}
	return errors.Join(errs...)
}
