package ipfix

import (
	"encoding/binary"
	"math"
	"net/netip"
	"unsafe"

	"github.com/openifit/openifit/proto/ipfix/ie"
)

// put writes the Go value at v, which has the form k, into b, a field of type
// t. It returns false when the value does not fit.
func put(b []byte, t ie.Type, k kind, v unsafe.Pointer) bool {
	switch k {
	case kindUint8:
		return putUint(b, uint64(*(*uint8)(v)))
	case kindUint16:
		return putUint(b, uint64(*(*uint16)(v)))
	case kindUint32:
		return putUint(b, uint64(*(*uint32)(v)))
	case kindUint64:
		return putUint(b, *(*uint64)(v))
	case kindInt8:
		return putInt(b, int64(*(*int8)(v)))
	case kindInt16:
		return putInt(b, int64(*(*int16)(v)))
	case kindInt32:
		return putInt(b, int64(*(*int32)(v)))
	case kindInt64:
		return putInt(b, *(*int64)(v))
	case kindFloat32:
		return putFloat(b, float64(*(*float32)(v)))
	case kindFloat64:
		return putFloat(b, *(*float64)(v))
	case kindBool:
		AppendBool(b[:0], *(*bool)(v))
		return true
	case kindTime:
		return putTime(b, t, *(*UnixNano)(v))
	case kindAddr:
		return putAddr(b, *(*netip.Addr)(v))
	case kindMAC:
		copy(b, (*(*[6]byte)(v))[:])
		return true
	case kindTriple:
		return copy(b, (*(*[3]byte)(v))[:]) == len(b)
	case kindUint256:
		return putUint256(b, (*[32]byte)(v))
	case kindString:
		return len(*(*string)(v)) == len(b) && copy(b, *(*string)(v)) == len(b)
	case kindBytes:
		return len(*(*[]byte)(v)) == len(b) && copy(b, *(*[]byte)(v)) == len(b)
	}
	return false
}

func putUint(b []byte, v uint64) bool {
	_, ok := AppendReduced(b[:0], v, uint16(len(b)))
	return ok
}

func putInt(b []byte, v int64) bool {
	_, ok := AppendReducedSigned(b[:0], v, uint16(len(b)))
	return ok
}

func putFloat(b []byte, v float64) bool {
	if len(b) == 8 {
		binary.BigEndian.PutUint64(b, math.Float64bits(v))
		return true
	}
	binary.BigEndian.PutUint32(b, math.Float32bits(float32(v)))
	return len(b) == 4
}

func putTime(b []byte, t ie.Type, v UnixNano) bool {
	switch t {
	case ie.TypeDateTimeNanoseconds:
		AppendNanoseconds(b[:0], v)
	case ie.TypeDateTimeMicroseconds:
		AppendMicroseconds(b[:0], v)
	case ie.TypeDateTimeMilliseconds:
		AppendMilliseconds(b[:0], v)
	default:
		AppendSeconds(b[:0], v)
	}
	return true
}

func putAddr(b []byte, a netip.Addr) bool {
	if len(b) == 4 && a.Is4() || len(b) == 16 && a.Is6() {
		AppendAddr(b[:0], a)
		return true
	}
	return false
}

func putUint256(b []byte, v *[32]byte) bool {
	cut := len(v) - len(b)
	if !isZero(v[:cut]) {
		return false
	}
	copy(b, v[cut:])
	return true
}

// get inverts put. Text and octets are copied, into the memory that the value
// already has where it suffices.
func get(b []byte, t ie.Type, k kind, v unsafe.Pointer) bool {
	switch k {
	case kindUint8, kindUint16, kindUint32, kindUint64:
		return getUint(loadUint(b), k, v)
	case kindInt8, kindInt16, kindInt32, kindInt64:
		return getInt(loadInt(b), k, v)
	case kindFloat32:
		*(*float32)(v) = float32(loadFloat(b))
	case kindFloat64:
		*(*float64)(v) = loadFloat(b)
	case kindBool:
		*(*bool)(v) = b[0] == 1
		return b[0] == 1 || b[0] == 2
	case kindTime:
		*(*UnixNano)(v) = loadTime(t, b)
	case kindAddr:
		*(*netip.Addr)(v), _ = netip.AddrFromSlice(b)
	case kindMAC:
		*(*[6]byte)(v) = [6]byte(b)
	case kindTriple:
		*(*[3]byte)(v) = [3]byte{}
		copy((*(*[3]byte)(v))[:], b)
	case kindUint256:
		p := (*[32]byte)(v)
		clear(p[:len(p)-len(b)])
		copy(p[len(p)-len(b):], b)
	case kindString:
		if p := (*string)(v); *p != string(b) {
			*p = string(b)
		}
	case kindBytes:
		p := (*[]byte)(v)
		*p = append((*p)[:0], b...)
	}
	return true
}

func getUint(n uint64, k kind, v unsafe.Pointer) bool {
	switch k {
	case kindUint8:
		*(*uint8)(v) = uint8(n)
		return n <= math.MaxUint8
	case kindUint16:
		*(*uint16)(v) = uint16(n)
		return n <= math.MaxUint16
	case kindUint32:
		*(*uint32)(v) = uint32(n)
		return n <= math.MaxUint32
	}
	*(*uint64)(v) = n
	return true
}

func getInt(n int64, k kind, v unsafe.Pointer) bool {
	switch k {
	case kindInt8:
		*(*int8)(v) = int8(n)
		return n == int64(int8(n))
	case kindInt16:
		*(*int16)(v) = int16(n)
		return n == int64(int16(n))
	case kindInt32:
		*(*int32)(v) = int32(n)
		return n == int64(int32(n))
	}
	*(*int64)(v) = n
	return true
}

// zero sets the Go value at v, which has the form k, to its zero value.
func zero(k kind, v unsafe.Pointer) {
	switch k {
	case kindUint8, kindInt8, kindBool:
		*(*uint8)(v) = 0
	case kindUint16, kindInt16:
		*(*uint16)(v) = 0
	case kindUint32, kindInt32, kindFloat32:
		*(*uint32)(v) = 0
	case kindUint64, kindInt64, kindFloat64, kindTime:
		*(*uint64)(v) = 0
	case kindAddr:
		*(*netip.Addr)(v) = netip.Addr{}
	case kindMAC:
		*(*[6]byte)(v) = [6]byte{}
	case kindTriple:
		*(*[3]byte)(v) = [3]byte{}
	case kindUint256:
		*(*[32]byte)(v) = [32]byte{}
	case kindString:
		*(*string)(v) = ""
	case kindBytes:
		p := (*[]byte)(v)
		*p = (*p)[:0]
	}
}
