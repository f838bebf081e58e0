package correlate

// maxLinks bounds the pairs of nodes whose clocks are compared.
const maxLinks = 4096

// pair is two nodes in the order of their names: an offset spoils both
// directions.
type pair struct{ a, b string }

func pairOf(a, b string) pair {
	if b < a {
		a, b = b, a
	}
	return pair{a, b}
}

// clocks holds, for pairs of nodes, until when their clocks count as
// disagreeing, by the time of the later node's reports.
//
// A negative difference proves an offset, and the offset is still there for
// the next packet, whose difference may be positive but is no delay either.
type clocks map[pair]int64

// suspicion is how long one negative difference makes a pair suspect, in
// nanoseconds.
const suspicion = int64(60e9)

// judge returns the delay over a link, flagged when the clocks disagree.
func (c clocks) judge(p pair, egress, ingress int64) Delay {
	d := Delay{Nanoseconds: ingress - egress, Known: true}
	if d.Nanoseconds < 0 {
		d.Suspect = true
		if _, ok := c[p]; ok || len(c) < maxLinks {
			c[p] = ingress + suspicion
		}
		return d
	}
	if until, ok := c[p]; ok {
		if ingress < until {
			d.Suspect = true
		} else {
			delete(c, p)
		}
	}
	return d
}

// links fills in the delays between the hops. Only neighbours in hop limit
// have one: across a gap it would hold a node as well.
func (c *Correlator) links(path *Path) {
	for i := 1; i < len(path.Hops); i++ {
		from, to := &path.Hops[i-1], &path.Hops[i]
		if int(from.HopLimit)-int(to.HopLimit) > 1 || from.Egress == 0 || to.Ingress == 0 {
			continue
		}
		to.LinkDelay = c.clocks.judge(pairOf(from.Node, to.Node), from.Egress, to.Ingress)
	}
}
