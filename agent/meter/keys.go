package meter

import (
	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
)

// Keys is a set of Flow Keys (RFC 7011 section 2). The IP version, the
// direction and the policy's generation are always keys: no Flow Record mixes
// two of any.
type Keys uint32

// Flow Keys, each named after its Information Element.
const (
	SourceIPv4Address Keys = 1 << iota
	DestinationIPv4Address
	SourceIPv6Address
	DestinationIPv6Address
	SourceTransportPort
	DestinationTransportPort
	ProtocolIdentifier
	IPDiffServCodePoint
	FlowLabelIPv6
	VLANID
	IngressInterface
	EgressInterface
	Layer2SegmentID
	MPLSTopLabelStackSection
	SRHActiveSegmentIPv6
	Dot1qCustomerVLANID
	SourceIPv4Prefix
	DestinationIPv4Prefix
	SourceIPv6Prefix
	DestinationIPv6Prefix

	// FiveTuple is the addresses of both families, the ports and the protocol.
	FiveTuple = SourceIPv4Address | DestinationIPv4Address | SourceIPv6Address |
		DestinationIPv6Address | SourceTransportPort | DestinationTransportPort | ProtocolIdentifier
)

// key is a projected flow key. It has no padding and no pointers, so that
// comparing and hashing it are runs over its octets.
type key struct {
	source, destination         [16]byte
	segment                     [16]byte
	vni, mpls                   uint32 // above what tells that they are there
	flowLabel                   uint32
	ingress, egress             uint32
	generation                  uint32
	sourcePort, destinationPort uint16
	vlan, customerVLAN          uint16
	protocol, dscp              uint8
	family                      uint8
	direction                   flow.Direction
}

// project keeps of a record's key what the set names; of prefixes so many bits.
func (k Keys) project(r *flow.Record, generation uint32, source, destination plan.AddressBits) (out key) {
	out.generation, out.direction = generation, r.Direction
	if r.Key.Source.Is4() {
		out.family = 4
		if k&(SourceIPv4Address|SourceIPv4Prefix) != 0 {
			a := r.Key.Source.As4()
			copy(out.source[:], a[:])
		}
		if k&(DestinationIPv4Address|DestinationIPv4Prefix) != 0 {
			a := r.Key.Destination.As4()
			copy(out.destination[:], a[:])
		}
		if k&SourceIPv4Prefix != 0 {
			cut(out.source[:4], source.IPv4)
		}
		if k&DestinationIPv4Prefix != 0 {
			cut(out.destination[:4], destination.IPv4)
		}
	} else {
		out.family = 6
		if k&(SourceIPv6Address|SourceIPv6Prefix) != 0 {
			out.source = r.Key.Source.As16()
		}
		if k&(DestinationIPv6Address|DestinationIPv6Prefix) != 0 {
			out.destination = r.Key.Destination.As16()
		}
		if k&SourceIPv6Prefix != 0 {
			cut(out.source[:], source.IPv6)
		}
		if k&DestinationIPv6Prefix != 0 {
			cut(out.destination[:], destination.IPv6)
		}
		if k&FlowLabelIPv6 != 0 {
			out.flowLabel = r.Key.FlowLabel
		}
	}
	if k&SourceTransportPort != 0 {
		out.sourcePort = r.Key.SourcePort
	}
	if k&DestinationTransportPort != 0 {
		out.destinationPort = r.Key.DestinationPort
	}
	if k&ProtocolIdentifier != 0 {
		out.protocol = r.Key.Protocol
	}
	if k&IPDiffServCodePoint != 0 {
		out.dscp = r.Key.DSCP
	}
	if k&VLANID != 0 {
		out.vlan = r.Key.VLAN
	}
	if k&Dot1qCustomerVLANID != 0 {
		out.customerVLAN = r.Key.CustomerVLAN
	}
	if k&Layer2SegmentID != 0 {
		out.vni = r.Key.VNI<<8 | uint32(r.Key.Overlay)
	}
	if k&MPLSTopLabelStackSection != 0 && r.Key.Labelled {
		out.mpls = r.Key.MPLS<<8 | 1
	}
	if k&SRHActiveSegmentIPv6 != 0 && r.Key.ActiveSegment.IsValid() {
		out.segment = r.Key.ActiveSegment.As16()
	}
	if k&IngressInterface != 0 {
		out.ingress = r.IngressIfindex
	}
	if k&EgressInterface != 0 {
		out.egress = r.EgressIfindex
	}
	return out
}

// cut clears what is behind so many bits.
func cut(address []byte, bits uint8) {
	for i := range address {
		switch kept := int(bits) - 8*i; {
		case kept <= 0:
			address[i] = 0
		case kept < 8:
			address[i] &= 0xff << (8 - kept)
		}
	}
}

// ParseKeys makes a set of Flow Keys from the names of their Information
// Elements. It reports the first name that is none.
func ParseKeys(names []string) (keys Keys, unknown string) {
	for _, name := range names {
		switch name {
		case "sourceIPv4Address":
			keys |= SourceIPv4Address
		case "destinationIPv4Address":
			keys |= DestinationIPv4Address
		case "sourceIPv6Address":
			keys |= SourceIPv6Address
		case "destinationIPv6Address":
			keys |= DestinationIPv6Address
		case "sourceTransportPort":
			keys |= SourceTransportPort
		case "destinationTransportPort":
			keys |= DestinationTransportPort
		case "protocolIdentifier":
			keys |= ProtocolIdentifier
		case "ipDiffServCodePoint":
			keys |= IPDiffServCodePoint
		case "flowLabelIPv6":
			keys |= FlowLabelIPv6
		case "vlanId", "dot1qVlanId":
			keys |= VLANID
		case "dot1qCustomerVlanId":
			keys |= Dot1qCustomerVLANID
		case "layer2SegmentId":
			keys |= Layer2SegmentID
		case "mplsTopLabelStackSection":
			keys |= MPLSTopLabelStackSection
		case "srhActiveSegmentIPv6":
			keys |= SRHActiveSegmentIPv6
		case "sourceIPv4Prefix":
			keys |= SourceIPv4Prefix
		case "destinationIPv4Prefix":
			keys |= DestinationIPv4Prefix
		case "sourceIPv6Prefix":
			keys |= SourceIPv6Prefix
		case "destinationIPv6Prefix":
			keys |= DestinationIPv6Prefix
		case "ingressInterface":
			keys |= IngressInterface
		case "egressInterface":
			keys |= EgressInterface
		case "ipVersion", "flowDirection":
			// These are always keys.
		default:
			return keys, name
		}
	}
	return keys, ""
}
