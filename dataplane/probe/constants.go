package probe

import (
	"math/bits"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/gen/bpf/point"
)

// constants are what the program of a point knows at load.
func constants(p *plan.Point, states map[uint32]uint32, whole *plan.Plan, numbers triggerNumbers) point.BPFIfitPoint {
	c := point.BPFIfitPoint{
		Ifindex:   p.ID.Ifindex,
		Policies:  uint32(len(p.Policies)),
		Direction: uint32(p.ID.Direction),
	}
	features := pointFeatures(p, whole.MarkFields())
	for slot := range p.Policies {
		policy := &p.Policies[slot]
		bit := uint64(1) << slot
		c.Slot[slot].Policy = policy.ID
		c.Slot[slot].Algorithm = uint32(algorithm(policy.Select.Algorithm))
		c.Slot[slot].State = states[policy.ID]
		c.Slot[slot].FlowFields = uint32(policy.FlowFields())
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
		if policy.Biflow {
			features |= point.BPFIfitFeatureIFIT_FEATURE_BIFLOW
		}
		if policy.Actions&^plan.ActPostcard != 0 {
			features |= point.BPFIfitFeatureIFIT_FEATURE_EVERY_PACKET
		}
		if policy.Actions&plan.ActMark != 0 {
			c.MarkMask |= bit
			features |= point.BPFIfitFeatureIFIT_FEATURE_MARK
		}
		if policy.Actions&plan.ActPostcard != 0 {
			c.PostcardMask |= bit
			features |= point.BPFIfitFeatureIFIT_FEATURE_POSTCARD
		}
		if policy.Answer {
			c.AnswerPolicy = policy.ID
		}
		if policy.Actions&plan.ActSketch != 0 {
			c.SketchMask |= bit
			c.SketchParts = sketchParts(policy.Sketch.Parts)
			features |= point.BPFIfitFeatureIFIT_FEATURE_SKETCH
		}
		if policy.Actions&(plan.ActEvent|plan.ActDrop) != 0 {
			c.EventMask |= bit
			c.SlotTriggers[slot] = numbers.vector(policy)
			features |= point.BPFIfitFeatureIFIT_FEATURE_EVENT | triggerFeatures(policy.Triggers)
		}
		if policy.Actions&plan.ActTCP != 0 {
			c.TcpMask |= bit
			if policy.Local {
				c.TcpLocalMask |= bit
			}
			features |= point.BPFIfitFeatureIFIT_FEATURE_TCP
		}
		if policy.Actions&plan.ActDelay != 0 && p.ID.Direction == flow.Egress {
			features |= point.BPFIfitFeatureIFIT_FEATURE_DELAY
		}
		if policy.Actions&plan.ActDigest != 0 {
			c.DigestMask |= bit
			features |= point.BPFIfitFeatureIFIT_FEATURE_DIGEST
		}
		if policy.Select.PerFlow {
			c.FlowMask |= bit
			features |= point.BPFIfitFeatureIFIT_FEATURE_PER_FLOW
		}
		if policy.Select.Algorithm != plan.SelectAll {
			c.Algorithms |= 1 << c.Slot[slot].Algorithm
			c.SampledMask |= bit
			c.Sampled[c.SampledSlots] = uint8(slot)
			c.SampledSlots++
			features |= point.BPFIfitFeatureIFIT_FEATURE_SAMPLE
			if whole.MaxSelected > 0 {
				features |= point.BPFIfitFeatureIFIT_FEATURE_LIMIT
			}
		}
	}
	c.KeyFields = uint32(p.ReadFields())
	if maskAddresses(p, &c) {
		features |= point.BPFIfitFeatureIFIT_FEATURE_PREFIXES
	}
	c.Features = uint32(features | layerFeatures(p, &c))
	return c
}

// deepFeatures are what needs calls within calls, and so most of the stack.
const deepFeatures = point.BPFIfitFeatureIFIT_FEATURE_INNER | point.BPFIfitFeatureIFIT_FEATURE_SAMPLE |
	point.BPFIfitFeatureIFIT_FEATURE_TCP | point.BPFIfitFeatureIFIT_FEATURE_DIGEST |
	point.BPFIfitFeatureIFIT_FEATURE_BURST

// plainFeatures are the other classes of what a program does beyond metering.
// A program that keeps its packet on the stack, where the verifier follows
// every value that is ever written, has one of them at most.
const plainFeatures = point.BPFIfitFeatureIFIT_FEATURE_SKETCH | point.BPFIfitFeatureIFIT_FEATURE_EVENT |
	point.BPFIfitFeatureIFIT_FEATURE_MARK

