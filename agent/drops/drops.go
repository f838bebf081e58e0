// Package drops merges what the kernel counted of dropped packets into records
// for export, as a Flow Cache does with packets, and keeps their sums.
package drops

import (
	"sync"
	"time"

	"github.com/openifit/openifit/dataplane/flow"
)

// maxRecords bounds the records that are being merged; what finds no place is
// exported as it is.
const maxRecords = 16384

// maxReasons bounds the sums of one policy; kernels know some hundred reasons.
const maxReasons = 512

// Policy is a policy that wants records of its flows' drops.
type Policy struct {
	flow.PolicyRef
	// ActiveTimeout bounds the age of a record, IdleTimeout the time without
	// drops; both are positive.
	ActiveTimeout, IdleTimeout time.Duration
}

// Sum is what was dropped for one reason.
type Sum struct{ Packets, Octets uint64 }

// Cache merges drops. Its methods may be called from several goroutines.
type Cache struct {
	emit func(*flow.Drop)

	mu       sync.Mutex
	policies map[uint32]Policy
	records  map[key]*record
	sums     map[uint32]map[string]Sum
	unknown  uint64
}

type key struct {
	id               flow.ID
	policy           flow.PolicyRef
	reason, location string
	ingress, egress  uint32
}

type record struct {
	flow.Drop
	opened, updated time.Time
}

// New returns a cache that hands every record that ends to emit, which must
// not keep it and must not call the cache.
func New(emit func(*flow.Drop)) *Cache {
	return &Cache{
		emit: emit, policies: make(map[uint32]Policy),
		records: make(map[key]*record), sums: make(map[uint32]map[string]Sum),
	}
}

// Configure replaces the policies. The sums of those that stay go on; records
// of an older generation end by and by.
func (c *Cache) Configure(policies []Policy) {
	c.mu.Lock()
	defer c.mu.Unlock()
	next := make(map[uint32]Policy, len(policies))
	sums := make(map[uint32]map[string]Sum, len(policies))
	for _, p := range policies {
		next[p.ID] = p
		if sums[p.ID] = c.sums[p.ID]; sums[p.ID] == nil {
			sums[p.ID] = make(map[string]Sum)
		}
	}
	c.policies, c.sums = next, sums
}

// Observe takes what was counted since the drain before.
func (c *Cache) Observe(d *flow.Drop, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	sums, ok := c.sums[d.Policy.ID]
	if !ok {
		c.unknown += d.Packets
		return
	}
	if sum, ok := sums[d.Reason]; ok || len(sums) < maxReasons {
		sums[d.Reason] = Sum{sum.Packets + d.Packets, sum.Octets + d.Octets}
	}
	k := key{d.ID, d.Policy, d.Reason, d.Location, d.IngressIfindex, d.EgressIfindex}
	r := c.records[k]
	switch {
	case r != nil:
		r.Packets += d.Packets
		r.Octets += d.Octets
		r.First, r.Last = min(r.First, d.First), max(r.Last, d.Last)
		r.updated = now
	case len(c.records) < maxRecords:
		c.records[k] = &record{Drop: *d, opened: now, updated: now}
	default:
		c.emit(d)
	}
}

// Drained ends the records whose time has come; it is called after each drain.
func (c *Cache) Drained(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for k, r := range c.records {
		p, ok := c.policies[k.policy.ID]
		if !ok || p.Generation != k.policy.Generation ||
			now.Sub(r.opened) >= p.ActiveTimeout || now.Sub(r.updated) >= p.IdleTimeout {
			c.emit(&r.Drop)
			delete(c.records, k)
		}
	}
}

// Flush ends all records; the agent does it when it stops.
func (c *Cache) Flush() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for k, r := range c.records {
		c.emit(&r.Drop)
		delete(c.records, k)
	}
}

// Sums returns what was dropped of a policy's flows since it came, by reason.
func (c *Cache) Sums(policy uint32) map[string]Sum {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make(map[string]Sum, len(c.sums[policy]))
	for reason, sum := range c.sums[policy] {
		out[reason] = sum
	}
	return out
}

// Unknown counts dropped packets of policies that were gone when they were
// drained.
func (c *Cache) Unknown() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.unknown
}
