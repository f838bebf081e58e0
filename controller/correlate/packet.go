package correlate

import (
	"cmp"
	"slices"

	"github.com/openifit/openifit/controller/measure"
)

// maxHops bounds the reports kept for one packet: hop limits that a hostile
// sender makes up must not cost memory.
const maxHops = 32

// key is what postcards of one packet have in common.
type key struct {
	flow measure.Flow
	id   uint64
}

// packet collects the postcards of one packet while it waits for all of them.
type packet struct {
	key key
	// since is when the first postcard arrived.
	since int64
	// next is the place of the packet with the same key that arrived later, or
	// none.
	next int32
	// emitted is true once the path is out: the packet then only waits for
	// duplicates.
	emitted, repeated bool
	// head and end are true when the first and the last hop of the path have
	// reported.
	head, end bool
	// low and high are the smallest and largest hop limit with which the packet
	// left a node, distinct the number of different ones; kept is the hop limit
	// at the node that kept the packet, or none.
	low, high uint8
	distinct  int
	kept      int
	hops      []report
}

// report is one postcard with the copies of it counted.
type report struct {
	measure.Postcard
	duplicates uint32
}

// verdict of add.
type verdict uint8

const (
	added verdict = iota
	duplicate
	repeat
	overflow
	late
)

// add takes a postcard in, unless it is a copy of one that is there, or the
// same node has already reported another packet of the same id.
func (p *packet) add(pc *measure.Postcard, topo Topology) verdict {
	for i := range p.hops {
		h := &p.hops[i]
		if h.Node != pc.Node || h.HopLimit != pc.HopLimit || isKept(&h.Postcard) != isKept(pc) {
			continue
		}
		if h.Egress == pc.Egress && h.EgressIfindex == pc.EgressIfindex {
			h.duplicates++
			return duplicate
		}
		return repeat
	}
	if p.emitted {
		return late
	}
	if len(p.hops) == maxHops {
		return overflow
	}
	if isKept(pc) {
		p.kept = int(pc.HopLimit)
	} else {
		p.measure(pc.HopLimit)
	}
	p.head = p.head || entered(topo, pc)
	p.end = p.end || left(topo, pc)
	p.hops = append(p.hops, report{Postcard: *pc})
	return added
}

// measure takes one departing hop limit in.
func (p *packet) measure(hopLimit uint8) {
	if p.distinct == 0 {
		p.low, p.high = hopLimit, hopLimit
	}
	p.low, p.high = min(p.low, hopLimit), max(p.high, hopLimit)
	for i := range p.hops {
		if h := &p.hops[i].Postcard; h.HopLimit == hopLimit && !isKept(h) {
			return
		}
	}
	p.distinct++
}

// isKept tells whether the packet ended at the reporting node.
func isKept(pc *measure.Postcard) bool { return pc.EgressIfindex == 0 }

// entered tells whether the packet came into the domain at this hop.
func entered(topo Topology, pc *measure.Postcard) bool {
	if pc.IngressIfindex == 0 {
		return true
	}
	edge, known := topo.Edge(pc.Node, pc.IngressIfindex)
	return known && edge
}

// left tells whether the packet went out of the domain at this hop.
func left(topo Topology, pc *measure.Postcard) bool {
	if isKept(pc) {
		return true
	}
	edge, known := topo.Edge(pc.Node, pc.EgressIfindex)
	return known && edge
}

// whole tells whether the path runs from edge to edge without a gap. A node
// that keeps a packet does not decrement its hop limit.
func (p *packet) whole() bool {
	if !p.head || !p.end {
		return false
	}
	if p.distinct > 0 && p.distinct != int(p.high)-int(p.low)+1 {
		return false
	}
	return p.kept == none || p.distinct == 0 || p.kept == int(p.low)
}

// sort puts the reports in the order of travel: by departing hop limit, then
// the node that kept the packet last, then by time.
func (p *packet) sort() {
	slices.SortFunc(p.hops, func(a, b report) int {
		return cmp.Or(
			cmp.Compare(b.HopLimit, a.HopLimit),
			cmp.Compare(rank(&a), rank(&b)),
			cmp.Compare(a.Egress, b.Egress),
			cmp.Compare(a.Node, b.Node))
	})
}

func rank(r *report) int {
	if isKept(&r.Postcard) {
		return 1
	}
	return 0
}
