package traffic

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
)

const (
	firstSourcePort = 1024
	sourcePorts     = 65536 - firstSourcePort
	// Destination ports are few, because the receiver opens a socket for
	// each; flows differ by their source ports.
	elephantPort = 5201
	mousePort    = 5301
	mousePorts   = 4
)

// Pair is where flows come from and go to, in one family.
type Pair struct{ Source, Destination netip.Addr }

// Constant is a number of equal flows at a constant rate.
type Constant struct {
	// Pairs, one per family; flows take turns.
	Pairs []Pair
	Flows int
	// Rate of all flows together in packets per second.
	Rate float64
	// Payload octets of each packet.
	Payload int
	// Packets of each flow; without end when 0.
	Packets uint64
	DSCP    uint8
	// Port is the destination port; 5001 when 0.
	Port uint16
	Seed uint64
}

// Profile makes the flows.
func (c Constant) Profile() (Profile, error) {
	port := c.Port
	if port == 0 {
		port = 5001
	}
	p := newPorts(c.Seed)
	flows, err := p.flows(c.Flows, c.Pairs, port, 1, c.Payload, c.DSCP)
	if err != nil {
		return Profile{}, err
	}
	profile := Profile{Seed: c.Seed, Groups: []Group{
		{Name: "constant", Flows: flows, Rate: c.Rate, Packets: c.Packets},
	}}
	return profile, profile.Check()
}

// MiceAndElephants is the mix of real networks: many small flows, and a few
// that carry most octets.
type MiceAndElephants struct {
	// Pairs, one per family; flows take turns.
	Pairs     []Pair
	Mice      int
	Elephants int
	// Rate of everything in packets per second.
	Rate float64
	// Share of the IP octets that the elephants carry, between 0 and 1.
	Share float64
	// MousePackets ends each mouse after so many packets; 0 lets the mice
	// come again and again.
	MousePackets uint64
	// Payload octets; 1000 for elephants and 100 for mice when 0.
	ElephantPayload, MousePayload int
	Seed                          uint64
}

// Profile makes the flows.
func (m MiceAndElephants) Profile() (Profile, error) {
	if m.Mice < 1 || m.Elephants < 1 {
		return Profile{}, fmt.Errorf("%d mice and %d elephants: want at least one of both", m.Mice, m.Elephants)
	}
	if !(m.Share > 0 && m.Share < 1) {
		return Profile{}, fmt.Errorf("elephants' share %v: want more than 0 and less than 1", m.Share)
	}
	if m.ElephantPayload == 0 {
		m.ElephantPayload = 1000
	}
	if m.MousePayload == 0 {
		m.MousePayload = 100
	}
	p := newPorts(m.Seed)
	elephants, err := p.flows(m.Elephants, m.Pairs, elephantPort, 1, m.ElephantPayload, 0)
	if err != nil {
		return Profile{}, fmt.Errorf("elephants: %w", err)
	}
	mice, err := p.flows(m.Mice, m.Pairs, mousePort, mousePorts, m.MousePayload, 0)
	if err != nil {
		return Profile{}, fmt.Errorf("mice: %w", err)
	}
	// Elephants' and mice's octets are as share to 1 - share.
	ratio := m.Share * meanOctets(mice) / ((1 - m.Share) * meanOctets(elephants))
	profile := Profile{Seed: m.Seed, Groups: []Group{
		{Name: "elephant", Flows: elephants, Rate: m.Rate * ratio / (1 + ratio)},
		{Name: "mouse", Flows: mice, Rate: m.Rate / (1 + ratio), Packets: m.MousePackets, Shuffle: true},
	}}
	return profile, profile.Check()
}

func meanOctets(flows []Flow) float64 {
	sum := 0
	for _, f := range flows {
		sum += f.PacketOctets()
	}
	return float64(sum) / float64(len(flows))
}

// ports gives every flow a source port of its own among those of the same
// addresses and destination port.
type ports struct {
	rng  *rand.Rand
	free map[netip.AddrPort][]int
}

func newPorts(seed uint64) *ports {
	return &ports{rng: newRand(seed, "ports"), free: map[netip.AddrPort][]int{}}
}

func (p *ports) flows(n int, pairs []Pair, port uint16, width, payload int, dscp uint8) ([]Flow, error) {
	if n < 1 {
		return nil, fmt.Errorf("%d flows: want at least 1", n)
	}
	if len(pairs) == 0 {
		return nil, fmt.Errorf("no addresses given")
	}
	flows := make([]Flow, 0, n)
	for i := range n {
		pair := pairs[i%len(pairs)]
		dst := netip.AddrPortFrom(pair.Destination, port+uint16(i/len(pairs)%width))
		src, err := p.source(dst)
		if err != nil {
			return nil, err
		}
		flows = append(flows, Flow{
			Source: netip.AddrPortFrom(pair.Source, src), Destination: dst, Payload: payload, DSCP: dscp,
		})
	}
	return flows, nil
}

func (p *ports) source(dst netip.AddrPort) (uint16, error) {
	free, ok := p.free[dst]
	if !ok {
		free = p.rng.Perm(sourcePorts)
	}
	if len(free) == 0 {
		return 0, fmt.Errorf("more flows to %s than source ports", dst)
	}
	p.free[dst] = free[1:]
	return uint16(firstSourcePort + free[0]), nil
}

// newRand is a generator for one purpose, so that another purpose's draws
// do not move its own.
func newRand(seed uint64, purpose string) *rand.Rand {
	var h uint64 = 14695981039346656037
	for _, c := range []byte(purpose) {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return rand.New(rand.NewPCG(seed, h))
}
