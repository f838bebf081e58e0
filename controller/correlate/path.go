package correlate

import (
	"hash/maphash"

	"github.com/openifit/openifit/controller/measure"
)

// Delay is a time between two reports.
type Delay struct {
	// Nanoseconds is the difference as reported; negative when the clocks of
	// the two nodes disagree by more than the delay.
	Nanoseconds int64
	// Known is false when one of the two times was not reported.
	Known bool
	// Suspect is true when the clocks of the two nodes are known to disagree,
	// so that Nanoseconds is no delay.
	Suspect bool
}

// Hop is what one node reported of one packet.
type Hop struct {
	Node                              string
	IngressInterface, EgressInterface string
	HopLimit                          uint8
	// Ingress and Egress are UNIX times in nanoseconds by the node's clock, 0
	// when unknown.
	Ingress, Egress int64
	// NodeDelay is the time between them: the queue of the egress interface is
	// not in it, because the egress Observation Point lies in front of it.
	NodeDelay Delay
	// LinkDelay runs from the previous hop's egress Observation Point to this
	// node's ingress, so that it holds the previous hop's queue and the link.
	LinkDelay     Delay
	Generation    uint32
	Duplicates    uint32
	Authenticated bool
}

// Missing is a hop that must have been there and did not report.
type Missing struct {
	// Position is the index in Path.Hops in front of which the hop belongs.
	Position int
	// HopLimit is the value with which the packet must have left it; 0 when
	// hop limits cannot tell.
	HopLimit uint8
	// Node is the name that the links tell; empty when they leave several.
	Node string
}

// Path is the way of one packet.
type Path struct {
	// ID grows in the order in which correlation ended.
	ID       uint64
	Flow     measure.Flow
	PacketID uint64
	// Policy and Generation are those of the first hop that reported.
	Policy     string
	Generation uint32
	Hops       []Hop
	Missing    []Missing
	// Complete is true when every hop from the edge by which the packet
	// entered to the edge by which it left has reported.
	Complete bool
	// Repeated is true when another packet of the flow had the same packet id
	// at about the same time, so that hops of the two may be exchanged.
	Repeated   bool
	Duplicates uint32
	// Delay runs from the first hop's egress to the last one's.
	Delay Delay
	// Time is when the first hop saw the packet, by that node's clock.
	Time int64
	// Route identifies the sequence of nodes and interfaces, within this process.
	Route uint64
	// RouteChanges and PacketsOnRoute are the flow's, as of this path.
	RouteChanges   uint32
	PacketsOnRoute uint64
}

// Names returns the nodes of the path, those missing in parentheses, "(?)"
// where the links do not name them.
func (p *Path) Names() []string {
	names := make([]string, 0, len(p.Hops)+len(p.Missing))
	m := 0
	for i := 0; i <= len(p.Hops); i++ {
		for ; m < len(p.Missing) && p.Missing[m].Position == i; m++ {
			name := p.Missing[m].Node
			if name == "" {
				name = "?"
			}
			names = append(names, "("+name+")")
		}
		if i < len(p.Hops) {
			names = append(names, p.Hops[i].Node)
		}
	}
	return names
}

// routeID hashes the sequence of nodes and interfaces.
func routeID(seed maphash.Seed, hops []Hop) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	for i := range hops {
		for _, s := range [...]string{hops[i].Node, hops[i].IngressInterface, hops[i].EgressInterface} {
			_, _ = h.WriteString(s)
			_ = h.WriteByte(0)
		}
	}
	return h.Sum64()
}
