package ipfix

import (
	"encoding/binary"
	"fmt"
	"math"
	"net/netip"

	"github.com/openifit/openifit/proto/ipfix/ie"
)

// AppendUint8 writes an unsigned8.
func AppendUint8(b []byte, v uint8) []byte { return append(b, v) }

// AppendUint16 writes an unsigned16.
func AppendUint16(b []byte, v uint16) []byte { return binary.BigEndian.AppendUint16(b, v) }

// AppendUint32 writes an unsigned32.
func AppendUint32(b []byte, v uint32) []byte { return binary.BigEndian.AppendUint32(b, v) }

// AppendUint64 writes an unsigned64.
func AppendUint64(b []byte, v uint64) []byte { return binary.BigEndian.AppendUint64(b, v) }

// AppendReduced writes v in length octets, 1 to 8 (RFC 7011 section 6.2); ok
// is false, and b unchanged, when the value needs more.
func AppendReduced(b []byte, v uint64, length uint16) (out []byte, ok bool) {
	if length == 0 || length > 8 || length < 8 && v>>(8*length) != 0 {
		return b, false
	}
	for i := int(length) - 1; i >= 0; i-- {
		b = append(b, byte(v>>(8*i)))
	}
	return b, true
}

// AppendReducedSigned is AppendReduced for signed integers.
func AppendReducedSigned(b []byte, v int64, length uint16) (out []byte, ok bool) {
	if length == 0 || length > 8 {
		return b, false
	}
	if shift := 64 - 8*length; v<<shift>>shift != v {
		return b, false
	}
	for i := int(length) - 1; i >= 0; i-- {
		b = append(b, byte(v>>(8*i)))
	}
	return b, true
}

// AppendFloat64 writes a float64.
func AppendFloat64(b []byte, v float64) []byte {
	return binary.BigEndian.AppendUint64(b, math.Float64bits(v))
}

// AppendFloat32 writes a float32, which is also the reduced form of float64.
func AppendFloat32(b []byte, v float32) []byte {
	return binary.BigEndian.AppendUint32(b, math.Float32bits(v))
}

// AppendBool writes a boolean: 1 is true and 2 is false (RFC 7011 section 6.1.5).
func AppendBool(b []byte, v bool) []byte {
	if v {
		return append(b, 1)
	}
	return append(b, 2)
}

// AppendNanoseconds writes a dateTimeNanoseconds.
func AppendNanoseconds(b []byte, t UnixNano) []byte {
	return binary.BigEndian.AppendUint64(b, ToNTP(t))
}

// AppendMicroseconds writes a dateTimeMicroseconds.
func AppendMicroseconds(b []byte, t UnixNano) []byte {
	return binary.BigEndian.AppendUint64(b, ToNTP(t)&microMask)
}

// AppendMilliseconds writes a dateTimeMilliseconds.
func AppendMilliseconds(b []byte, t UnixNano) []byte {
	return binary.BigEndian.AppendUint64(b, uint64(t)/1e6)
}

// AppendSeconds writes a dateTimeSeconds.
func AppendSeconds(b []byte, t UnixNano) []byte {
	return binary.BigEndian.AppendUint32(b, uint32(uint64(t)/1e9))
}

// AppendAddr writes an ipv4Address or ipv6Address, as a is.
func AppendAddr(b []byte, a netip.Addr) []byte {
	if a.Is4() {
		v4 := a.As4()
		return append(b, v4[:]...)
	}
	v6 := a.As16()
	return append(b, v6[:]...)
}

// AppendVariable writes a value of variable length with its prefix: one octet
// below 255, three from there on (RFC 7011 section 7). It refuses more than
// 65,535 octets.
func AppendVariable(b, value []byte) ([]byte, error) {
	switch n := len(value); {
	case n < 255:
		b = append(b, byte(n))
	case n <= math.MaxUint16:
		b = append(b, 255, byte(n>>8), byte(n))
	default:
		return b, fmt.Errorf("write value of %d octets: %w", n, ErrTooLong)
	}
	return append(b, value...), nil
}

// AppendString is AppendVariable for text. The text must be UTF-8.
func AppendString(b []byte, s string) ([]byte, error) {
	switch n := len(s); {
	case n < 255:
		b = append(b, byte(n))
	case n <= math.MaxUint16:
		b = append(b, 255, byte(n>>8), byte(n))
	default:
		return b, fmt.Errorf("write text of %d octets: %w", n, ErrTooLong)
	}
	return append(b, s...), nil
}

// appendSpecifier writes a field specifier (RFC 7011 section 3.2).
func appendSpecifier(b []byte, id ie.ID, length uint16) []byte {
	if id.PEN() == 0 {
		b = binary.BigEndian.AppendUint16(b, id.Number())
		return binary.BigEndian.AppendUint16(b, length)
	}
	b = binary.BigEndian.AppendUint16(b, id.Number()|enterpriseBit)
	b = binary.BigEndian.AppendUint16(b, length)
	return binary.BigEndian.AppendUint32(b, id.PEN())
}
