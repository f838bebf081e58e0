package traffic

import (
	"fmt"
	"net/netip"
)

const (
	protocolUDP = 17
	udpHeader   = 8
	ipv4Header  = 20
	ipv6Header  = 40
	// The smallest link MTU of the lab is 1500; nothing is fragmented.
	maxIPPacket = 1500
)

// Flow is a UDP flow to generate.
type Flow struct {
	Source      netip.AddrPort `json:"source"`
	Destination netip.AddrPort `json:"destination"`
	// Payload is the number of UDP payload octets of each packet, StampSize
	// at least.
	Payload int `json:"payload"`
	// DSCP that the packets are sent with.
	DSCP uint8 `json:"dscp,omitempty"`
}

// PacketOctets is the length of each packet of the flow, IP header included.
func (f Flow) PacketOctets() int {
	if f.Source.Addr().Is4() {
		return ipv4Header + udpHeader + f.Payload
	}
	return ipv6Header + udpHeader + f.Payload
}

// Group is a set of flows that share a rate evenly.
type Group struct {
	Name  string
	Flows []Flow
	// Rate of the whole group in packets per second.
	Rate float64
	// Packets of each flow; without end when 0.
	Packets uint64
	// Shuffle draws the order of the flows anew for each round.
	Shuffle bool
}

// Profile is everything that a sender sends.
type Profile struct {
	Groups []Group
	// Seed of the order of packets.
	Seed uint64
}

// Flows lists the flows of all groups; a flow's index is its number in the
// stamps and in the truth.
func (p Profile) Flows() []Flow {
	var flows []Flow
	for _, g := range p.Groups {
		flows = append(flows, g.Flows...)
	}
	return flows
}

// Check reports flows that cannot be sent.
func (p Profile) Check() error {
	seen := map[[2]netip.AddrPort]bool{}
	for i, g := range p.Groups {
		if !(g.Rate > 0) {
			return fmt.Errorf("group %d %s: rate %v: want more than 0 packets per second", i, g.Name, g.Rate)
		}
		if len(g.Flows) == 0 {
			return fmt.Errorf("group %d %s has no flow", i, g.Name)
		}
		for j, f := range g.Flows {
			if err := f.check(); err != nil {
				return fmt.Errorf("group %d %s: flow %d: %w", i, g.Name, j, err)
			}
			key := [2]netip.AddrPort{f.Source, f.Destination}
			if seen[key] {
				return fmt.Errorf("group %d %s: flow %d: %s to %s is a flow already", i, g.Name, j, f.Source, f.Destination)
			}
			seen[key] = true
		}
	}
	if len(seen) == 0 {
		return fmt.Errorf("profile without flows")
	}
	return nil
}

func (f Flow) check() error {
	if !f.Source.IsValid() || !f.Destination.IsValid() || f.Source.Port() == 0 || f.Destination.Port() == 0 {
		return fmt.Errorf("%s to %s: want addresses and ports", f.Source, f.Destination)
	}
	if f.Source.Addr().Is4() != f.Destination.Addr().Is4() || f.Source.Addr().Is4In6() || f.Destination.Addr().Is4In6() {
		return fmt.Errorf("%s to %s: want two addresses of one family", f.Source, f.Destination)
	}
	if f.Payload < StampSize || f.PacketOctets() > maxIPPacket {
		return fmt.Errorf("payload of %d octets: want %d at least, and packets of %d at most", f.Payload, StampSize, maxIPPacket)
	}
	if f.DSCP > 63 {
		return fmt.Errorf("DSCP %d: want 0 to 63", f.DSCP)
	}
	return nil
}
