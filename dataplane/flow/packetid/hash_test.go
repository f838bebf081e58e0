package packetid

import (
	"errors"
	"testing"
)

func TestHashesOfPacketsWithoutInvariants(t *testing.T) {
	if _, err := InvariantsOf(packet(t, udp4)[:30]); !errors.Is(err, ErrTooShort) {
		t.Errorf("cut-off packet: %v", err)
	}
}

// The value of IPSX was computed from the RFC's formula by other means; that
// of the CRC is the well-known check value's algorithm over these octets.
func TestHashes(t *testing.T) {
	in, err := InvariantsOf(packet(t, "45000028123440004011000"+"0c0000201c6336402"+"0fa013880014abcd"+"0000000000000000"+"0000000000000000"))
	if err != nil {
		t.Fatal(err)
	}
	if got := in.IPSX(); got != 0xf40f {
		t.Errorf("IPSX = %#x, want 0xf40f", got)
	}
	if got, want := in.BOB(5), BOB(in[:], 5); got != want {
		t.Errorf("BOB = %#x, want %#x", got, want)
	}
	if a, b := in.CRC32(0), in.CRC32(1); a != crcBitwise(in[:], 0) || b != crcBitwise(in[:], 1) || a == b {
		t.Errorf("CRC32 = %#x, %#x", a, b)
	}
	if got := crcBitwise([]byte("123456789"), 0); got != 0xcbf43926 {
		t.Errorf("the reference itself gives %#x", got)
	}
}

// crcBitwise is the division, bit by bit.
func crcBitwise(b []byte, crc uint32) uint32 {
	crc = ^crc
	for _, octet := range b {
		crc ^= uint32(octet)
		for range 8 {
			crc = crc>>1 ^ 0xedb88320&-(crc&1)
		}
	}
	return ^crc
}
