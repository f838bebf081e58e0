package ipfix

import (
	"math/bits"
	"time"
)

// UnixNano is a point in time in nanoseconds since the UNIX epoch. 0 means
// unknown, and goes over the wire as the all-zero NTP timestamp, which means
// the same (RFC 5905 section 7.3).
type UnixNano uint64

// Time converts to a time.Time; unknown becomes the zero time.
func (n UnixNano) Time() time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(int64(n/1e9), int64(n%1e9))
}

// FromTime converts from a time.Time; the zero time becomes unknown.
func FromTime(t time.Time) UnixNano {
	if t.IsZero() {
		return 0
	}
	return UnixNano(t.Unix())*1e9 + UnixNano(t.Nanosecond())
}

// ntpOffset is the number of seconds from the NTP epoch, 1900, to the UNIX one.
const ntpOffset = 2208988800

// ntpScale is 2^32/10^9, the NTP units in a nanosecond, in units of 2^-93 and
// rounded up. The product with any 64-bit number then has the integer part of
// the exact quotient, and costs less than two divisions.
const (
	ntpScaleHigh = 2305843009
	ntpScaleLow  = 0x36b4a59731680a89
)

// ToNTP gives the 64-bit timestamp of dateTimeNanoseconds (RFC 7011 section
// 6.1.10): seconds since 1900 modulo 2^32, and the fraction in units of 2^-32 s.
func ToNTP(n UnixNano) uint64 {
	if n == 0 {
		return 0
	}
	over, low := bits.Mul64(uint64(n), ntpScaleHigh)
	carry, _ := bits.Mul64(uint64(n), ntpScaleLow)
	low, c := bits.Add64(low, carry, 0)
	return ((over+c)<<35 | low>>29) + ntpOffset<<32
}

// FromNTP inverts ToNTP for times from 1970 to 2106: seconds below the offset
// belong to the era that begins in 2036.
func FromNTP(t uint64) UnixNano {
	if t == 0 {
		return 0
	}
	sec := uint32(t>>32) - ntpOffset
	fraction := uint64(uint32(t))
	return UnixNano(uint64(sec)*1e9 + (fraction*1e9+1<<31)>>32)
}

// microMask clears the fraction bits that dateTimeMicroseconds leaves unused
// (RFC 7011 section 6.1.9).
const microMask = ^uint64(0x7ff)
