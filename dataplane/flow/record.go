package flow

import "math"

// PolicyRef names the configuration under which something was measured.
type PolicyRef struct {
	// ID is the node's number for the policy, stable while the policy exists.
	ID uint32
	// Generation is the policy's generation at the moment of measurement.
	Generation uint32
}

// Delay sums up node transit delays in nanoseconds. It excludes the egress
// queue: tcx egress runs before the qdisc.
type Delay struct {
	// Packets is the number of packets whose delay is known.
	Packets uint64
	// Sum, Min and Max are in nanoseconds; Min and Max are 0 without packets.
	Sum      uint64
	Min, Max uint32
}

// Mean is the mean delay in nanoseconds, 0 without packets.
func (d *Delay) Mean() uint32 {
	if d.Packets == 0 {
		return 0
	}
	return uint32(min(d.Sum/d.Packets, math.MaxUint32))
}

// Record counts the packets of one flow at one Observation Point between two
// drains, under one rule set (canonical records) or one sampling rate of one
// policy (sampled records). No record mixes two of either.
type Record struct {
	Key Key
	// Ifindex is the interface of the Observation Point.
	Ifindex   uint32
	Direction Direction
	// IngressIfindex is 0 where it is unknown (locally sent packets);
	// EgressIfindex is 0 at ingress.
	IngressIfindex, EgressIfindex uint32
	// Layer says which policies a canonical record is about: of a packet in a
	// tunnel, those that read the outermost IP header, or the innermost one.
	Layer Layer
	// Sampled is true for the record of one policy's selected packets; its
	// Policies then holds that policy alone.
	Sampled bool
	// Policies lists the policies whose flow selection accepts the flow. The
	// slice is shared between records and must not be changed.
	Policies []PolicyRef
	// Packets counts packets, not super-packets; Octets counts IP octets.
	Packets, Octets uint64
	// First and Last are UNIX times in nanoseconds, of the kernel's coarse clock.
	First, Last int64
	// TCPFlags is the union of the TCP control bits (RFC 7125).
	TCPFlags uint16
	// Opens: one of the packets was a SYN without ACK. Known only where a policy
	// of the point pairs directions.
	Opens          bool
	MinTTL, MaxTTL uint8
	Delay          Delay
}