// programFor chooses the program for a point with these constants.
func programFor(p *plan.Point, known *point.BPFIfitPoint) string {
	features := point.BPFIfitFeature(known.Features)
	roomy := features&deepFeatures != 0 || bits.OnesCount32(uint32(features&plainFeatures)) > 1
	switch {
	case p.ID.Direction == flow.Egress && roomy:
		return point.BPFProgIfitRoomyOut
	case p.ID.Direction == flow.Egress:
		return point.BPFProgIfitEgress
	case roomy:
		return point.BPFProgIfitRoomyIn
	}
	return point.BPFProgIfitIngress
}

// layerFeatures are those that read inside of tunnels.
func layerFeatures(p *plan.Point, c *point.BPFIfitPoint) (f point.BPFIfitFeature) {
	for slot := range p.Policies {
		if p.Policies[slot].Inner {
			c.InnerMask |= 1 << slot
		}
	}
	outer, inner := p.Layers()
	if inner {
		f |= point.BPFIfitFeatureIFIT_FEATURE_INNER
	}
	if outer && inner {
		f |= point.BPFIfitFeatureIFIT_FEATURE_LAYERS
	}
	if inner || p.ReadFields()&(plan.KeyVNI|plan.KeyMPLS|plan.KeySegment) != 0 {
		f |= point.BPFIfitFeatureIFIT_FEATURE_TUNNEL
	}
	return f
}

// pointFeatures are those that a point has whatever its policies are; marks
// are the fields in which the domain has any.
func pointFeatures(p *plan.Point, marks plan.MarkFields) point.BPFIfitFeature {
	var f point.BPFIfitFeature
	if p.Stamp && p.ID.Direction == flow.Ingress {
		f |= point.BPFIfitFeatureIFIT_FEATURE_STAMP
	}
	if marks == 0 {
		return f
	}
	if marks.Has(plan.MarkDSCP) {
		f |= point.BPFIfitFeatureIFIT_FEATURE_CODE_POINTS
	}
	if marks.Has(plan.MarkFlag) {
		f |= point.BPFIfitFeatureIFIT_FEATURE_FLAG_MARKS
	}
	if marks.Has(plan.MarkLabel) {
		f |= point.BPFIfitFeatureIFIT_FEATURE_LABEL_MARKS
	}
	if p.Postcards {
		f |= point.BPFIfitFeatureIFIT_FEATURE_POSTCARD
	}
	if p.Unmark {
		f |= point.BPFIfitFeatureIFIT_FEATURE_UNMARK
	}
	if p.StripForeign && p.ID.Direction == flow.Ingress {
		f |= point.BPFIfitFeatureIFIT_FEATURE_STRIP
		switch p.ForeignMark {
		case plan.ForeignDrop:
			f |= point.BPFIfitFeatureIFIT_FEATURE_DROP_FOREIGN
		case plan.ForeignPass:
			f |= point.BPFIfitFeatureIFIT_FEATURE_PASS_FOREIGN
		}
	}
	return f
}

// triggerFeatures are those that some metrics need.
func triggerFeatures(triggers []plan.Trigger) (f point.BPFIfitFeature) {
	for i := range triggers {
		switch triggers[i].Metric {
		case flow.MetricFlowRate:
			f |= point.BPFIfitFeatureIFIT_FEATURE_RATE
		case flow.MetricMicroburst:
			f |= point.BPFIfitFeatureIFIT_FEATURE_BURST
		}
	}
	return f
}

func algorithm(a plan.Algorithm) point.BPFIfitAlgorithm {
	switch a {
	case plan.SelectSystematicCount:
		return point.BPFIfitAlgorithmIFIT_SELECT_SYSTEMATIC_COUNT
	case plan.SelectUniform:
		return point.BPFIfitAlgorithmIFIT_SELECT_UNIFORM
	case plan.SelectSystematicTime:
		return point.BPFIfitAlgorithmIFIT_SELECT_SYSTEMATIC_TIME
	case plan.SelectRandom:
		return point.BPFIfitAlgorithmIFIT_SELECT_RANDOM
	case plan.SelectProperty:
		return point.BPFIfitAlgorithmIFIT_SELECT_PROPERTY
	case plan.SelectHashBOB:
		return point.BPFIfitAlgorithmIFIT_SELECT_BOB
	case plan.SelectHashIPSX:
		return point.BPFIfitAlgorithmIFIT_SELECT_IPSX
	case plan.SelectHashCRC32:
		return point.BPFIfitAlgorithmIFIT_SELECT_CRC32
	default:
		return point.BPFIfitAlgorithmIFIT_SELECT_ALL
	}
}

func sketchParts(parts plan.SketchPart) uint32 {
	var out point.BPFIfitSketchPart
	if parts&plan.SketchHeavy != 0 {
		out |= point.BPFIfitSketchPartIFIT_SKETCH_HEAVY
	}
	if parts&plan.SketchDistinct != 0 {
		out |= point.BPFIfitSketchPartIFIT_SKETCH_DISTINCT
	}
	if parts&plan.SketchSpread != 0 {
		out |= point.BPFIfitSketchPartIFIT_SKETCH_SPREAD
	}
	return uint32(out)
}
