package traffic

import (
	"net/netip"
	"time"
)

// FlowTruth is what is true of one flow, both ends together.
type FlowTruth struct {
	Group       string         `json:"group"`
	Protocol    uint8          `json:"protocol"`
	Source      netip.AddrPort `json:"source"`
	Destination netip.AddrPort `json:"destination"`
	// Sent packets and their IP octets.
	SentPackets uint64 `json:"sent-packets"`
	SentOctets  uint64 `json:"sent-octets"`
	// First and last packet, in nanoseconds since 1970.
	FirstSent int64 `json:"first-sent,omitempty"`
	LastSent  int64 `json:"last-sent,omitempty"`
	// Packets that arrived, duplicates not counted.
	ReceivedPackets uint64 `json:"received-packets"`
	Lost            uint64 `json:"lost,omitempty"`
	Duplicates      uint64 `json:"duplicates,omitempty"`
	Reordered       uint64 `json:"reordered,omitempty"`
	Marked          uint64 `json:"marked,omitempty"`
	MinHopLimit     uint8  `json:"min-hop-limit,omitempty"`
	MaxHopLimit     uint8  `json:"max-hop-limit,omitempty"`
	// Delays in nanoseconds, when they were asked for.
	MinDelay  time.Duration `json:"min-delay,omitempty"`
	MeanDelay time.Duration `json:"mean-delay,omitempty"`
	MaxDelay  time.Duration `json:"max-delay,omitempty"`
}

// Totals are the sums over all flows.
type Totals struct {
	Flows           int    `json:"flows"`
	SentPackets     uint64 `json:"sent-packets"`
	SentOctets      uint64 `json:"sent-octets"`
	ReceivedPackets uint64 `json:"received-packets"`
	Lost            uint64 `json:"lost"`
	Duplicates      uint64 `json:"duplicates"`
	Reordered       uint64 `json:"reordered"`
	Marked          uint64 `json:"marked"`
	// Refused packets were never sent: the first link did not take them.
	Refused uint64 `json:"refused"`
	// Overrun packets were delivered to the receiving host, but its
	// receiver was too slow; they count as lost as well.
	Overrun uint64 `json:"overrun"`
	// Foreign packets came to the receiver from elsewhere.
	Foreign uint64 `json:"foreign"`
}

// Report is the truth about a run.
type Report struct {
	Run    uint64      `json:"run"`
	Totals Totals      `json:"totals"`
	Flows  []FlowTruth `json:"flows,omitempty"`
	// Seen on the receiving interface, all protocols, and how many packets
	// the capture missed.
	Seen   Seen   `json:"seen"`
	Missed uint64 `json:"missed"`
}

func makeReport(p Profile, sent []Sent, received []Received) Report {
	r := Report{Flows: make([]FlowTruth, 0, len(sent))}
	i := 0
	for _, g := range p.Groups {
		for _, f := range g.Flows {
			t := truth(g.Name, f, sent[i], received[i])
			r.Flows = append(r.Flows, t)
			r.Totals.add(t)
			i++
		}
	}
	return r
}

func truth(group string, f Flow, s Sent, g Received) FlowTruth {
	t := FlowTruth{
		Group: group, Protocol: protocolUDP, Source: f.Source, Destination: f.Destination,
		SentPackets: s.Packets, SentOctets: s.Octets, FirstSent: s.First, LastSent: s.Last,
		ReceivedPackets: g.Packets, Duplicates: g.Duplicates, Reordered: g.Reordered, Marked: g.Marked,
		MinHopLimit: g.MinHopLimit, MaxHopLimit: g.MaxHopLimit, MinDelay: g.MinDelay, MaxDelay: g.MaxDelay,
	}
	// Between the two readings more may arrive than was read as sent.
	if s.Packets > g.Packets {
		t.Lost = s.Packets - g.Packets
	}
	if g.Packets > 0 {
		t.MeanDelay = g.SumDelay / time.Duration(g.Packets)
	}
	return t
}

func (t *Totals) add(f FlowTruth) {
	t.Flows++
	t.SentPackets += f.SentPackets
	t.SentOctets += f.SentOctets
	t.ReceivedPackets += f.ReceivedPackets
	t.Lost += f.Lost
	t.Duplicates += f.Duplicates
	t.Reordered += f.Reordered
	t.Marked += f.Marked
}
