package measure

// Postcard is what one node saw of one marked packet. Times are UNIX times in
// nanoseconds by the node's clock, 0 when unknown.
type Postcard struct {
	// Node is the reporting node's name.
	Node string
	Flow Flow
	// PacketID is the same at every node of the packet's path.
	PacketID uint64
	// PolicyID and Generation are the reporting node's own.
	PolicyID, Generation uint32
	Ingress, Egress      int64
	// IngressIfindex is 0 for packets that the node sent itself,
	// EgressIfindex for those that it kept.
	IngressIfindex, EgressIfindex uint32
	// HopLimit is the value with which the packet left the node.
	HopLimit uint8
	// Authenticated tells whether the record came over TLS or DTLS.
	Authenticated bool
}

// Delay sums up delays in nanoseconds.
type Delay struct {
	Packets  uint64
	Sum      uint64
	Min, Max uint64
}

// Add joins another sum to d.
func (d *Delay) Add(o Delay) {
	if o.Packets == 0 {
		return
	}
	if d.Packets == 0 || o.Min < d.Min {
		d.Min = o.Min
	}
	d.Max = max(d.Max, o.Max)
	d.Packets += o.Packets
	d.Sum += o.Sum
}

// Observe adds one delay.
func (d *Delay) Observe(ns uint64) { d.Add(Delay{Packets: 1, Sum: ns, Min: ns, Max: ns}) }

// Mean is the arithmetic mean in nanoseconds, 0 without packets.
func (d Delay) Mean() uint64 {
	if d.Packets == 0 {
		return 0
	}
	return d.Sum / d.Packets
}
