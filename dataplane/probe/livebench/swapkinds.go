//go:build linux

package livebench

import (
	"net/netip"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
)

// setting is a configuration of the point whose program is swapped. Whatever
// it is, policy 1 meters every packet.
type setting struct {
	generation uint32
	// second: there is another policy.
	second, ruled, listed, faster, coarse, wide, large, marks, sketch, triggers, tcp, hash, inner bool
	// again counts the agents that have taken the point over.
	again int
}

// swapKind is one kind of change, made and taken back in turn.
type swapKind struct {
	name string
	make func(*setting)
}

func swapKinds() []swapKind {
	toggle := func(b *bool) { *b = !*b }
	return []swapKind{
		{"policy", func(s *setting) { toggle(&s.second) }},
		{"rules", func(s *setting) { toggle(&s.ruled) }},
		{"generation", func(s *setting) { s.generation++ }},
		{"flow list", func(s *setting) { toggle(&s.listed) }},
		{"rate", func(s *setting) { toggle(&s.faster) }},
		{"flow keys", func(s *setting) { toggle(&s.coarse) }},
		{"key width", func(s *setting) { toggle(&s.wide) }},
		{"table size", func(s *setting) { toggle(&s.large) }},
		{"marks", func(s *setting) { toggle(&s.marks) }},
		{"sketch", func(s *setting) { toggle(&s.sketch) }},
		{"tcp", func(s *setting) { toggle(&s.tcp) }},
		{"hash selection", func(s *setting) { toggle(&s.hash) }},
		{"inner header", func(s *setting) { toggle(&s.inner) }},
		{"triggers", func(s *setting) { toggle(&s.triggers) }},
		{"agent", func(s *setting) { s.again++ }},
	}
}

// plan is what the engine is given. Policies that are always there change
// their generation with each setting that concerns them.
func (s *setting) plan(at func(...plan.Policy) plan.Point) plan.Plan {
	all := metering(1 + s.generation)
	all.Rules = []plan.Rule{anyUDP(0)}
	if s.ruled {
		all.Rules = append([]plan.Rule{anyUDP(7001), anyUDP(9)}, anyUDP(0))
		all.Rules[0].Sequence, all.Rules[1].Sequence = 1, 2
		all.Rules[1].Deny = true
		all.Generation += 1 << 20
	}
	if s.coarse {
		all.Keys |= plan.KeyDSCP
		all.Generation += 1 << 21
	}
	if s.wide {
		all.Keys |= plan.KeyVNI
		all.Generation += 1 << 22
	}
	sampled := metering(1)
	sampled.ID = 2
	sampled.Select = plan.Selection{Algorithm: plan.SelectUniform, Threshold: 1 << 28}
	if s.faster {
		sampled.Generation, sampled.Select.Threshold = 2, 1<<29
	}
	listed := metering(1)
	listed.ID, listed.FlowList = 3, true
	listed.Flows = []flow.ID{{Source: netip.AddrFrom4([4]byte{10, 0, 0, 1}), Destination: netip.AddrFrom4([4]byte{192, 0, 2, 1}), SourcePort: 7000, DestinationPort: 7001, Protocol: 17}}
	if s.listed {
		listed.Generation, listed.Flows[0].SourcePort = 2, 7002
	}
	policies := []plan.Policy{all, sampled, listed}
	if s.second {
		another := metering(1)
		another.ID = 4
		policies = append(policies, another)
	}
	if s.tcp {
		policies = append(policies, plan.Policy{
			PolicyRef: flow.PolicyRef{ID: 8, Generation: 1}, Name: "tcp", Actions: plan.ActMeter | plan.ActTCP, Keys: plan.Key5Tuple,
		})
	}
	if s.hash {
		hashed := metering(1)
		hashed.ID = 9
		hashed.Select = plan.Selection{
			Algorithm: plan.SelectHashBOB, NumRanges: 1, Ranges: [plan.MaxHashRanges]plan.HashRange{{Min: 0, Max: 1 << 28}},
		}
		policies = append(policies, hashed)
	}
	if s.inner {
		inner := metering(1)
		inner.ID, inner.Inner = 10, true
		policies = append(policies, inner)
	}
	if s.sketch {
		policies = append(policies, plan.Policy{
			PolicyRef: flow.PolicyRef{ID: 5, Generation: 1}, Name: "sketch", Actions: plan.ActSketch,
			Keys: plan.Key5Tuple, Sketch: plan.Sketch{Parts: plan.SketchHeavy, TopK: 10, Epoch: sketchEpoch},
		})
	}
	if s.triggers {
		policies = append(policies, plan.Policy{
			PolicyRef: flow.PolicyRef{ID: 6, Generation: 1}, Name: "triggers", Actions: plan.ActEvent,
			Keys: plan.Key5Tuple, Triggers: []plan.Trigger{{Name: "new", Metric: flow.MetricNewFlow, PerFlow: true}},
		})
	}
	out := plan.Plan{MaxFlows: 1 << 14}
	if s.large {
		out.MaxFlows = 1 << 15
	}
	if s.marks {
		out.Unmark, policies = markEverything(policies)
	}
	out.Points = []plan.Point{at(policies...)}
	if s.marks {
		p := &out.Points[0]
		p.Role, p.StripForeign, p.ForeignMark, p.Unmark = plan.RoleEdge, true, plan.ForeignStrip, true
	}
	return out
}

// markedDSCP is the mark of best effort.
const markedDSCP = 3

// markEverything adds a policy that marks, and tells what the mark means.
func markEverything(policies []plan.Policy) (unmark [64]uint8, _ []plan.Policy) {
	marking := plan.Policy{PolicyRef: flow.PolicyRef{ID: markingPolicy, Generation: 1}, Name: "marks", Actions: plan.ActMark, Keys: plan.Key5Tuple}
	for i := range unmark {
		unmark[i], marking.Mark[i] = plan.NoMark, plan.NoMark
	}
	unmark[markedDSCP], marking.Mark[0] = 0, markedDSCP
	return unmark, append(policies, marking)
}

const markingPolicy = 7

// anyUDP is a rule for a destination port, 0 for any.
func anyUDP(port uint16) plan.Rule {
	r := plan.Rule{Sequence: 3, Protocol: 17, DSCP: -1, FlowLabel: -1, SourcePort: plan.AnyPort, DestinationPort: plan.AnyPort}
	if port != 0 {
		r.DestinationPort = plan.PortRange{Min: port, Max: port}
	}
	return r
}
