package correlate

import "github.com/openifit/openifit/controller/measure"

// finish turns a packet's reports into a path and hands it on.
func (c *Correlator) finish(p *packet) {
	p.emitted = true
	p.sort()
	path := &Path{
		Flow: p.key.flow, PacketID: p.key.id, Repeated: p.repeated,
		Hops: make([]Hop, len(p.hops)),
	}
	for i := range p.hops {
		path.Hops[i] = c.hop(&p.hops[i])
		path.Duplicates += p.hops[i].duplicates
	}
	c.links(path)
	c.missing(path, p.hops)
	c.describe(path, p.hops)

	c.lastID++
	path.ID = c.lastID
	if path.Complete {
		c.counters.Complete++
	} else {
		c.counters.Incomplete++
		c.counters.Missing += uint64(len(path.Missing))
	}
	c.flows.observe(path)
	c.emit(path)
}

func (c *Correlator) hop(r *report) Hop {
	h := Hop{
		Node:             r.Node,
		IngressInterface: c.topo.InterfaceName(r.Node, r.IngressIfindex),
		EgressInterface:  c.topo.InterfaceName(r.Node, r.EgressIfindex),
		HopLimit:         r.HopLimit,
		Ingress:          r.Ingress, Egress: r.Egress,
		Generation:    r.Generation,
		Duplicates:    r.duplicates,
		Authenticated: r.Authenticated,
	}
	if r.Ingress != 0 && r.Egress != 0 {
		d := r.Egress - r.Ingress
		// One clock stamped both, so that only a step of it gives a negative
		// difference.
		h.NodeDelay = Delay{Nanoseconds: d, Known: true, Suspect: d < 0}
	}
	return h
}

// describe fills in what concerns the whole path.
func (c *Correlator) describe(path *Path, hops []report) {
	first, last := &path.Hops[0], &path.Hops[len(path.Hops)-1]
	path.Policy = c.topo.PolicyName(first.Node, hops[0].PolicyID)
	path.Generation = first.Generation
	path.Time = first.Ingress
	if path.Time == 0 {
		path.Time = first.Egress
	}
	path.Route = routeID(c.seed, path.Hops)
	path.Complete = len(path.Missing) == 0 && entered(c.topo, &hops[0].Postcard) && left(c.topo, &hops[len(hops)-1].Postcard)
	if first.Egress != 0 && last.Egress != 0 && len(path.Hops) > 1 {
		d := last.Egress - first.Egress
		path.Delay = Delay{Nanoseconds: d, Known: true, Suspect: d < 0}
		for i := range path.Hops {
			path.Delay.Suspect = path.Delay.Suspect || path.Hops[i].LinkDelay.Suspect
		}
	}
}

// missing finds the hops that did not report: gaps in the hop limits, and ends
// of the path that are no edges of the domain.
func (c *Correlator) missing(path *Path, hops []report) {
	if first := &hops[0].Postcard; !entered(c.topo, first) {
		path.Missing = append(path.Missing, Missing{
			Position: 0, HopLimit: above(first.HopLimit), Node: c.topo.Peer(first.Node, first.IngressIfindex),
		})
	}
	for i := 1; i < len(hops); i++ {
		c.gap(path, i, &hops[i-1].Postcard, &hops[i].Postcard)
	}
	if last := &hops[len(hops)-1].Postcard; !left(c.topo, last) {
		path.Missing = append(path.Missing, Missing{
			Position: len(hops), HopLimit: below(last.HopLimit), Node: c.topo.Peer(last.Node, last.EgressIfindex),
		})
	}
}

// gap names the hops between two reports that left the packet with a hop limit
// between theirs.
func (c *Correlator) gap(path *Path, position int, from, to *measure.Postcard) {
	decrement := int(from.HopLimit) - int(to.HopLimit)
	if isKept(to) {
		decrement++
	}
	n := min(decrement-1, maxHops-len(path.Missing))
	after := c.topo.Peer(from.Node, from.EgressIfindex)
	before := c.topo.Peer(to.Node, to.IngressIfindex)
	for j := range max(n, 0) {
		m := Missing{Position: position, HopLimit: from.HopLimit - uint8(j) - 1}
		switch {
		case n == 1 && (after == before || before == ""):
			m.Node = after
		case n == 1 && after == "":
			m.Node = before
		case n > 1 && j == 0:
			m.Node = after
		case n > 1 && j == n-1:
			m.Node = before
		}
		path.Missing = append(path.Missing, m)
	}
}

func above(hopLimit uint8) uint8 {
	if hopLimit == 255 {
		return 0
	}
	return hopLimit + 1
}

func below(hopLimit uint8) uint8 {
	if hopLimit <= 1 {
		return 0
	}
	return hopLimit - 1
}
