package traffic

import (
	"encoding/binary"
	"net"
)

const (
	etherHeader   = 14
	etherTypeIPv4 = 0x0800
	etherTypeIPv6 = 0x86dd
	hopLimit      = 64
	dontFragment  = 0x4000
)

// frame is a flow's packet, complete but for what differs from packet to
// packet.
type frame struct {
	octets []byte
	// ip and udp are the offsets of the headers.
	ip, udp int
	// pseudo is the sum of everything in the UDP checksum that stays.
	pseudo uint32
	v4     bool
}

func newFrame(f Flow, flow uint32, run uint64, src, dst net.HardwareAddr) *frame {
	fr := &frame{octets: make([]byte, etherHeader+f.PacketOctets()), ip: etherHeader, v4: f.Source.Addr().Is4()}
	copy(fr.octets[0:6], dst)
	copy(fr.octets[6:12], src)
	length := udpHeader + f.Payload
	ip := fr.octets[fr.ip:]
	var addresses []byte
	if fr.v4 {
		binary.BigEndian.PutUint16(fr.octets[12:], etherTypeIPv4)
		fr.udp = fr.ip + ipv4Header
		ip[0], ip[1] = 0x45, f.DSCP<<2
		binary.BigEndian.PutUint16(ip[2:], uint16(ipv4Header+length))
		binary.BigEndian.PutUint16(ip[6:], dontFragment)
		ip[8], ip[9] = hopLimit, protocolUDP
		s, d := f.Source.Addr().As4(), f.Destination.Addr().As4()
		copy(ip[12:], s[:])
		copy(ip[16:], d[:])
		addresses = ip[12:20]
	} else {
		binary.BigEndian.PutUint16(fr.octets[12:], etherTypeIPv6)
		fr.udp = fr.ip + ipv6Header
		binary.BigEndian.PutUint32(ip, 6<<28|uint32(f.DSCP)<<22|flowLabel(flow))
		binary.BigEndian.PutUint16(ip[4:], uint16(length))
		ip[6], ip[7] = protocolUDP, hopLimit
		s, d := f.Source.Addr().As16(), f.Destination.Addr().As16()
		copy(ip[8:], s[:])
		copy(ip[24:], d[:])
		addresses = ip[8:40]
	}
	udp := fr.octets[fr.udp:]
	binary.BigEndian.PutUint16(udp[0:], f.Source.Port())
	binary.BigEndian.PutUint16(udp[2:], f.Destination.Port())
	binary.BigEndian.PutUint16(udp[4:], uint16(length))
	Stamp{Flow: flow, Run: run}.put(udp[udpHeader:])
	// The fields of Sequence and Sent are zero yet and add nothing.
	fr.pseudo = sum(addresses) + protocolUDP + uint32(length) + sum(udp)
	return fr
}

// flowLabel spreads the flows as hosts do; it is never 0.
func flowLabel(flow uint32) uint32 { return (flow*2654435761>>12 | 1) & 0xfffff }

// next fills in one packet and returns the frame, valid until the next call.
func (fr *frame) next(sequence uint64, sent int64) []byte {
	if fr.v4 {
		ip := fr.octets[fr.ip : fr.ip+ipv4Header]
		binary.BigEndian.PutUint16(ip[4:], uint16(sequence))
		ip[10], ip[11] = 0, 0
		binary.BigEndian.PutUint16(ip[10:], fold(sum(ip)))
	}
	udp := fr.octets[fr.udp:]
	payload := udp[udpHeader:]
	binary.BigEndian.PutUint64(payload[offsetSequence:], sequence)
	binary.BigEndian.PutUint64(payload[offsetTime:], uint64(sent))
	s := fr.pseudo + sum(payload[offsetSequence:offsetSequence+8]) + sum(payload[offsetTime:offsetTime+8])
	c := fold(s)
	if c == 0 {
		// Zero would mean "no checksum" (RFC 768).
		c = 0xffff
	}
	binary.BigEndian.PutUint16(udp[6:], c)
	return fr.octets
}

// sum is the one's complement sum of RFC 1071, not folded; for less than
// 64 KiB. An odd octet at the end counts as if a zero followed.
func sum(b []byte) uint32 {
	var s uint32
	for len(b) >= 2 {
		s += uint32(b[0])<<8 | uint32(b[1])
		b = b[2:]
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
	return ^uint16(s)
}
