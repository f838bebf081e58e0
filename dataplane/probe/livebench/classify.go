//go:build linux

package livebench

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/cilium/ebpf"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
)

// Classify is what it costs to tell which policies a packet's flow belongs to,
// in nanoseconds added per packet.
type Classify struct {
	// KnownOne and KnownMany are packets of known flows at a point with one
	// rule, and at one with ManyRules and a list of ListedFlows.
	KnownOne, KnownMany Spread
	// ToOne is their ratio, taken in each round.
	ToOne Spread
	// FirstOne and FirstMany are packets that no record is known for, More
	// what the latter take longer.
	FirstOne, FirstMany, More Spread
	// Null is what an empty program adds to an empty one.
	Null Spread
}

// ManyRules and ListedFlows are what the long classification goes through.
const (
	ManyRules   = 1000
	ListedFlows = 10_000
)

// oneFlow is a flow table that has no room for the flows of a contest, so that
// every packet is classified.
const oneFlow = 1

// MeasureClassify compares a point with many rules with one that has a single
// rule, first with records of all flows and then without.
func MeasureClassify(rounds int) (*Classify, error) {
	out := new(Classify)
	known, err := contestOfRules(rounds, tableFlows)
	if err != nil {
		return nil, err
	}
	out.KnownOne, out.KnownMany = spread(known.one.added(known.base)), spread(known.many.added(known.base))
	out.ToOne = spread(combine(known.many.added(known.base), known.one.added(known.base), over))
	out.Null = spread(known.null.added(known.base))
	first, err := contestOfRules(rounds, oneFlow)
	if err != nil {
		return nil, err
	}
	out.FirstOne, out.FirstMany = spread(first.one.added(first.base)), spread(first.many.added(first.base))
	out.More = spread(first.many.added(first.one))
	return out, nil
}

type rulesContest struct{ base, null, one, many *contender }

func contestOfRules(rounds int, maxFlows uint32) (_ *rulesContest, err error) {
	s, err := newStage()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	s.maxFlows = maxFlows
	if err := s.openQuiet(); err != nil {
		return nil, err
	}
	one, err := s.borrow(s.quietPoint(flow.Ingress, withRules(1, 1)...))
	if err != nil {
		return nil, err
	}
	defer one.Close()
	many, err := s.borrow(s.quietPoint(flow.Ingress, append(withRules(plan.MaxPolicies-1, ManyRules), listing(ListedFlows))...))
	if err != nil {
		return nil, err
	}
	defer many.Close()
	if _, err := s.attach(s.objects.BenchDrop); err != nil {
		return nil, err
	}
	frames := mix{flows: ListedFlows, scatter: true}
	if maxFlows != oneFlow {
		frames = mix{flows: FewFlows}
	}
	c := &contest{places: []*place{s.place(loopback, ebpf.AttachTCXIngress)}, frames: frames}
	out := &rulesContest{base: c.add(s.objects.BenchEmpty), null: c.add(s.objects.BenchEmpty), one: c.add(one), many: c.add(many)}
	return out, s.hold(c, rounds)
}

// withRules are metering policies that share so many rules, which read every
// part of the 5-tuple and match some of the frames.
func withRules(policies, rules int) []plan.Policy {
	out := make([]plan.Policy, policies)
	for i := range out {
		out[i] = metering(1)
		out[i].ID, out[i].Name = uint32(i+1), fmt.Sprintf("rules %d", i)
	}
	for i := range rules {
		n := uint16(i)
		source := netip.AddrFrom4([4]byte{10, 0, byte(i / 4), byte(i)})
		p := &out[i%policies]
		p.Rules = append(p.Rules, plan.Rule{
			Sequence: uint32(len(p.Rules)), Protocol: 17, DSCP: -1, FlowLabel: -1, Deny: i%3 == 2,
			Source:          netip.PrefixFrom(source, 14+i%15).Masked(),
			Destination:     netip.PrefixFrom(frameDestination(), 8+i%25).Masked(),
			SourcePort:      plan.PortRange{Min: framePort - n, Max: framePort + n},
			DestinationPort: plan.PortRange{Min: 1 + n, Max: framePort + 1 + n},
		})
	}
	return out
}

// listing is a policy that lists as many of the generator's flows.
func listing(flows int) plan.Policy {
	p := metering(1)
	p.ID, p.Name, p.FlowList = plan.MaxPolicies, "list", true
	for i := range flows {
		p.Flows = append(p.Flows, flow.ID{
			Source:      netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}),
			Destination: frameDestination(), SourcePort: framePort, DestinationPort: framePort + 1, Protocol: 17,
		})
	}
	return p
}
