package records

import (
	"github.com/openifit/openifit/proto/ipfix"
	"github.com/openifit/openifit/proto/ipfix/ie"
)

// Postcard is what one node reports about one packet of an instrumented flow.
type Postcard struct {
	Origin
	Tuple
	// PacketID is the digest over what no node changes, the same at all nodes
	// (RFC 5475 section 6.2).
	PacketID uint64 `ipfix:"digestHashValue"`
	// HopLimit that the packet has when it leaves the node.
	HopLimit         uint8          `ipfix:"ipTTL"`
	DiffServ         uint8          `ipfix:"ipDiffServCodePoint"`
	Direction        Direction      `ipfix:"flowDirection"`
	IngressInterface uint32         `ipfix:"ingressInterface"`
	EgressInterface  uint32         `ipfix:"egressInterface"`
	IngressTime      ipfix.UnixNano `ipfix:"ifitIngressTimeNanoseconds"`
	EgressTime       ipfix.UnixNano `ipfix:"ifitEgressTimeNanoseconds"`
	// TransitDelay inside the node in nanoseconds.
	TransitDelay uint32 `ipfix:"ifitTransitDelayNanoseconds"`
	// Length of the IP packet in octets.
	Length uint32 `ipfix:"ipTotalLength"`
	// Segments of the super-packet that the record stands for, 1 for a plain
	// packet.
	Segments uint16 `ipfix:"ifitPacketSegments"`
	// Answer is what a probe that the operator brought answered to the packet.
	Answer uint64 `ipfix:"ifitProbeAnswer"`
}

// PostcardTemplate needs an enterprise number in the model.
func PostcardTemplate(m *ie.Model, family Family) (*ipfix.Template, error) {
	return template(m, family.String()+" postcard", postcardFields(family)...)
}

// AnsweredPostcardTemplate is that of postcards with a probe's answer.
func AnsweredPostcardTemplate(m *ie.Model, family Family) (*ipfix.Template, error) {
	return template(m, family.String()+" postcard", append(postcardFields(family), []string{"ifitProbeAnswer"})...)
}

func postcardFields(family Family) [][]string {
	return [][]string{originFields, tupleFields(family), {
		"digestHashValue", "ipTTL", "ipDiffServCodePoint", "flowDirection", "ingressInterface", "egressInterface",
		"ifitIngressTimeNanoseconds", "ifitEgressTimeNanoseconds", "ifitTransitDelayNanoseconds",
		"ipTotalLength[4]", "ifitPacketSegments",
	}}
}
