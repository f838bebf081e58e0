package flow

// Postcard is what one node saw of one marked packet.
type Postcard struct {
	ID     ID
	Policy PolicyRef
	// PacketID is the BOB hash over the packet's invariant fields and 16
	// payload octets (RFC 5475 section 6.2.4); equal at every node.
	PacketID uint32
	// IngressTime and EgressTime are UNIX times in nanoseconds; IngressTime is
	// 0 when the arrival was not stamped.
	IngressTime, EgressTime       int64
	IngressIfindex, EgressIfindex uint32
	// Length is the total length of the IP packet in octets.
	Length uint32
	// Segments is the number of GSO segments behind this postcard, 1 for an
	// ordinary packet.
	Segments uint16
	// HopLimit is the value with which the packet leaves the node.
	HopLimit uint8
	// DSCP is the code point before marking.
	DSCP uint8
	// Answer is that of the policy's uploaded probe to the packet, where
	// Answered.
	Answer   uint64
	Answered bool
}

// Delay returns the node transit delay in nanoseconds and whether it is known.
func (p *Postcard) Delay() (uint32, bool) {
	if p.IngressTime == 0 || p.EgressTime < p.IngressTime {
		return 0, false
	}
	return uint32(min(p.EgressTime-p.IngressTime, 1<<31)), true
}
