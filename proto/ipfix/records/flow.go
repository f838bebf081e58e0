package records

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/openifit/openifit/proto/ipfix"
	"github.com/openifit/openifit/proto/ipfix/ie"
)

// FlowEndReason says why a Flow Record was exported (RFC 5102 section 5.11.3).
type FlowEndReason uint8

// The reasons.
const (
	EndIdle      FlowEndReason = 1
	EndActive    FlowEndReason = 2
	EndDetected  FlowEndReason = 3
	EndForced    FlowEndReason = 4
	EndResources FlowEndReason = 5
)

// Flow is a Flow Record. Fields that its template lacks are zero.
type Flow struct {
	Origin
	Tuple

	// Flow Keys beside the 5-tuple.
	IPVersion      uint8  `ipfix:"ipVersion"`
	DiffServ       uint8  `ipfix:"ipDiffServCodePoint"`
	ClassOfService uint8  `ipfix:"ipClassOfService"`
	FlowLabel      uint32 `ipfix:"flowLabelIPv6"`
	VLAN           uint16 `ipfix:"vlanId|dot1qVlanId"`
	CustomerVLAN   uint16 `ipfix:"dot1qCustomerVlanId"`
	ICMPTypeCode   uint16 `ipfix:"icmpTypeCodeIPv4|icmpTypeCodeIPv6"`

	// SourceLength and DestinationLength are the bits of Source and Destination
	// where these are prefixes.
	SourceLength      uint8 `ipfix:"sourceIPv4PrefixLength|sourceIPv6PrefixLength"`
	DestinationLength uint8 `ipfix:"destinationIPv4PrefixLength|destinationIPv6PrefixLength"`

	// SegmentID of an overlay network, see SegmentID; 0 outside of any.
	SegmentID uint64 `ipfix:"layer2SegmentId"`
	// TopLabel of the MPLS label stack, zero without one.
	TopLabel [3]byte `ipfix:"mplsTopLabelStackSection"`
	// ActiveSegment of SRv6, :: without one.
	ActiveSegment netip.Addr `ipfix:"srhActiveSegmentIPv6"`

	IngressInterface uint32    `ipfix:"ingressInterface"`
	EgressInterface  uint32    `ipfix:"egressInterface"`
	Direction        Direction `ipfix:"flowDirection"`

	// Octets and Packets since the flow's last record; octets from the IP
	// header on.
	Octets  uint64 `ipfix:"octetDeltaCount"`
	Packets uint64 `ipfix:"packetDeltaCount"`
	// Start and End go out in milliseconds; what comes in finer is read so.
	Start           ipfix.UnixNano `ipfix:"flowStartNanoseconds|flowStartMicroseconds|flowStartMilliseconds|flowStartSeconds"`
	End             ipfix.UnixNano `ipfix:"flowEndNanoseconds|flowEndMicroseconds|flowEndMilliseconds|flowEndSeconds"`
	TCPControlBits  uint16         `ipfix:"tcpControlBits"`
	MinimumHopLimit uint8          `ipfix:"minimumTTL"`
	MaximumHopLimit uint8          `ipfix:"maximumTTL"`
	EndReason       FlowEndReason  `ipfix:"flowEndReason"`

	// Delay inside the node in nanoseconds, the egress queue excluded, of
	// DelayPackets packets.
	DelayMin     uint32 `ipfix:"ifitTransitDelayMinNanoseconds"`
	DelayMax     uint32 `ipfix:"ifitTransitDelayMaxNanoseconds"`
	DelayMean    uint32 `ipfix:"ifitTransitDelayNanoseconds"`
	DelaySum     uint64 `ipfix:"ifitTransitDelaySumNanoseconds"`
	DelayPackets uint64 `ipfix:"ifitTransitDelayPackets"`

	// Selector of sampled packets (RFC 5477), see Selector.
	Selector uint64 `ipfix:"selectorId"`

	Reverse
}

// topLabel is the only Flow Key without a natural length.
const topLabel = "mplsTopLabelStackSection"

// SegmentID is the value of layer2SegmentId: the encapsulation type in the most
// significant octet, the identifier in the three lowest. The registry has types
// for VXLAN and NVGRE; others, GENEVE among them, leave it 0.
func SegmentID(encapsulation uint8, vni uint32) uint64 {
	if encapsulation != EncapsulationVXLAN && encapsulation != EncapsulationNVGRE {
		encapsulation = 0
	}
	return uint64(encapsulation)<<56 | uint64(vni&0xffffff)
}

// Encapsulation types of layer2SegmentId.
const (
	EncapsulationVXLAN uint8 = 1
	EncapsulationNVGRE uint8 = 2
)

