package meter

import (
	"slices"
	"sync"
	"time"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
)

// drainsToRetire is how many drains a removed policy outlives: one that was
// under way, one before the kernel lets go of it, and the one that empties its
// tables.
const drainsToRetire = 3

// Meter is the Metering Process of a node. Its methods may be called from
// several goroutines.
type Meter struct {
	emit func(*Record)

	mu       sync.Mutex
	policies map[uint32]*metered
	// atPoint holds the Observation Points at which policies have rules.
	atPoint map[plan.PointID]*attribution
	scratch Record
	// unknown counts the packets of records whose policy is not known.
	unknown uint64
}

// New returns a meter that hands every Flow Record that ends to emit. The
// record is only valid during the call, and emit must not call the meter.
func New(emit func(*Record)) *Meter {
	return &Meter{
		emit:     emit,
		policies: make(map[uint32]*metered),
		atPoint:  make(map[plan.PointID]*attribution),
	}
}

// Configure replaces the set of policies. Policies that stay keep their flows
// and counters; those that go live on until their last records have come.
func (m *Meter) Configure(policies []Policy) {
	m.mu.Lock()
	defer m.mu.Unlock()
	keep := make(map[uint32]bool, len(policies))
	for _, p := range policies {
		keep[p.ID] = true
		if known := m.policies[p.ID]; known != nil {
			if known.keyedOtherwise(&p) {
				// A record's key can only be read with the keys it was made by.
				known.flush(m)
			}
			known.update(p)
		} else {
			m.policies[p.ID] = newMetered(p)
		}
	}
	for id, p := range m.policies {
		if !keep[id] && p.retired == 0 {
			p.retired = drainsToRetire
		}
	}
	m.atPoint = attributions(m.policies, m.atPoint)
}

// Observe takes one record of the kernel's flow tables. It allocates nothing
// for a flow that is already in the cache.
func (m *Meter) Observe(r *flow.Record, now time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if at := m.atPoint[plan.PointID{Ifindex: r.Ifindex, Direction: r.Direction}]; at != nil && !r.Sampled {
		at.count(r)
	}
	for _, ref := range r.Policies {
		p := m.policies[ref.ID]
		if p == nil {
			m.unknown += r.Packets
			continue
		}
		p.observe(m, r, ref, now)
	}
}

func (p *metered) observe(m *Meter, r *flow.Record, ref flow.PolicyRef, now time.Duration) {
	own := r.Direction == flow.Egress && r.IngressIfindex == 0
	if own && !p.LocalOriginated || p.silent[plan.PointID{Ifindex: r.Ifindex, Direction: r.Direction}] {
		return
	}
	sampled := p.sampled(ref.Generation)
	if !r.Sampled {
		p.totals.PacketsObserved += r.Packets
		p.totals.OctetsObserved += r.Octets
	}
	if r.Sampled != sampled {
		return
	}
	p.totals.PacketsSelected += r.Packets
	p.totals.OctetsSelected += r.Octets
	if p.Records {
		p.account(m, r, ref.Generation, int64(now))
	}
}

// account adds the record to the flow's entry.
func (p *metered) account(m *Meter, r *flow.Record, generation uint32, now int64) {
	k := p.Keys.project(r, generation, p.SourceBits, p.DestinationBits)
	typeCode, reversed := k.destinationPort, false
	if p.Biflow {
		k, reversed = k.paired()
	}
	e := p.cache.get(k, now)
	if e == nil {
		for p.cache.full() && p.cache.len() > 0 {
			p.totals.Early++
			p.end(m, p.cache.oldest(byUse), EndLackOfResources)
		}
		e = p.cache.add(k, now)
	}
	c := &e.counts
	if reversed {
		c = &p.cache.other(e).counts
	}
	c.add(r)
	c.typeCode = typeCode
}

func addDelay(sum, d *flow.Delay) {
	if d.Packets == 0 {
		return
	}
	if sum.Packets == 0 {
		sum.Min = d.Min
	}
	sum.Packets += d.Packets
	sum.Sum += d.Sum
	sum.Min, sum.Max = min(sum.Min, d.Min), max(sum.Max, d.Max)
}

// end hands the entry out as a Flow Record and frees its place.
func (p *metered) end(m *Meter, e *entry, why EndReason) {
	p.report(m, e, why)
	p.cache.drop(e)
}

// report hands the entry out as a Flow Record.
func (p *metered) report(m *Meter, e *entry, why EndReason) {
	ref := flow.PolicyRef{ID: p.ID, Generation: e.key.generation}
	if p.Biflow {
		if !m.scratch.fillBiflow(ref, &p.Policy, e, p.cache.other(e), why) {
			return
		}
	} else {
		m.scratch.fill(ref, &p.Policy, &e.key, &e.counts, why)
	}
	p.totals.Records++
	m.emit(&m.scratch)
}

// Drained ends the flows whose time has come; it is called after each drain
// of the kernel's tables with a reading of the clock that Observe was given.
func (m *Meter) Drained(now time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for id, p := range m.policies {
		if p.retired > 0 {
			if p.retired--; p.retired == 0 {
				p.flush(m)
				delete(m.policies, id)
			}
			continue
		}
		p.expire(m, int64(now))
	}
}

func (p *metered) expire(m *Meter, now int64) {
	for e := p.cache.oldest(byAge); e != nil && now-e.opened >= int64(p.ActiveTimeout); e = p.cache.oldest(byAge) {
		if p.Biflow && !p.cache.other(e).idle(e) {
			// Who began a flow is remembered for its later records.
			p.report(m, e, EndActive)
			p.cache.renew(e, now)
			continue
		}
		p.end(m, e, EndActive)
	}
	for e := p.cache.oldest(byUse); e != nil && now-e.updated >= int64(p.IdleTimeout); e = p.cache.oldest(byUse) {
		p.end(m, e, EndIdle)
	}
}

func (p *metered) flush(m *Meter) {
	for e := p.cache.oldest(byAge); e != nil; e = p.cache.oldest(byAge) {
		p.end(m, e, EndForced)
	}
}

// Flush ends all flows; the agent does it when it stops.
func (m *Meter) Flush() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range m.policies {
		p.flush(m)
	}
}

// Still calls read while nothing is counted: the totals of all policies are
// then those of one moment.
func (m *Meter) Still(read func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	read()
}

// Totals returns the counters of a policy, and whether it is known.
func (m *Meter) Totals(policy uint32) (Totals, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.policies[policy]
	if p == nil {
		return Totals{}, false
	}
	t := *p.totals
	t.Flows = uint64(p.cache.len())
	return t, true
}

// Hits is the number of packets for which a rule decided.
type Hits struct {
	Sequence uint32
	Packets  uint64
}

// Hits returns the counters of a policy's rules by sequence.
func (m *Meter) Hits(policy uint32) []Hits {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.policies[policy]
	if p == nil {
		return nil
	}
	out := make([]Hits, 0, len(p.hits))
	for seq, n := range p.hits {
		out = append(out, Hits{seq, *n})
	}
	slices.SortFunc(out, func(a, b Hits) int { return int(a.Sequence) - int(b.Sequence) })
	return out
}

// Unknown is the number of packets in records that named a policy which the
// meter does not know.
func (m *Meter) Unknown() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.unknown
}
