package meter

import (
	"slices"
	"time"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
)

// Policy is what the Metering Process knows of one policy.
type Policy struct {
	flow.PolicyRef
	// Records is false for policies that only count, such as those whose
	// packets give postcards.
	Records bool
	// Sampled tells that packets are selected: only the policy's own records
	// hold them, and the canonical records only say how many were observed.
	Sampled bool
	Keys    Keys
	// SourceBits and DestinationBits are the lengths of prefixes among Keys.
	SourceBits, DestinationBits plan.AddressBits
	// Biflow: both directions of a flow make one record.
	Biflow bool
	// LocalOriginated: packets that the node itself sends are covered too.
	LocalOriginated bool
	// ActiveTimeout bounds the age of a Flow Record, IdleTimeout the time
	// without packets. Both are positive where Records is true.
	ActiveTimeout, IdleTimeout time.Duration
	// MaxFlows bounds the policy's Flow Cache.
	MaxFlows int
	// Rules are matched against every record of the policy's points, for
	// their hits.
	Rules []plan.Rule
	// Inner: the policy reads the innermost IP header; records of other headers
	// of packets in tunnels are not about it.
	Inner bool
	// Points are the Observation Points at which the policy observes packets.
	Points []plan.PointID
	// Totals is where the counters live; nil lets the meter keep them itself.
	// Counting goes on from what is there. The owner must keep the memory as
	// long as the meter knows the policy.
	Totals *Totals
	// Silent are the points at which the policy acts upon packets that it
	// has observed elsewhere on this node; they do not count a second time.
	Silent []plan.PointID
}

// Totals are the counters of a policy.
type Totals struct {
	// PacketsObserved and OctetsObserved count what flow selection accepts.
	PacketsObserved, OctetsObserved uint64
	// PacketsSelected and OctetsSelected count what packet selection took.
	PacketsSelected, OctetsSelected uint64
	// Records is the number of Flow Records that ended, Early of those that
	// ended for lack of room in the cache.
	Records, Early uint64
	// Flows is the number of flows in the cache now.
	Flows uint64
}

// metered is a policy with its cache and counters.
type metered struct {
	Policy
	// previous is the generation before, whose records may still come.
	previous        uint32
	previousSampled bool
	totals          *Totals
	hits            map[uint32]*uint64 // by sequence of the rule
	hitsByRule      []*uint64          // in the order of Rules
	// reruled: the last update brought other rules.
	reruled bool
	cache   *cache
	silent  map[plan.PointID]bool
	// retired is the number of drains that may still bring records of a
	// policy that is gone.
	retired int
}

func newMetered(p Policy) *metered {
	m := &metered{hits: make(map[uint32]*uint64)}
	m.update(p)
	m.previous, m.previousSampled = p.Generation, p.Sampled
	return m
}

// update takes a new definition; counters and flows stay.
func (p *metered) update(next Policy) {
	if next.Generation != p.Generation {
		p.previous, p.previousSampled = p.Generation, p.Sampled
	}
	p.reruled = !slices.Equal(p.Rules, next.Rules)
	p.Policy, p.retired = next, 0
	switch {
	case next.Totals != nil:
		p.totals = next.Totals
	case p.totals == nil:
		p.totals = new(Totals)
	}
	p.silent = make(map[plan.PointID]bool, len(next.Silent))
	for _, id := range next.Silent {
		p.silent[id] = true
	}
	p.keepHits()
	if p.cache == nil {
		p.cache = newCache(next.MaxFlows)
	}
	p.cache.limit = next.MaxFlows
	if next.Biflow && p.cache.others == nil {
		p.cache.others = make([]other, len(p.cache.entries))
	}
}

// keepHits gives each rule a counter, which goes on for a rule that has the
// sequence of one before.
func (p *metered) keepHits() {
	hits := make(map[uint32]*uint64, len(p.Rules))
	p.hitsByRule = p.hitsByRule[:0]
	for _, r := range p.Rules {
		n := p.hits[r.Sequence]
		if n == nil {
			n = new(uint64)
		}
		hits[r.Sequence] = n
		p.hitsByRule = append(p.hitsByRule, n)
	}
	p.hits = hits
}

// keyedOtherwise tells whether records of the next definition have other keys.
func (p *metered) keyedOtherwise(next *Policy) bool {
	return p.Keys != next.Keys || p.SourceBits != next.SourceBits || p.DestinationBits != next.DestinationBits ||
		p.Biflow != next.Biflow
}

// sampled tells whether packets were selected under a generation.
func (p *metered) sampled(generation uint32) bool {
	if generation == p.previous && generation != p.Generation {
		return p.previousSampled
	}
	return p.Sampled
}

// reads tells whether records of a layer are about the policy at all.
func (p *metered) reads(layer flow.Layer) bool {
	switch layer {
	case flow.LayerOuter:
		return !p.Inner
	case flow.LayerInner:
		return p.Inner
	}
	return true
}
