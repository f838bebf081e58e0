package probe

import (
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/gen/bpf/point"
)

// An epoch says under what a flow record was made: under a rule set of its
// point, or under one generation of one sampled policy. The constants are
// those of abi.h.
const (
	vlanBits        = 12
	epochBits       = 26
	epochSampled    = 1 << 25
	epochStateShift = 18
	epochGeneration = 1<<epochStateShift - 1
	maxRuleset      = epochSampled - 1
)

// FlowKey is the key of a record in the flow tables.
type FlowKey struct{ point.BPFIfitFlowKey }

// DSCP is the code point, 0 where no policy reads it.
func (k *FlowKey) DSCP() uint8 { return uint8(k.DscpEpoch >> epochBits) }

// FlowLabel is the IPv6 flow label, 0 where no policy reads it.
func (k *FlowKey) FlowLabel() uint32 { return k.LabelVlan >> vlanBits }

// VLAN is the VLAN identifier, 0 where no policy reads it.
func (k *FlowKey) VLAN() uint16 { return uint16(k.LabelVlan & (1<<vlanBits - 1)) }

// Sampled tells whether the record is that of one policy's selected packets.
func (k *FlowKey) Sampled() bool { return k.DscpEpoch&epochSampled != 0 }

func (k *FlowKey) epoch() uint32 { return k.DscpEpoch & (1<<epochBits - 1) }

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
