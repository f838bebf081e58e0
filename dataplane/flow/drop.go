package flow

// Drop is what the kernel counted of one flow's packets that it dropped for
// one reason at one place, for one policy.
type Drop struct {
	ID     ID
	Policy PolicyRef
	// Reason is the kernel's name of it, such as QDISC_DROP, or its number
	// where it has no name in the kernel's own list.
	Reason string
	// Location is the function of the kernel that dropped the packets, or its
	// address where symbols are hidden.
	Location string
	// IngressIfindex is 0 for packets that the node itself sent, EgressIfindex
	// where packets were dropped before they had an egress interface.
	IngressIfindex, EgressIfindex uint32
	// Packets counts the segments of super-packets singly, Octets their IP
	// octets, as if they had been segmented.
	Packets, Octets uint64
	// First and Last are UNIX times in nanoseconds.
	First, Last int64
}
