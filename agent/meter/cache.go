package meter

import "github.com/openifit/openifit/dataplane/flow"

// Lists that order the entries of a cache.
const (
	byAge = iota // oldest first: the active timeout
	byUse        // least recently updated first: the idle timeout
	orders
)

// none ends a list.
const none = -1

type links struct{ prev, next int32 }

// entry is one flow between its first packet and the end of its record.
type entry struct {
	key key
	counts
	// opened and updated are readings of the meter's clock, which does not
	// jump as the wall clock does.
	opened, updated int64
	links           [orders]links
}

// counts are what was seen of one direction of a flow.
type counts struct {
	packets, octets uint64
	first, last     int64
	delay           flow.Delay
	ingress, egress uint32
	tcpFlags        uint16
	typeCode        uint16 // of ICMP, where directions are paired
	minTTL, maxTTL  uint8
	direction       flow.Direction
	opens           bool
}

func (c *counts) add(r *flow.Record) {
	if c.packets == 0 {
		c.first, c.minTTL = r.First, r.MinTTL
	}
	c.packets += r.Packets
	c.octets += r.Octets
	c.first, c.last = min(c.first, r.First), max(c.last, r.Last)
	c.ingress, c.egress, c.direction = r.IngressIfindex, r.EgressIfindex, r.Direction
	c.tcpFlags |= r.TCPFlags
	c.opens = c.opens || r.Opens
	c.minTTL, c.maxTTL = min(c.minTTL, r.MinTTL), max(c.maxTTL, r.MaxTTL)
	addDelay(&c.delay, &r.Delay)
}

// cache holds the flows of one policy. It never grows beyond its bound and
// reuses what it has allocated.
type cache struct {
	index   map[key]int32
	entries []entry
	// others are the other directions of the entries, where flows are paired.
	others []other
	free   []int32
	ends   [orders]links // next is the head, prev the tail
	limit  int
}

func newCache(limit int) *cache {
	c := &cache{index: make(map[key]int32), limit: limit}
	for o := range c.ends {
		c.ends[o] = links{none, none}
	}
	return c
}

func (c *cache) len() int { return len(c.index) }

func (c *cache) full() bool { return len(c.index) >= c.limit }

// oldest returns the first entry in the given order, nil when there is none.
func (c *cache) oldest(order int) *entry {
	if i := c.ends[order].next; i != none {
		return &c.entries[i]
	}
	return nil
}

// add opens an entry. The caller has made room and knows that the key is new.
func (c *cache) add(k key, now int64) *entry {
	var i int32
	if n := len(c.free); n > 0 {
		i, c.free = c.free[n-1], c.free[:n-1]
	} else {
		i = int32(len(c.entries))
		c.entries = append(c.entries, entry{})
	}
	e := &c.entries[i]
	*e = entry{key: k, opened: now, updated: now}
	if c.others != nil {
		for len(c.others) <= int(i) {
			c.others = append(c.others, other{})
		}
		c.others[i] = other{}
	}
	c.index[k] = i
	for o := range orders {
		c.link(o, i)
	}
	return e
}

// get finds the flow's entry and notes its use.
func (c *cache) get(k key, now int64) *entry {
	i, ok := c.index[k]
	if !ok {
		return nil
	}
	c.unlink(byUse, i)
	c.link(byUse, i)
	e := &c.entries[i]
	e.updated = now
	return e
}

// other is the other direction of an entry.
func (c *cache) other(e *entry) *other { return &c.others[c.index[e.key]] }

// renew begins the entry's counts anew; it is the youngest then.
func (c *cache) renew(e *entry, now int64) {
	i := c.index[e.key]
	e.counts, e.opened = counts{}, now
	c.others[i].counts = counts{}
	c.unlink(byAge, i)
	c.link(byAge, i)
}

// drop ends an entry; the pointer is dead afterwards.
func (c *cache) drop(e *entry) {
	i := c.index[e.key]
	delete(c.index, e.key)
	for o := range orders {
		c.unlink(o, i)
	}
	c.free = append(c.free, i)
}

func (c *cache) link(order int, i int32) {
	ends := &c.ends[order]
	c.entries[i].links[order] = links{prev: ends.prev, next: none}
	if ends.prev == none {
		ends.next = i
	} else {
		c.entries[ends.prev].links[order].next = i
	}
	ends.prev = i
}

func (c *cache) unlink(order int, i int32) {
	ends, l := &c.ends[order], c.entries[i].links[order]
	if l.prev == none {
		ends.next = l.next
	} else {
		c.entries[l.prev].links[order].next = l.next
	}
	if l.next == none {
		ends.prev = l.prev
	} else {
		c.entries[l.next].links[order].prev = l.prev
	}
}
