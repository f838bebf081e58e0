// Package packet builds single Ethernet frames for tests and checks those
// that come back.
package packet

import (
	"encoding/binary"
	"net/netip"
)

// Protocol numbers.
const (
	ICMP   = 1
	TCP    = 6
	UDP    = 17
	ICMPv6 = 58
)

// Spec describes a frame. The family is that of the addresses, which must be
// of one family. Lengths and checksums are computed.
type Spec struct {
	Source, Destination netip.AddrPort
	// Protocol is UDP when 0. Any but UDP and TCP starts right with Payload.
	Protocol  uint8
	DSCP, ECN uint8
	// HopLimit is 64 when 0.
	HopLimit uint8
	// Identification and Flags with fragment offset of IPv4.
	Identification, Fragment uint16
	// FlowLabel of IPv6.
	FlowLabel uint32
	// Options of IPv4, in multiples of four octets, or Extensions of IPv6
	// that begin with a header of type FirstExtension and end with one whose
	// next header is Protocol.
	Options        []byte
	Extensions     []byte
	FirstExtension uint8
	// VLAN adds a tag when it is not 0.
	VLAN     uint16
	TCPFlags uint8
	Payload  []byte
}

const (
	ethernetSize = 14
	ipv4Size     = 20
	ipv6Size     = 40
)

// IPv4 tells the family.
func (s Spec) IPv4() bool { return s.Source.Addr().Is4() }

// Frame builds the frame.
func (s Spec) Frame() []byte {
	if s.Protocol == 0 {
		s.Protocol = UDP
	}
	if s.HopLimit == 0 {
		s.HopLimit = 64
	}
	etherType := uint16(0x86dd)
	if s.IPv4() {
		etherType = 0x0800
	}
	frame := append(make([]byte, 0, 1600), 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1)
	if s.VLAN != 0 {
		frame = binary.BigEndian.AppendUint16(frame, 0x8100)
		frame = binary.BigEndian.AppendUint16(frame, s.VLAN)
	}
	frame = binary.BigEndian.AppendUint16(frame, etherType)
	return append(frame, s.Packet()...)
}

// Packet builds what follows the Ethernet header.
func (s Spec) Packet() []byte {
	if s.Protocol == 0 {
		s.Protocol = UDP
	}
	if s.HopLimit == 0 {
		s.HopLimit = 64
	}
	transport := s.transport()
	if s.IPv4() {
		return append(s.ipv4(len(transport)), transport...)
	}
	head := binary.BigEndian.AppendUint32(nil, 6<<28|uint32(s.DSCP)<<22|uint32(s.ECN)<<20|s.FlowLabel)
	head = binary.BigEndian.AppendUint16(head, uint16(len(s.Extensions)+len(transport)))
	next := s.Protocol
	if len(s.Extensions) > 0 {
		next = s.FirstExtension
	}
	head = append(head, next, s.HopLimit)
	head = append(head, s.Source.Addr().AsSlice()...)
	head = append(head, s.Destination.Addr().AsSlice()...)
	head = append(head, s.Extensions...)
	return append(head, transport...)
}

func (s Spec) ipv4(transport int) []byte {
	size := ipv4Size + len(s.Options)
	head := []byte{4<<4 | byte(size/4), s.DSCP<<2 | s.ECN}
	head = binary.BigEndian.AppendUint16(head, uint16(size+transport))
	head = binary.BigEndian.AppendUint16(head, s.Identification)
	head = binary.BigEndian.AppendUint16(head, s.Fragment)
	head = append(head, s.HopLimit, s.Protocol, 0, 0)
	head = append(head, s.Source.Addr().AsSlice()...)
	head = append(head, s.Destination.Addr().AsSlice()...)
	head = append(head, s.Options...)
	binary.BigEndian.PutUint16(head[10:], ^fold(sum(head)))
	return head
}

func (s Spec) transport() []byte {
	var head []byte
	at := 0
	switch s.Protocol {
	case UDP:
		head = binary.BigEndian.AppendUint16(head, s.Source.Port())
		head = binary.BigEndian.AppendUint16(head, s.Destination.Port())
		head = binary.BigEndian.AppendUint16(head, uint16(8+len(s.Payload)))
		at = len(head)
		head = append(head, 0, 0)
	case TCP:
		head = binary.BigEndian.AppendUint16(head, s.Source.Port())
		head = binary.BigEndian.AppendUint16(head, s.Destination.Port())
		head = append(head, 0, 0, 0, 1, 0, 0, 0, 2, 5<<4, s.TCPFlags, 1, 0)
		at = len(head)
		head = append(head, 0, 0, 0, 0)
	default:
		return s.Payload
	}
	out := append(head, s.Payload...)
	c := ^fold(pseudo(s.Source.Addr(), s.Destination.Addr(), s.Protocol, out) + sum(out))
	if c == 0 {
		c = 0xffff
	}
	binary.BigEndian.PutUint16(out[at:], c)
	return out
}

func pseudo(source, destination netip.Addr, protocol uint8, transport []byte) uint32 {
	return sum(source.AsSlice()) + sum(destination.AsSlice()) + uint32(protocol) + uint32(len(transport))
}

// sum is the one's complement sum of RFC 1071, not folded.
func sum(b []byte) (s uint32) {
	for ; len(b) >= 2; b = b[2:] {
		s += uint32(binary.BigEndian.Uint16(b))
	}
	if len(b) == 1 {
		s += uint32(b[0]) << 8
	}
	return s
}

func fold(s uint32) uint16 {
	for s>>16 != 0 {
		s = s&0xffff + s>>16
	}
	return uint16(s)
}
