package probe

import "github.com/openifit/openifit/dataplane/plan"

// An epoch says under what a flow record was made: under a rule set of its
// point, or under one generation of one sampled policy. The constants are
// those of abi.h.
const (
	epochBits       = 26
	epochSampled    = 1 << 25
	epochLayerShift = 23
	epochLayer      = 3
	epochStateShift = 18
	epochGeneration = 1<<epochStateShift - 1
	maxRuleset      = 1<<epochLayerShift - 1
)

// epoch is that of the record, without its layer.
func (k *FlowKey) epoch() uint32 {
	if k.Sampled() {
		return k.DscpEpoch & (1<<epochBits - 1)
	}
	return k.DscpEpoch & maxRuleset
}

func sampledEpoch(state, generation uint32) uint32 {
	return epochSampled | state<<epochStateShift | generation&epochGeneration
}

// sampledEpochs are those under which the sampled policies of a point count.
func sampledEpochs(policies []plan.Policy, states map[uint32]uint32) map[uint32]ledgerSlot {
	out := make(map[uint32]ledgerSlot)
	for i := range policies {
		p := &policies[i]
		if p.Select.Algorithm != plan.SelectAll {
			state := states[p.ID]
			out[sampledEpoch(state, p.Generation)] = ledgerSlot{p.ID, p.Generation, state}
		}
	}
	return out
}
