package probe

import (
	"unsafe"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/gen/bpf/point"
)

// constants are what the program of a point knows at load.
func constants(p *plan.Point, states map[uint32]uint32) point.BPFIfitPoint {
	c := point.BPFIfitPoint{
		Ifindex:  p.ID.Ifindex,
		Policies: uint32(len(p.Policies)),
	}
	features := point.BPFIfitFeature(0)
	if p.Stamp && p.ID.Direction == flow.Ingress {
		features |= point.BPFIfitFeatureIFIT_FEATURE_STAMP
	}
	for slot := range p.Policies {
		policy := &p.Policies[slot]
		bit := uint64(1) << slot
		c.Slot[slot].Policy = policy.ID
		c.Slot[slot].Algorithm = uint32(algorithm(policy.Select.Algorithm))
		c.Slot[slot].State = states[policy.ID]
		switch {
		case policy.FlowList:
			c.ListMask |= bit
			features |= point.BPFIfitFeatureIFIT_FEATURE_LIST
		case len(policy.Rules) > 0:
			c.RuleMask |= bit
			features |= point.BPFIfitFeatureIFIT_FEATURE_RULES
		default:
			c.AlwaysMask |= bit
		}
		if policy.Actions&plan.ActMeter != 0 {
			c.MeterMask |= bit
		}
		if policy.Actions&plan.ActDelay != 0 && p.ID.Direction == flow.Egress {
			features |= point.BPFIfitFeatureIFIT_FEATURE_DELAY
		}
		if policy.Select.Algorithm != plan.SelectAll {
			c.SampledMask |= bit
			c.Sampled[c.SampledSlots] = uint8(slot)
			c.SampledSlots++
			features |= point.BPFIfitFeatureIFIT_FEATURE_SAMPLE
		}
	}
	c.Features = uint32(features)
	// The two types are one struct of abi.h, which the generator names in one
	// place and spells out in the other.
	*(*point.BPFIfitFlowKey)(unsafe.Pointer(&c.KeyMask)) = keyMask(p.ReadFields())
	return c
}

func algorithm(a plan.Algorithm) point.BPFIfitAlgorithm {
	switch a {
	case plan.SelectSystematicCount:
		return point.BPFIfitAlgorithmIFIT_SELECT_SYSTEMATIC_COUNT
	case plan.SelectUniform:
		return point.BPFIfitAlgorithmIFIT_SELECT_UNIFORM
	default:
		return point.BPFIfitAlgorithmIFIT_SELECT_ALL
	}
}

// keyMask has ones where the key of a flow holds a field that is read. The
// address family always counts.
func keyMask(fields plan.KeyField) point.BPFIfitFlowKey {
	var m point.BPFIfitFlowKey
	m.Id.Family = ^m.Id.Family
	if fields&plan.KeySourceAddress != 0 {
		fill(m.Id.Saddr[:])
	}
	if fields&plan.KeyDestinationAddress != 0 {
		fill(m.Id.Daddr[:])
	}
	if fields&plan.KeySourcePort != 0 {
		m.Id.Sport = ^m.Id.Sport
	}
	if fields&plan.KeyDestinationPort != 0 {
		m.Id.Dport = ^m.Id.Dport
	}
	if fields&plan.KeyProtocol != 0 {
		m.Id.Proto = ^m.Id.Proto
	}
	if fields&plan.KeyDSCP != 0 {
		m.Dscp = ^m.Dscp
	}
	if fields&plan.KeyFlowLabel != 0 {
		m.FlowLabel = ^m.FlowLabel
	}
	if fields&plan.KeyVLAN != 0 {
		m.Vlan = ^m.Vlan
	}
	return m
}

func fill(octets []byte) {
	for i := range octets {
		octets[i] = 0xff
	}
}
