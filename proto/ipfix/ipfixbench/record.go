package ipfixbench

import (
	"net/netip"
	"testing"

	"github.com/openifit/openifit/proto/ipfix"
	"github.com/openifit/openifit/proto/ipfix/ie"
)

// RecordLength is the length of the reference record in octets.
const RecordLength = 65

// perMessage is the number of reference records in a Message.
const perMessage = 20

// messageLength holds a Set of perMessage records.
const messageLength = ipfix.HeaderLength + ipfix.SetHeaderLength + perMessage*RecordLength

// Flow is the reference record: 13 registered elements in 65 octets.
type Flow struct {
	Source           netip.Addr     `ipfix:"sourceIPv4Address"`
	Destination      netip.Addr     `ipfix:"destinationIPv4Address"`
	SourcePort       uint16         `ipfix:"sourceTransportPort"`
	DestinationPort  uint16         `ipfix:"destinationTransportPort"`
	Protocol         uint8          `ipfix:"protocolIdentifier"`
	Octets           uint64         `ipfix:"octetDeltaCount"`
	Packets          uint64         `ipfix:"packetDeltaCount"`
	Start            ipfix.UnixNano `ipfix:"flowStartNanoseconds"`
	End              ipfix.UnixNano `ipfix:"flowEndNanoseconds"`
	IngressInterface uint32         `ipfix:"ingressInterface"`
	EgressInterface  uint32         `ipfix:"egressInterface"`
	DelayMax         uint32         `ipfix:"pathDelayMaxDeltaMicroseconds"`
	DelaySum         uint64         `ipfix:"pathDelaySumDeltaMicroseconds"`
}

// NewTemplate describes the reference record.
func NewTemplate(tb testing.TB) *ipfix.Template {
	tb.Helper()
	fields, err := ipfix.Fields(ie.NewModel(0),
		"sourceIPv4Address", "destinationIPv4Address", "sourceTransportPort", "destinationTransportPort",
		"protocolIdentifier", "octetDeltaCount", "packetDeltaCount", "flowStartNanoseconds", "flowEndNanoseconds",
		"ingressInterface", "egressInterface", "pathDelayMaxDeltaMicroseconds", "pathDelaySumDeltaMicroseconds")
	if err != nil {
		tb.Fatal(err)
	}
	t, err := ipfix.NewTemplate(fields...)
	if err != nil {
		tb.Fatal(err)
	}
	if t.RecordLength() != RecordLength {
		tb.Fatalf("reference record has %d octets", t.RecordLength())
	}
	return t
}

// sample fills a Flow that differs with n.
func sample(n int) Flow {
	return Flow{
		Source:      netip.AddrFrom4([4]byte{192, 0, 2, byte(n)}),
		Destination: netip.AddrFrom4([4]byte{198, 51, 100, byte(n >> 8)}),
		SourcePort:  uint16(1024 + n), DestinationPort: 443, Protocol: 6,
		Octets: uint64(1500 * n), Packets: uint64(n),
		Start: 1_700_000_000_123_456_789 + ipfix.UnixNano(n), End: 1_700_000_001_987_654_321 + ipfix.UnixNano(n),
		IngressInterface: 2, EgressInterface: 3, DelayMax: uint32(n), DelaySum: uint64(40 * n),
	}
}
