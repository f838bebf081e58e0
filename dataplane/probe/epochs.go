package probe

import (
	"errors"
	"fmt"
	"math/bits"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
)

// drainsToForget is how many drains a superseded epoch is remembered for:
// the one that empties the table in use, and the next, for packets that were
// under way while the tables were swapped.
const drainsToForget = 2

// epoch says what the bits of a vector mean; the one bit of a sampled epoch
// is its policy.
type epoch struct {
	slots []flow.PolicyRef
	// byVector caches the policies of each vector that was met.
	byVector map[uint64][]flow.PolicyRef
	// inForce: records are made under it. Otherwise drains counts what came
	// since.
	inForce bool
	drains  int
}

// announce numbers a new rule set and enters it and the epochs of sampled
// policies into the ledger, before any packet can be counted under them. The
// number differs from the one in force in its last bit, which chooses between
// the old and the new contents of flow lists.
func (t *FlowTables) announce(policies []plan.Policy, states map[uint32]uint32) (uint32, error) {
	if err := t.announceSampled(policies, states); err != nil {
		return 0, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	n := t.highest
	for ok := true; ok || n&1 == t.ruleset&1; _, ok = t.epochs[n] {
		n = n%maxRuleset + 1
	}
	if err := t.enter(n, newLedgerEntry(policies, states)); err != nil {
		return 0, err
	}
	t.highest = n
	return n, nil
}

// announceSampled enters the epochs of sampled policies into the ledger.
func (t *FlowTables) announceSampled(policies []plan.Policy, states map[uint32]uint32) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for n, slot := range sampledEpochs(policies, states) {
		if err := t.enter(n, &ledgerEntry{slot}); err != nil {
			return err
		}
	}
	return nil
}

// room fails when the ledger might not take another rule set with the epochs
// of all its sampled policies.
func (t *FlowTables) room(policies []plan.Policy) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.epochs)+1+len(policies) > ledgerEpochs {
		return fmt.Errorf("the ledger holds %d epochs: %w", len(t.epochs), ErrUndrained)
	}
	return nil
}

func (t *FlowTables) enter(n uint32, e *ledgerEntry) error {
	err := t.lasting[pinLedger].Put(n, e)
	if errors.Is(err, unix.E2BIG) {
		err = ErrUndrained
	}
	if err != nil {
		return fmt.Errorf("enter epoch %#x into the ledger: %w", n, err)
	}
	t.epochs[n] = &epoch{slots: e.refs(), inForce: true}
	return nil
}

// inForce lists the epochs under which records are made.
func (t *FlowTables) inForce() (ruleset uint32, epochs map[uint32]bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	epochs = make(map[uint32]bool)
	for n, e := range t.epochs {
		if e.inForce {
			epochs[n] = true
		}
	}
	return t.ruleset, epochs
}

// enforce notes under which epochs records are made from now on.
func (t *FlowTables) enforce(ruleset uint32, epochs map[uint32]bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ruleset = ruleset
	for n, e := range t.epochs {
		e.inForce = epochs[n]
	}
}

// enforcePlan notes that the policies count under a rule set.
func (t *FlowTables) enforcePlan(ruleset uint32, policies []plan.Policy, states map[uint32]uint32) {
	epochs := map[uint32]bool{ruleset: true}
	for n := range sampledEpochs(policies, states) {
		epochs[n] = true
	}
	t.enforce(ruleset, epochs)
}

// sampledStates lists the states that the epochs of sampled policies name.
func (t *FlowTables) sampledStates() map[uint32]bool {
	if t == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	out := make(map[uint32]bool)
	for n := range t.epochs {
		if n&epochSampled != 0 {
			out[n&^epochSampled>>epochStateShift] = true
		}
	}
	return out
}

// Policies returns the policies that a record belongs to: of a canonical
// record those of its vector. The slice is shared and must not be changed. An
// epoch that nobody announced has none.
func (t *FlowTables) Policies(key *FlowKey, vector uint64) []flow.PolicyRef {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.epochs[key.epoch()]
	switch {
	case e == nil:
		return nil
	case key.Sampled():
		return e.slots
	case vector == 0:
		return nil
	}
	refs, ok := e.byVector[vector]
	if !ok {
		refs = e.policies(vector)
	}
	return refs
}

// maxCached bounds the cache; beyond it it starts anew.
const maxCached = 4096

func (e *epoch) policies(vector uint64) []flow.PolicyRef {
	if e.byVector == nil || len(e.byVector) >= maxCached {
		e.byVector = make(map[uint64][]flow.PolicyRef)
	}
	var refs []flow.PolicyRef
	for v := vector; v != 0; v &= v - 1 {
		if slot := bits.TrailingZeros64(v); slot < len(e.slots) {
			refs = append(refs, e.slots[slot])
		}
	}
	e.byVector[vector] = refs
	return refs
}

// drained forgets the epochs of which no record can come any more.
func (t *FlowTables) drained() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	var errs []error
	for n, e := range t.epochs {
		if e.inForce {
			e.drains = 0
			continue
		}
		if e.drains++; e.drains < drainsToForget {
			continue
		}
		delete(t.epochs, n)
		if err := t.lasting[pinLedger].Delete(n); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			errs = append(errs, fmt.Errorf("forget epoch %#x: %w", n, err))
		}
	}
	return errors.Join(errs...)
}
