package traffic

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
)

// Seen counts what packets carried, and what some telemetry could have left
// on them.
type Seen struct {
	// Packets of both IP versions, and Other frames that are not IP.
	IPv4  uint64 `json:"ipv4"`
	IPv6  uint64 `json:"ipv6"`
	Other uint64 `json:"other"`
	// LinkLocal counts packets that routers never forward, the neighbours'
	// own protocols; they are in no other counter but IPv4 and IPv6.
	LinkLocal uint64 `json:"link-local"`
	// DSCP counts the packets of both versions by their DSCP.
	DSCP DSCPCounts `json:"dscp"`
	// ReservedFlag counts IPv4 packets with the reserved flag set (RFC 791).
	ReservedFlag uint64 `json:"reserved-flag"`
	// Options counts IPv4 packets with options.
	Options uint64 `json:"options"`
	// ExtensionHeaders counts IPv6 extension headers by their protocol
	// number, encapsulated IP packets (4, 41) included.
	ExtensionHeaders map[uint8]uint64 `json:"extension-headers"`
	// Malformed packets end before their headers do.
	Malformed uint64 `json:"malformed"`
}

// DSCPCounts counts packets by their DSCP.
type DSCPCounts [64]uint64

// MarshalJSON lists the code points that were seen.
func (d DSCPCounts) MarshalJSON() ([]byte, error) {
	seen := map[int]uint64{}
	for code, n := range d {
		if n > 0 {
			seen[code] = n
		}
	}
	return json.Marshal(seen)
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (d *DSCPCounts) UnmarshalJSON(data []byte) error {
	seen := map[int]uint64{}
	if err := json.Unmarshal(data, &seen); err != nil {
		return fmt.Errorf("counts by DSCP: %w", err)
	}
	*d = DSCPCounts{}
	for code, n := range seen {
		if code < 0 || code >= len(d) {
			return fmt.Errorf("counts by DSCP: no code point %d", code)
		}
		d[code] = n
	}
	return nil
}

func (s *Seen) clone() Seen {
	c := *s
	c.ExtensionHeaders = maps.Clone(s.ExtensionHeaders)
	return c
}

// Instrumented counts marks and headers that hosts in the lab never send:
// any DSCP but those given, reserved flags, IPv4 options, extension headers.
func (s Seen) Instrumented(sent ...uint8) uint64 {
	n := s.ReservedFlag + s.Options
	for d, count := range s.DSCP {
		n += count
		for _, own := range sent {
			if int(own) == d {
				n -= count
			}
		}
	}
	for _, count := range s.ExtensionHeaders {
		n += count
	}
	return n
}

// add examines an Ethernet frame, or the beginning of one.
func (s *Seen) add(frame []byte) {
	if len(frame) < etherHeader {
		s.Malformed++
		return
	}
	ip := frame[etherHeader:]
	switch binary.BigEndian.Uint16(frame[12:]) {
	case etherTypeIPv4:
		s.addIPv4(ip)
	case etherTypeIPv6:
		s.addIPv6(ip)
	default:
		s.Other++
	}
}

func (s *Seen) addIPv4(ip []byte) {
	s.IPv4++
	if len(ip) < ipv4Header {
		s.Malformed++
		return
	}
	if ip[16] == 224 && ip[17] == 0 && ip[18] == 0 {
		s.LinkLocal++
		return
	}
	s.DSCP[ip[1]>>2]++
	if ip[6]&0x80 != 0 {
		s.ReservedFlag++
	}
	if ip[0]&0x0f > 5 {
		s.Options++
	}
	if ip[9] == protocolIPv4 || ip[9] == protocolIPv6 {
		s.ExtensionHeaders[ip[9]]++
	}
}

// Protocol numbers of headers that another header follows.
const (
	protocolHopByHop    = 0
	protocolIPv4        = 4
	protocolIPv6        = 41
	protocolRouting     = 43
	protocolFragment    = 44
	protocolAH          = 51
	protocolDestination = 60
)

func (s *Seen) addIPv6(ip []byte) {
	s.IPv6++
	if len(ip) < ipv6Header {
		s.Malformed++
		return
	}
	if ip[24] == 0xff && ip[25] == 0x02 || ip[24] == 0xfe && ip[25]&0xc0 == 0x80 {
		s.LinkLocal++
		return
	}
	s.DSCP[binary.BigEndian.Uint16(ip)>>6&0x3f]++
	next, rest := ip[6], ip[ipv6Header:]
	for {
		unit := 8
		switch next {
		case protocolIPv4, protocolIPv6:
			s.ExtensionHeaders[next]++
			return
		case protocolHopByHop, protocolRouting, protocolDestination, protocolFragment:
		case protocolAH:
			unit = 4
		default:
			return
		}
		s.ExtensionHeaders[next]++
		if len(rest) < 8 {
			s.Malformed++
			return
		}
		length := 8 + int(rest[1])*unit
		if next == protocolFragment {
			length = 8
		}
		if length > len(rest) {
			s.Malformed++
			return
		}
		next, rest = rest[0], rest[length:]
	}
}
