package flow

import (
	"cmp"
	"fmt"
	"net/netip"
)

// Direction tells on which side of an interface something was observed.
// Its values are those of flowDirection (IE 61).
type Direction uint8

// Directions of an Observation Point.
const (
	Ingress Direction = 0
	Egress  Direction = 1
)

// String returns the direction in the words of the YANG model.
func (d Direction) String() string {
	if d == Egress {
		return "EGRESS"
	}
	return "INGRESS"
}

// ID is the 5-tuple of a flow. Both addresses are of one family, and never
// IPv4-mapped. For ICMP and ICMPv6 the source port is 0 and the destination
// port is type*256+code (IE 32 and 139); for protocols without ports, and for
// fragments other than the first, both ports are 0.
type ID struct {
	Source, Destination         netip.Addr
	SourcePort, DestinationPort uint16
	Protocol                    uint8
}

// Compare orders flows by addresses, ports and protocol.
func (id ID) Compare(other ID) int {
	return cmp.Or(id.Source.Compare(other.Source), id.Destination.Compare(other.Destination),
		cmp.Compare(id.SourcePort, other.SourcePort), cmp.Compare(id.DestinationPort, other.DestinationPort),
		cmp.Compare(id.Protocol, other.Protocol))
}

// String writes the flow as "source:port > destination:port/protocol".
func (id ID) String() string {
	return fmt.Sprintf("%s > %s/%d",
		netip.AddrPortFrom(id.Source, id.SourcePort),
		netip.AddrPortFrom(id.Destination, id.DestinationPort), id.Protocol)
}

// Key is the widest flow key that an Observation Point reads: the 5-tuple and
// the header fields that policies of the point use as Flow Keys or in rules.
// A field that no policy of the point reads is zero.
type Key struct {
	ID
	// DSCP is the 6-bit code point, after foreign marks were stripped.
	DSCP uint8
	// FlowLabel is the 20-bit IPv6 flow label.
	FlowLabel uint32
	// VLAN is the outermost VLAN identifier, 0 when untagged.
	VLAN uint16
	// CustomerVLAN is the identifier of the tag behind it (QinQ), 0 without one.
	CustomerVLAN uint16
	// Overlay is the innermost overlay network that the packet is in, and VNI
	// its 24-bit identifier there.
	Overlay Overlay
	VNI     uint32
	// Labelled tells that there are MPLS labels; MPLS is the top entry's label,
	// traffic class and bottom of stack, 24 bits (IE 70).
	Labelled bool
	MPLS     uint32
	// ActiveSegment is the active segment of the outermost SRv6 header, the
	// zero Addr without one.
	ActiveSegment netip.Addr
}

// MPLSLabel is the top label, 0 without one.
func (k *Key) MPLSLabel() uint32 { return k.MPLS >> 4 }

// Overlay is a way to carry Ethernet networks of tenants in IP. The values of
// the first three are those that layer2SegmentId (IE 351) begins with.
type Overlay uint8

// Overlays. GENEVE has no value of its own in the registry.
const (
	NoOverlay     Overlay = 0
	OverlayVXLAN  Overlay = 1
	OverlayNVGRE  Overlay = 2
	OverlayGENEVE Overlay = 3
)

// Layer tells which IP header of a packet a record is about, where a packet
// in a tunnel gives one for each.
type Layer uint8

// Layers. LayerOnly is that of packets without a tunnel, and of all packets
// where the policies of a point all read the same header.
const (
	LayerOnly  Layer = 0
	LayerOuter Layer = 1
	LayerInner Layer = 2
)
