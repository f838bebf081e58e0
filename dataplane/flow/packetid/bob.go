package packetid

import "encoding/binary"

// golden is the golden ratio, an arbitrary value that BOB starts from.
const golden = 0x9e3779b9

// BOB computes the hash function of RFC 5475 appendix A.2 over key, started
// with init. All arithmetic has exactly 32 bits: the RFC's C types are wider
// where long is, and then give other values.
func BOB(key []byte, init uint32) uint32 {
	a, b, c := uint32(golden), uint32(golden), init
	length := uint32(len(key))
	for len(key) >= 12 {
		a += binary.LittleEndian.Uint32(key)
		b += binary.LittleEndian.Uint32(key[4:])
		c += binary.LittleEndian.Uint32(key[8:])
		a, b, c = mix(a, b, c)
		key = key[12:]
	}
	// The lowest octet of c belongs to the length, so that the third word of
	// the rest is shifted by one octet.
	var rest [12]byte
	copy(rest[:8], key)
	if len(key) > 8 {
		copy(rest[9:], key[8:])
	}
	a += binary.LittleEndian.Uint32(rest[:])
	b += binary.LittleEndian.Uint32(rest[4:])
	c += binary.LittleEndian.Uint32(rest[8:]) + length
	_, _, c = mix(a, b, c)
	return c
}

func mix(a, b, c uint32) (uint32, uint32, uint32) {
	a = (a - b - c) ^ c>>13
	b = (b - c - a) ^ a<<8
	c = (c - a - b) ^ b>>13
	a = (a - b - c) ^ c>>12
	b = (b - c - a) ^ a<<16
	c = (c - a - b) ^ b>>5
	a = (a - b - c) ^ c>>3
	b = (b - c - a) ^ a<<10
	c = (c - a - b) ^ b>>15
	return a, b, c
}