// TopLabel is the value of mplsTopLabelStackSection: label, traffic class and
// bottom of stack in 24 bits.
func TopLabel(entry uint32) [3]byte {
	return [3]byte{byte(entry >> 16), byte(entry >> 8), byte(entry)}
}

// DefaultFlowKeys name the 5-tuple of both families.
func DefaultFlowKeys() []string {
	return []string{
		"sourceIPv4Address", "destinationIPv4Address", "sourceIPv6Address", "destinationIPv6Address",
		"sourceTransportPort", "destinationTransportPort", "protocolIdentifier",
	}
}

// keyFamilies are the elements that can be Flow Keys, with the only family that
// has them, NoFlow for both.
var keyFamilies = map[string]Family{
	"sourceIPv4Address": IPv4, "destinationIPv4Address": IPv4, "icmpTypeCodeIPv4": IPv4,
	"sourceIPv6Address": IPv6, "destinationIPv6Address": IPv6, "icmpTypeCodeIPv6": IPv6, "flowLabelIPv6": IPv6,
	"sourceTransportPort": NoFlow, "destinationTransportPort": NoFlow, "protocolIdentifier": NoFlow,
	"ipVersion": NoFlow, "ipDiffServCodePoint": NoFlow, "ipClassOfService": NoFlow, "vlanId": NoFlow,
	"dot1qVlanId": NoFlow, "dot1qCustomerVlanId": NoFlow, "layer2SegmentId": NoFlow,
	topLabel: NoFlow, "srhActiveSegmentIPv6": NoFlow,
	"ingressInterface": NoFlow, "egressInterface": NoFlow, "flowDirection": NoFlow,
	"sourceIPv4Prefix": IPv4, "destinationIPv4Prefix": IPv4, "sourceIPv6Prefix": IPv6, "destinationIPv6Prefix": IPv6,
}

// IsFlowKey says whether Flow Records can have the element as a Flow Key.
func IsFlowKey(name string) bool {
	_, ok := keyFamilies[name]
	return ok
}

// FlowOptions choose what Flow Records carry beside keys and counters.
type FlowOptions struct {
	// TransitDelay of the node; needs an enterprise number.
	TransitDelay bool
	// Sampled adds the selector of the packets.
	Sampled bool
	// Biflow adds what the other direction has (RFC 5103).
	Biflow bool
	// Without leaves elements out that are no Flow Keys.
	Without []string
}

// FlowTemplate composes a template from Flow Keys, which come first and in the
// order given. Keys of the other family are left out. Without an enterprise
// number in the model the records do not tell their Origin.
func FlowTemplate(m *ie.Model, family Family, keys []string, o FlowOptions) (*ipfix.Template, error) {
	if family != IPv4 && family != IPv6 {
		return nil, fmt.Errorf("flow template: flows are of a family")
	}
	var specs []string
	for _, k := range keys {
		only, ok := keyFamilies[k]
		switch {
		case !ok:
			return nil, fmt.Errorf("flow template: %s cannot be a flow key, only %s", k, keyNames())
		case slices.Contains(specs, k):
			return nil, fmt.Errorf("flow template: flow key %s occurs twice", k)
		case k == topLabel:
			// All three octets of the entry; the element itself has no length.
			specs = append(specs, k+"[3]")
		case strings.HasSuffix(k, "Prefix"):
			if only == family {
				specs = append(specs, k, k+"Length")
			}
		case only == NoFlow, only == family:
			specs = append(specs, k)
		}
	}
	// Milliseconds are what the kernel's coarse clock is good for, and what
	// collectors as common as nfcapd read.
	rest := []string{
		"octetDeltaCount", "packetDeltaCount", "tcpControlBits", "flowStartMilliseconds", "flowEndMilliseconds",
		"minimumTTL", "maximumTTL", "ingressInterface", "egressInterface", "flowDirection", "flowEndReason",
	}
	if m.PEN() != 0 {
		rest = append(rest, originFields...)
	}
	if o.TransitDelay {
		rest = append(rest, "ifitTransitDelayMinNanoseconds", "ifitTransitDelayMaxNanoseconds",
			"ifitTransitDelayNanoseconds", "ifitTransitDelaySumNanoseconds", "ifitTransitDelayPackets")
	}
	if o.Sampled {
		rest = append(rest, "selectorId")
	}
	rest = slices.DeleteFunc(rest, func(name string) bool {
		return slices.Contains(specs, name) || slices.Contains(o.Without, name)
	})
	if o.Biflow {
		rest = append(rest, reverseOf(specs, rest)...)
	}
	return template(m, "flow", specs, rest)
}

func keyNames() string {
	names := make([]string, 0, len(keyFamilies))
	for n := range keyFamilies {
		names = append(names, n)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}
