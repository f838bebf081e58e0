package probe

import (
	"fmt"

	"github.com/cilium/ebpf"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
)

// ledgerEpochs is the number of epochs that can be in force or await their
// last record.
const ledgerEpochs = 4096

// ledgerSlot is one policy of an epoch.
type ledgerSlot struct {
	Policy, Generation, State uint32
}

// ledgerEntry says what the bits of a vector meant in one epoch.
type ledgerEntry [plan.MaxPolicies]ledgerSlot

// The ledger maps each epoch that records may still name to its policies.
// Programs never read it: it is a map so that the meaning of the records in
// the kernel outlives the process that knows it.
func ledgerSpec() *ebpf.MapSpec {
	return &ebpf.MapSpec{
		Name: "ifit_ledger", Type: ebpf.Hash, Flags: 1, // BPF_F_NO_PREALLOC
		KeySize: 4, ValueSize: 12 * plan.MaxPolicies, MaxEntries: ledgerEpochs,
	}
}

func newLedgerEntry(policies []plan.Policy, states map[uint32]uint32) *ledgerEntry {
	var e ledgerEntry
	for slot := range policies {
		ref := policies[slot].PolicyRef
		e[slot] = ledgerSlot{ref.ID, ref.Generation, states[ref.ID]}
	}
	return &e
}

// refs lists the policies by slot.
func (e *ledgerEntry) refs() []flow.PolicyRef {
	var out []flow.PolicyRef
	for _, s := range e {
		if s.Policy == 0 {
			break
		}
		out = append(out, flow.PolicyRef{ID: s.Policy, Generation: s.Generation})
	}
	return out
}

func (e *ledgerEntry) states() map[uint32]uint32 {
	out := make(map[uint32]uint32)
	for _, s := range e {
		if s.Policy != 0 {
			out[s.Policy] = s.State
		}
	}
	return out
}

// readLedger returns all epochs.
func readLedger(m *ebpf.Map) (map[uint32]*ledgerEntry, error) {
	out := make(map[uint32]*ledgerEntry)
	var n uint32
	var e ledgerEntry
	it := m.Iterate()
	for it.Next(&n, &e) {
		entry := e
		out[n] = &entry
	}
	if err := it.Err(); err != nil {
		return nil, fmt.Errorf("read ledger of epochs: %w", err)
	}
	return out, nil
}
