package flow

// TCPHealth is what one end of a TCP connection has sent past this node, from
// its first packet up to now: totals, not what came since the last reading.
// Packets are packets, not super-packets.
type TCPHealth struct {
	// ID is the direction: from the end that sent to the other.
	ID ID
	// Policies ask for it. The slice is shared and must not be changed.
	Policies []PolicyRef
	// Ifindex and Direction are those of the Observation Point that counts.
	Ifindex   uint32
	Direction Direction
	// First and Last are UNIX times in nanoseconds.
	First, Last int64
	// Packets were seen, with Payload octets of TCP payload.
	Packets, Payload uint64
	// Retransmitted packets were sent again, with RetransmittedOctets that had
	// been sent before, whether they were lost before or behind this node.
	Retransmitted, RetransmittedOctets uint64
	// OutOfOrder packets were overtaken before they came here.
	OutOfOrder uint64
	// Gaps counts holes in the sequence numbers: what was lost or overtaken
	// before it came here.
	Gaps uint64
	// DuplicateAcks are those of RFC 5681, sent by this end.
	DuplicateAcks uint64
	// Probes of a closed window or of an idle connection.
	Probes uint64
	// ZeroWindows counts how often this end closed its window, ZeroWindowTime
	// for how many nanoseconds it was closed, the present time included.
	ZeroWindows, ZeroWindowTime uint64
	// SYNs, FINs and Resets are packets with these control bits.
	SYNs, FINs, Resets uint64
	// HandshakeRTT is the time from the SYN of this end to its
	// acknowledgement, in nanoseconds; 0 when it is not known.
	HandshakeRTT uint64
	// RTT tells round trips by time stamps, of RTTSamples segments.
	RTT RTT
}

// RTT sums up times from here to the other end of a connection and back, in
// nanoseconds. All are 0 without samples.
type RTT struct {
	Samples, Sum uint64
	Min, Max     uint64
	// Smoothed is the moving mean in which each sample counts an eighth.
	Smoothed uint64
}
