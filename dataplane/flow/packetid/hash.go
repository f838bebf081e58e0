package packetid

import (
	"encoding/binary"
	"hash/crc32"
)

// IPSX computes the hash function of RFC 5475 appendix A.1: 16 bits of
// identification and flags, source, destination and the second word of the
// payload. For IPv6, of which the RFC does not speak, the three words before
// the payload stand for the first three.
func (in *Invariants) IPSX() uint32 {
	v1 := binary.BigEndian.Uint32(in[0:]) ^ binary.BigEndian.Uint32(in[4:])
	v2 := binary.BigEndian.Uint32(in[8:]) ^ binary.BigEndian.Uint32(in[16:])
	return (v1<<8 ^ v1>>4 ^ v1>>12 ^ v1>>16 ^ v2<<6 ^ v2<<10 ^ v2<<14 ^ v2>>7) & 0xffff
}

// BOB computes BOB over all of it.
func (in *Invariants) BOB(init uint32) uint32 { return BOB(in[:], init) }

// CRC32 computes the CRC of IEEE 802.3 over all of it, as if init were the
// remainder of what came before.
func (in *Invariants) CRC32(init uint32) uint32 {
	return crc32.Update(init, crc32.IEEETable, in[:])
}
