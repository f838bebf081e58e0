package measure

// FlowRecord is one Flow Record as collected. What its template lacks is zero.
type FlowRecord struct {
	Node                 string
	PolicyID, Generation uint32
	Key                  FlowKey
	// Ifindex is the interface of the Observation Point.
	Ifindex                       uint32
	IngressIfindex, EgressIfindex uint32
	// Egress is true for packets on their way out of the node.
	Egress          bool
	Packets, Octets uint64
	// First and Last are UNIX times in nanoseconds.
	First, Last                      int64
	TCPFlags                         uint16
	MinimumHopLimit, MaximumHopLimit uint8
	// Delay excludes the egress queue.
	Delay Delay
	// Ratio is the probability with which a packet was selected.
	Ratio         float64
	Authenticated bool
}

// FlowKey is the 5-tuple and the other fields that a policy can use as Flow
// Keys.
type FlowKey struct {
	Flow
	DSCP      uint8
	FlowLabel uint32
	VLAN      uint16
}
