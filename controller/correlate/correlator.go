// Package correlate puts the postcards of a packet together into its path. It
// does no I/O and reads no clock: time is an argument.
package correlate

import (
	"hash/maphash"
	"time"

	"github.com/openifit/openifit/controller/measure"
)

// Config bounds a Correlator. Zero fields take the defaults named here.
type Config struct {
	// Window is how long a packet waits for its postcards (2 s).
	Window time.Duration
	// MaxPackets is the number of packets that may wait at a time (65,536).
	MaxPackets int
	// MaxFlows is the number of flows whose path is remembered (8,192).
	MaxFlows int
}

func (c Config) withDefaults() Config {
	if c.Window <= 0 {
		c.Window = 2 * time.Second
	}
	if c.MaxPackets <= 0 {
		c.MaxPackets = 1 << 16
	}
	if c.MaxFlows <= 0 {
		c.MaxFlows = 1 << 13
	}
	return c
}

// Counters tell what became of the postcards. Postcards equals Duplicates,
// Overflows, Late and the hops of all paths and waiting packets together.
type Counters struct {
	Postcards uint64
	// Duplicates are copies that were received and ignored.
	Duplicates uint64
	// Repeats are packets that shared flow and packet id with an earlier one
	// still waiting.
	Repeats uint64
	// Overflows are postcards ignored because their packet had too many hops.
	Overflows uint64
	// Late are postcards ignored because their packet's path was already
	// complete without them.
	Late                 uint64
	Complete, Incomplete uint64
	// Missing counts the hops of incomplete paths that did not report.
	Missing uint64
	// Evicted are packets that could not wait their time for lack of room.
	Evicted uint64
	// Pending is the number of packets waiting now.
	Pending int
	// ForgottenFlows had to make room for others.
	ForgottenFlows uint64
}

const none = -1

// Correlator joins postcards. It is not safe for concurrent use.
type Correlator struct {
	cfg  Config
	topo Topology
	seed maphash.Seed
	// packets is a ring in the order of arrival; first is the oldest place in
	// use, used the number of places in use.
	packets     []packet
	first, used int
	// index holds the oldest packet of each key.
	index    map[key]int32
	flows    *flows
	clocks   clocks
	counters Counters
	lastID   uint64
	emit     func(*Path)
}

// New returns a Correlator that hands each path to emit as soon as nothing can
// be missing, or when its window is over. The path belongs to emit.
func New(cfg Config, topo Topology, emit func(*Path)) *Correlator {
	cfg = cfg.withDefaults()
	return &Correlator{
		cfg:     cfg,
		topo:    topo,
		seed:    maphash.MakeSeed(),
		packets: make([]packet, cfg.MaxPackets),
		index:   make(map[key]int32, cfg.MaxPackets),
		flows:   newFlows(cfg.MaxFlows),
		clocks:  make(clocks),
		emit:    emit,
	}
}

// SetTopology replaces the state of the inventory; waiting packets are judged
// by the new one.
func (c *Correlator) SetTopology(topo Topology) { c.topo = topo }

// Counters returns the counters as they are now.
func (c *Correlator) Counters() Counters {
	n := c.counters
	n.Pending = c.used
	n.ForgottenFlows = c.flows.forgotten
	return n
}

// Add takes one postcard in at the time now, UNIX nanoseconds by the
// controller's clock.
func (c *Correlator) Add(now int64, pc *measure.Postcard) {
	c.counters.Postcards++
	k := key{pc.Flow, pc.PacketID}
	last := int32(none)
	repeated, isLate := false, false
	if i, ok := c.index[k]; ok {
		for ; i != none; i = c.packets[i].next {
			p := &c.packets[i]
			switch p.add(pc, c.topo) {
			case added:
				c.finishWhole(p)
				return
			case duplicate:
				c.counters.Duplicates++
				if p.emitted {
					c.flows.duplicate(pc.Flow)
				}
				return
			case overflow:
				c.counters.Overflows++
				return
			case late:
				isLate = true
			case repeat:
				p.repeated = true
				repeated = true
			}
			last = i
		}
	}
	if isLate && !repeated {
		c.counters.Late++
		return
	}
	if repeated {
		c.counters.Repeats++
	}
	i := c.allocate(now)
	// Making room may have freed the packet that came before.
	if _, ok := c.index[k]; !ok {
		last = none
	}
	p := &c.packets[i]
	p.key, p.since, p.next, p.kept, p.repeated = k, now, none, none, repeated
	if last == none {
		c.index[k] = i
	} else {
		c.packets[last].next = i
	}
	p.add(pc, c.topo)
	c.finishWhole(p)
}

// Expire ends the packets whose window is over.
func (c *Correlator) Expire(now int64) {
	for c.used > 0 && now-c.packets[c.first].since >= int64(c.cfg.Window) {
		c.free()
	}
}

// allocate takes the next place of the ring, ending the oldest packet early
// when there is none.
func (c *Correlator) allocate(now int64) int32 {
	c.Expire(now)
	if c.used == len(c.packets) {
		if !c.packets[c.first].emitted {
			c.counters.Evicted++
		}
		c.free()
	}
	i := (c.first + c.used) % len(c.packets)
	c.used++
	return int32(i)
}

// free ends the oldest packet.
func (c *Correlator) free() {
	p := &c.packets[c.first]
	if !p.emitted {
		c.finish(p)
	}
	if p.next == none {
		delete(c.index, p.key)
	} else {
		c.index[p.key] = p.next
	}
	*p = packet{hops: p.hops[:0]}
	c.first = (c.first + 1) % len(c.packets)
	c.used--
}

func (c *Correlator) finishWhole(p *packet) {
	if !p.emitted && p.whole() {
		c.finish(p)
	}
}
