package records

import (
	"github.com/openifit/openifit/proto/ipfix"
	"github.com/openifit/openifit/proto/ipfix/ie"
)

// TCPHealth tells what one end of a TCP connection has sent past a node. All
// counts are totals since Start: a record that is lost costs nothing, the next
// one says it too.
type TCPHealth struct {
	Origin
	// Tuple is the direction, from the end that sent.
	Tuple
	Direction Direction `ipfix:"flowDirection"`
	// Ingress or egress interface of the Observation Point that counts; the
	// other is 0.
	IngressInterface uint32         `ipfix:"ingressInterface"`
	EgressInterface  uint32         `ipfix:"egressInterface"`
	Start            ipfix.UnixNano `ipfix:"flowStartNanoseconds"`
	End              ipfix.UnixNano `ipfix:"flowEndNanoseconds"`
	Packets          uint64         `ipfix:"packetTotalCount"`
	Payload          uint64         `ipfix:"ifitTcpPayloadOctetTotalCount"`
	SYNs             uint64         `ipfix:"tcpSynTotalCount"`
	FINs             uint64         `ipfix:"tcpFinTotalCount"`
	Resets           uint64         `ipfix:"tcpRstTotalCount"`
	// Retransmitted packets were sent again, with so many octets that had been
	// sent before.
	Retransmitted       uint64 `ipfix:"ifitTcpRetransmittedPacketTotalCount"`
	RetransmittedOctets uint64 `ipfix:"ifitTcpRetransmittedOctetTotalCount"`
	// OutOfOrder packets were overtaken on their way to the node; Gaps are
	// holes in the sequence numbers, by that or by loss.
	OutOfOrder    uint64 `ipfix:"ifitTcpOutOfOrderPacketTotalCount"`
	Gaps          uint64 `ipfix:"ifitTcpGapTotalCount"`
	DuplicateAcks uint64 `ipfix:"ifitTcpDuplicateAckTotalCount"`
	// Probes of a closed window or an idle connection.
	Probes uint64 `ipfix:"ifitTcpProbeTotalCount"`
	// ZeroWindows is how often the end closed its window, ZeroWindowTime for
	// how many nanoseconds.
	ZeroWindows    uint64 `ipfix:"ifitTcpZeroWindowTotalCount"`
	ZeroWindowTime uint64 `ipfix:"ifitTcpZeroWindowNanoseconds"`
	// Round trips from the node to the other end and back, in nanoseconds: of
	// the SYN, 0 when it was not seen, and of time stamps, 0 without samples.
	HandshakeRTT uint64 `ipfix:"ifitTcpHandshakeRttNanoseconds"`
	RTTMin       uint64 `ipfix:"ifitTcpRttMinNanoseconds"`
	RTTMax       uint64 `ipfix:"ifitTcpRttMaxNanoseconds"`
	RTTSmoothed  uint64 `ipfix:"ifitTcpRttSmoothedNanoseconds"`
	RTTSum       uint64 `ipfix:"ifitTcpRttSumNanoseconds"`
	RTTSamples   uint64 `ipfix:"ifitTcpRttSampleTotalCount"`
}

// TCPHealthTemplate needs an enterprise number in the model.
func TCPHealthTemplate(m *ie.Model, family Family) (*ipfix.Template, error) {
	return template(m, family.String()+" TCP health", originFields, tupleFields(family), []string{
		"flowDirection", "ingressInterface", "egressInterface", "flowStartNanoseconds", "flowEndNanoseconds",
		"packetTotalCount", "ifitTcpPayloadOctetTotalCount", "tcpSynTotalCount", "tcpFinTotalCount", "tcpRstTotalCount",
		"ifitTcpRetransmittedPacketTotalCount", "ifitTcpRetransmittedOctetTotalCount",
		"ifitTcpOutOfOrderPacketTotalCount", "ifitTcpGapTotalCount", "ifitTcpDuplicateAckTotalCount",
		"ifitTcpProbeTotalCount", "ifitTcpZeroWindowTotalCount", "ifitTcpZeroWindowNanoseconds",
		"ifitTcpHandshakeRttNanoseconds", "ifitTcpRttMinNanoseconds", "ifitTcpRttMaxNanoseconds",
		"ifitTcpRttSmoothedNanoseconds", "ifitTcpRttSumNanoseconds", "ifitTcpRttSampleTotalCount",
	})
}
