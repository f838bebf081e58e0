package packetid

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// PayloadSize is the number of IP payload octets that go into an identifier
// (hashIPPayloadSize, IE 328), from offset 0.
const PayloadSize = 16

// Init is the initialiser value of the hash (hashInitialiserValue, IE 334).
// It must be the same at every node of a domain.
const Init = 0

// Errors of Of. A packet without an identifier is not selected.
var (
	// ErrTooShort: fewer than PayloadSize octets of IP payload.
	ErrTooShort = errors.New("IP payload is shorter than 16 octets")
	// ErrMalformed: the headers contradict themselves or are cut off.
	ErrMalformed = errors.New("malformed IP packet")
)

const (
	ipv4HeaderSize = 20
	ipv6HeaderSize = 40
)

// Invariants are the octets of a packet that no node changes, as far as they
// go into hashes.
type Invariants [12 + PayloadSize]byte

// Of computes the identifier of an IP packet that starts with its IP header:
// BOB over its invariants.
//
// An UDP checksum is part of the payload: a packet whose checksum is still to
// be filled in by a device changes its identifier there.
func Of(packet []byte) (uint32, error) {
	in, err := InvariantsOf(packet)
	if err != nil {
		return 0, err
	}
	return BOB(in[:], Init), nil
}

// InvariantsOf collects what is hashed of an IP packet.
//
// It is that of RFC 5475 section 6.2.4. IPv4: header octets 4 to 7 with
// the reserved flag, which may carry a mark, masked; octets 12 to 19. IPv6:
// payload length; octets 10, 11, 14, 15 and 16 of each address, counted from
// 1. Then the first 16 octets of the IP payload. IPv4 options and IPv6
// extension headers are neither payload nor counted in the payload length, so
// that on-path headers do not change a packet's identifier.
func InvariantsOf(packet []byte) (in Invariants, err error) {
	if len(packet) == 0 {
		return in, fmt.Errorf("%w: empty", ErrMalformed)
	}
	switch version := packet[0] >> 4; version {
	case 4:
		return in, in.ofIPv4(packet)
	case 6:
		return in, in.ofIPv6(packet)
	default:
		return in, fmt.Errorf("%w: version %d", ErrMalformed, version)
	}
}

func (in *Invariants) ofIPv4(packet []byte) error {
	if len(packet) < ipv4HeaderSize {
		return fmt.Errorf("%w: %d octets for an IPv4 header", ErrMalformed, len(packet))
	}
	header := int(packet[0]&0xf) * 4
	total := int(binary.BigEndian.Uint16(packet[2:]))
	if header < ipv4HeaderSize || total < header {
		return fmt.Errorf("%w: header length %d, total length %d", ErrMalformed, header, total)
	}
	first := binary.BigEndian.Uint16(packet[6:])&0x1fff == 0
	if total-header < needed(packet[9], first) || len(packet)-header < PayloadSize {
		return ErrTooShort
	}
	copy(in[:4], packet[4:8])
	in[2] &= 0x7f
	copy(in[4:12], packet[12:20])
	copy(in[12:], packet[header:])
	return nil
}

// needed is the number of payload octets that a packet must have. A TCP
// segment that is cut off within its header has no identifier.
func needed(protocol byte, transport bool) int {
	if protocol == tcp && transport {
		return tcpHeaderSize
	}
	return PayloadSize
}

func (in *Invariants) ofIPv6(packet []byte) error {
	if len(packet) < ipv6HeaderSize {
		return fmt.Errorf("%w: %d octets for an IPv6 header", ErrMalformed, len(packet))
	}
	header, next, transport, err := skipExtensions(packet)
	if err != nil {
		return err
	}
	length := int(binary.BigEndian.Uint16(packet[4:])) - (header - ipv6HeaderSize)
	if length < needed(next, transport) || len(packet)-header < PayloadSize {
		return ErrTooShort
	}
	binary.BigEndian.PutUint16(in[:], uint16(length))
	invariant(in[2:], packet[8:24])
	invariant(in[7:], packet[24:40])
	copy(in[12:], packet[header:])
	return nil
}

// invariant copies the octets of an IPv6 address that RFC 5475 puts into the
// hash: those that differ most between hosts.
func invariant(to, address []byte) {
	copy(to, address[9:11])
	copy(to[2:], address[13:16])
}

// Extension headers that are skipped, by the rules of bpf/lib/parse.h.
const (
	hopByHop       = 0
	tcp            = 6
	routing        = 43
	fragment       = 44
	authentication = 51
	destination    = 60
	// maxHeaders bounds the chain, the header behind the extensions included.
	maxHeaders = 8

	tcpHeaderSize = 20
)

// skipExtensions finds what follows the extension headers, and whether it is
// a transport header: in later fragments it is not.
func skipExtensions(packet []byte) (offset int, next byte, transport bool, err error) {
	offset, next = ipv6HeaderSize, packet[6]
	for range maxHeaders {
		if !isExtension(next) {
			return offset, next, true, nil
		}
		if len(packet) < offset+8 {
			return 0, 0, false, fmt.Errorf("%w: cut off in extension header %d", ErrMalformed, next)
		}
		size := (int(packet[offset+1]) + 1) * 8
		switch next {
		case fragment:
			size = 8
			if binary.BigEndian.Uint16(packet[offset+2:])&0xfff8 == 0 {
				break
			}
			if isExtension(packet[offset]) {
				return 0, 0, false, fmt.Errorf("%w: a later fragment of header %d", ErrMalformed, packet[offset])
			}
			return offset + size, packet[offset], false, nil
		case authentication:
			size = (int(packet[offset+1]) + 2) * 4
		}
		next = packet[offset]
		offset += size
	}
	return 0, 0, false, fmt.Errorf("%w: more than %d headers", ErrMalformed, maxHeaders)
}

func isExtension(header byte) bool {
	switch header {
	case hopByHop, routing, fragment, authentication, destination:
		return true
	}
	return false
}
