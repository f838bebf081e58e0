package packet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
)

// Seen is what a frame's IP header says.
type Seen struct {
	DSCP, ECN, HopLimit uint8
	// IP is the packet from its IP header on.
	IP []byte
}

// Parse reads the IP header of a frame and checks its length and the
// checksums of IPv4, UDP and TCP.
func Parse(frame []byte) (Seen, error) {
	if len(frame) < ethernetSize {
		return Seen{}, fmt.Errorf("frame of %d octets", len(frame))
	}
	etherType, ip := binary.BigEndian.Uint16(frame[12:]), frame[ethernetSize:]
	if etherType == 0x8100 && len(ip) >= 4 {
		etherType, ip = binary.BigEndian.Uint16(ip[2:]), ip[4:]
	}
	switch {
	case etherType == 0x0800 && len(ip) >= ipv4Size:
		return parseIPv4(ip)
	case etherType == 0x86dd && len(ip) >= ipv6Size:
		return parseIPv6(ip)
	}
	return Seen{}, fmt.Errorf("no IP packet behind EtherType %#x", etherType)
}

func parseIPv4(ip []byte) (Seen, error) {
	seen := Seen{DSCP: ip[1] >> 2, ECN: ip[1] & 3, HopLimit: ip[8], IP: ip}
	head := int(ip[0]&15) * 4
	if head < ipv4Size || head > len(ip) || int(binary.BigEndian.Uint16(ip[2:])) != len(ip) {
		return seen, errors.New("lengths of the IPv4 header are wrong")
	}
	if fold(sum(ip[:head])) != 0xffff {
		return seen, errors.New("the IPv4 checksum is wrong")
	}
	if binary.BigEndian.Uint16(ip[6:])&0x3fff != 0 {
		return seen, nil
	}
	source, _ := netip.AddrFromSlice(ip[12:16])
	destination, _ := netip.AddrFromSlice(ip[16:20])
	return seen, checkTransport(source, destination, ip[9], ip[head:])
}

func parseIPv6(ip []byte) (Seen, error) {
	word := binary.BigEndian.Uint32(ip)
	seen := Seen{DSCP: uint8(word >> 22 & 63), ECN: uint8(word >> 20 & 3), HopLimit: ip[7], IP: ip}
	if int(binary.BigEndian.Uint16(ip[4:])) != len(ip)-ipv6Size {
		return seen, errors.New("the IPv6 payload length is wrong")
	}
	source, _ := netip.AddrFromSlice(ip[8:24])
	destination, _ := netip.AddrFromSlice(ip[24:40])
	return seen, checkTransport(source, destination, ip[6], ip[ipv6Size:])
}

// checkTransport passes over protocols that it does not know, extension
// headers among them.
func checkTransport(source, destination netip.Addr, protocol uint8, transport []byte) error {
	if protocol == UDP && len(transport) >= 8 || protocol == TCP && len(transport) >= 20 {
		if fold(pseudo(source, destination, protocol, transport)+sum(transport)) != 0xffff {
			return fmt.Errorf("the checksum of protocol %d is wrong", protocol)
		}
	}
	return nil
}
