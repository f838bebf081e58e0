package packet

import (
	"encoding/binary"
	"net/netip"
)

// EtherTypes and ports of tunnels.
const (
	EtherIPv4  = 0x0800
	EtherIPv6  = 0x86dd
	EtherTEB   = 0x6558
	EtherMPLS  = 0x8847
	EtherVLAN  = 0x8100
	EtherSVLAN = 0x88a8
	VXLANPort  = 4789
	GENEVEPort = 6081
)

// Ethernet puts an Ethernet header in front of a payload.
func Ethernet(etherType uint16, payload []byte) []byte {
	frame := append(make([]byte, 0, 14+len(payload)), 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1)
	return append(binary.BigEndian.AppendUint16(frame, etherType), payload...)
}

// Tag puts a tag behind the addresses of a frame.
func Tag(tpid, tci uint16, frame []byte) []byte {
	out := append([]byte{}, frame[:12]...)
	out = binary.BigEndian.AppendUint16(out, tpid)
	out = binary.BigEndian.AppendUint16(out, tci)
	return append(out, frame[12:]...)
}

// MPLS puts a stack of labels in front of a payload, the top one first, with
// the traffic class of all of them.
func MPLS(class uint8, payload []byte, labels ...uint32) []byte {
	var out []byte
	for i, label := range labels {
		entry := label<<12 | uint32(class)<<9 | 64
		if i == len(labels)-1 {
			entry |= 1 << 8
		}
		out = binary.BigEndian.AppendUint32(out, entry)
	}
	return append(out, payload...)
}

// GRE is the header of a GRE packet; nil fields are left out.
type GRE struct {
	// Flags are added to those of the fields.
	Flags, Protocol         uint16
	Checksum, Key, Sequence *uint32
}

// Wrap puts the header in front of a payload.
func (g GRE) Wrap(payload []byte) []byte {
	var fields []byte
	for _, f := range []struct {
		value *uint32
		flag  uint16
	}{{g.Checksum, 0x8000}, {g.Key, 0x2000}, {g.Sequence, 0x1000}} {
		if f.value != nil {
			g.Flags |= f.flag
			fields = binary.BigEndian.AppendUint32(fields, *f.value)
		}
	}
	out := binary.BigEndian.AppendUint16(nil, g.Flags)
	out = binary.BigEndian.AppendUint16(out, g.Protocol)
	return append(append(out, fields...), payload...)
}

// VXLAN puts a VXLAN header in front of a frame.
func VXLAN(vni uint32, frame []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{8, 0, 0, 0}, vni<<8), frame...)
}

// GENEVE puts a GENEVE header with options, in multiples of four octets, in
// front of a payload.
func GENEVE(vni uint32, protocol uint16, options, payload []byte) []byte {
	out := []byte{byte(len(options) / 4), 0}
	out = binary.BigEndian.AppendUint16(out, protocol)
	out = binary.BigEndian.AppendUint32(out, vni<<8)
	return append(append(out, options...), payload...)
}

// SegmentRouting is a segment routing header (RFC 8754) for Spec.Extensions;
// next is the protocol behind it.
func SegmentRouting(next, segmentsLeft uint8, segments ...netip.Addr) []byte {
	out := []byte{next, byte(2 * len(segments)), 4, segmentsLeft, byte(len(segments) - 1), 0, 0, 0}
	for _, s := range segments {
		out = append(out, s.AsSlice()...)
	}
	return out
}
