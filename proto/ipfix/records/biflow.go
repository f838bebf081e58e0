package records

import (
	"slices"
	"strings"

	"github.com/openifit/openifit/proto/ipfix"
)

// BiflowDirection says how the forward direction of a Biflow was chosen
// (RFC 5103 section 6.3).
type BiflowDirection uint8

// The choices that OpenIFIT makes.
const (
	// BiflowArbitrary: nothing tells the initiator.
	BiflowArbitrary BiflowDirection = 0
	// BiflowInitiator: forward is what the initiator sends.
	BiflowInitiator BiflowDirection = 1
)

// Reverse is what a Biflow record says of the direction against its Flow Keys,
// each field as its namesake of Flow.
type Reverse struct {
	BiflowDirection         BiflowDirection `ipfix:"biflowDirection"`
	ReverseOctets           uint64          `ipfix:"reverseOctetDeltaCount"`
	ReversePackets          uint64          `ipfix:"reversePacketDeltaCount"`
	ReverseStart            ipfix.UnixNano  `ipfix:"reverseFlowStartMilliseconds"`
	ReverseEnd              ipfix.UnixNano  `ipfix:"reverseFlowEndMilliseconds"`
	ReverseTCPControlBits   uint16          `ipfix:"reverseTcpControlBits"`
	ReverseMinimumHopLimit  uint8           `ipfix:"reverseMinimumTTL"`
	ReverseMaximumHopLimit  uint8           `ipfix:"reverseMaximumTTL"`
	ReverseIngressInterface uint32          `ipfix:"reverseIngressInterface"`
	ReverseEgressInterface  uint32          `ipfix:"reverseEgressInterface"`
	ReverseDirection        Direction       `ipfix:"reverseFlowDirection"`
}

// directional are the elements that each direction of a Biflow has for itself.
func directional() []string {
	return []string{
		"octetDeltaCount", "packetDeltaCount", "tcpControlBits", "flowStartMilliseconds", "flowEndMilliseconds",
		"minimumTTL", "maximumTTL", "ingressInterface", "egressInterface", "flowDirection",
	}
}

// reverseOf names the elements of the other direction, for those that the
// template has of the one and that are no Flow Keys.
func reverseOf(keys, rest []string) []string {
	out := []string{"biflowDirection"}
	for _, name := range directional() {
		if slices.Contains(rest, name) && !slices.Contains(keys, name) {
			out = append(out, "reverse"+strings.ToUpper(name[:1])+name[1:])
		}
	}
	return out
}
