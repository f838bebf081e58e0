package ipfix

import (
	"encoding/binary"
	"math"
	"net/netip"

	"github.com/openifit/openifit/proto/ipfix/ie"
)

// Record is a Data Record in place: valid, like the octets it hands out, until
// the visitor returns. Fields are told by their index in the template; an index
// beyond it panics.
type Record struct {
	// Header of the Message that brought the record.
	Header   Header
	template *Template
	octets   []byte
	spans    []span
}

// Template describes the record. Equal pointers mean the same definition, so
// that what was looked up for one can be kept.
func (r *Record) Template() *Template { return r.template }

// Octets is the whole record as received.
func (r *Record) Octets() []byte { return r.octets }

// Len is the number of fields.
func (r *Record) Len() int { return len(r.template.fields) }

// Lookup finds the first field of an element, -1 for none.
func (r *Record) Lookup(id ie.ID) int { return r.template.Index(id) }

// Bytes is the value of a field, without its length prefix.
func (r *Record) Bytes(i int) []byte {
	s := r.spans[i]
	return r.octets[s.offset : uint(s.offset)+uint(s.length)]
}

// Uint64 is the value of an unsigned integer of up to 8 octets, at whatever
// length it has. Longer values give their low 64 bits.
func (r *Record) Uint64(i int) uint64 { return loadUint(r.Bytes(i)) }

// Int64 is the value of a signed integer of up to 8 octets.
func (r *Record) Int64(i int) int64 { return loadInt(r.Bytes(i)) }

// Float64 is the value of a float64 or float32, NaN for other lengths.
func (r *Record) Float64(i int) float64 { return loadFloat(r.Bytes(i)) }

// Bool is the value of a boolean; ok is false for octets that are neither 1,
// true, nor 2, false.
func (r *Record) Bool(i int) (v, ok bool) {
	b := r.Bytes(i)
	if len(b) != 1 {
		return false, false
	}
	return b[0] == 1, b[0] == 1 || b[0] == 2
}

// Addr is the value of an ipv4Address or ipv6Address, the zero Addr for other
// lengths.
func (r *Record) Addr(i int) netip.Addr {
	a, _ := netip.AddrFromSlice(r.Bytes(i))
	return a
}

// MAC is the value of a macAddress, zero for other lengths.
func (r *Record) MAC(i int) (mac [6]byte) {
	if b := r.Bytes(i); len(b) == len(mac) {
		mac = [6]byte(b)
	}
	return mac
}

// String is the value of a string. It allocates.
func (r *Record) String(i int) string { return string(r.Bytes(i)) }

// Time is the value of a dateTime of any precision, 0 for unknown and for
// other types.
func (r *Record) Time(i int) UnixNano {
	return loadTime(r.template.fields[i].Element.Type, r.Bytes(i))
}

func loadUint(b []byte) uint64 {
	switch len(b) {
	case 8:
		return binary.BigEndian.Uint64(b)
	case 4:
		return uint64(binary.BigEndian.Uint32(b))
	case 2:
		return uint64(binary.BigEndian.Uint16(b))
	case 1:
		return uint64(b[0])
	}
	var v uint64
	for _, o := range b {
		v = v<<8 | uint64(o)
	}
	return v
}

func loadInt(b []byte) int64 {
	if len(b) == 0 || len(b) >= 8 {
		return int64(loadUint(b))
	}
	shift := 64 - 8*len(b)
	return int64(loadUint(b)<<shift) >> shift
}

func loadFloat(b []byte) float64 {
	switch len(b) {
	case 8:
		return math.Float64frombits(binary.BigEndian.Uint64(b))
	case 4:
		return float64(math.Float32frombits(binary.BigEndian.Uint32(b)))
	}
	return math.NaN()
}

// maxMilliseconds is what nanoseconds in 64 bits can hold.
const maxMilliseconds = math.MaxUint64 / 1_000_000

func loadTime(t ie.Type, b []byte) UnixNano {
	switch t {
	case ie.TypeDateTimeNanoseconds:
		return FromNTP(loadUint(b))
	case ie.TypeDateTimeMicroseconds:
		return FromNTP(loadUint(b) & microMask)
	case ie.TypeDateTimeMilliseconds:
		if ms := loadUint(b); ms <= maxMilliseconds {
			return UnixNano(ms * 1e6)
		}
	case ie.TypeDateTimeSeconds:
		return UnixNano(loadUint(b) * 1e9)
	}
	return 0
}
