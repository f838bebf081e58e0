package ipfix_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math"
	"net/netip"
	"strings"
	"testing"

	"github.com/openifit/openifit/proto/ipfix"
)

func TestAppendGolden(t *testing.T) {
	const when = ipfix.UnixNano(1_000_000_000_500_000_001)
	for _, c := range []struct {
		name string
		got  []byte
		want string
	}{
		{"unsigned8", ipfix.AppendUint8(nil, 0xfe), "fe"},
		{"unsigned16", ipfix.AppendUint16(nil, 0xfedc), "fedc"},
		{"unsigned32", ipfix.AppendUint32(nil, 0xfedcba98), "fedcba98"},
		{"unsigned64", ipfix.AppendUint64(nil, 0xfedcba9876543210), "fedcba9876543210"},
		{"float32", ipfix.AppendFloat32(nil, 0.25), "3e800000"},
		{"float64", ipfix.AppendFloat64(nil, 0.25), "3fd0000000000000"},
		{"true", ipfix.AppendBool(nil, true), "01"},
		{"false", ipfix.AppendBool(nil, false), "02"},
		{"ipv4Address", ipfix.AppendAddr(nil, netip.MustParseAddr("192.0.2.1")), "c0000201"},
		{"ipv6Address", ipfix.AppendAddr(nil, netip.MustParseAddr("2001:db8::1")), "20010db8000000000000000000000001"},
		{"dateTimeSeconds", ipfix.AppendSeconds(nil, when), "3b9aca00"},
		{"dateTimeMilliseconds", ipfix.AppendMilliseconds(nil, when), "000000e8d4a511f4"},
		{"dateTimeMicroseconds", ipfix.AppendMicroseconds(nil, when), "bf45488080000000"},
		{"dateTimeNanoseconds", ipfix.AppendNanoseconds(nil, when), "bf45488080000004"},
	} {
		if got := hex.EncodeToString(c.got); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}

func TestAppendReduced(t *testing.T) {
	for _, c := range []struct {
		v      uint64
		length uint16
		want   string // empty when refused
	}{
		{0, 0, ""}, {0, 9, ""}, {256, 1, ""}, {1 << 24, 3, ""}, {1 << 56, 7, ""},
		{255, 1, "ff"}, {0x123456, 3, "123456"}, {1, 7, "00000000000001"}, {math.MaxUint64, 8, "ffffffffffffffff"},
	} {
		b, ok := ipfix.AppendReduced([]byte{0xaa}, c.v, c.length)
		if got := hex.EncodeToString(b); ok != (c.want != "") || got != "aa"+c.want {
			t.Errorf("%d in %d octets: got %s, %v", c.v, c.length, got, ok)
		}
	}
}

func TestAppendReducedSigned(t *testing.T) {
	for _, c := range []struct {
		v      int64
		length uint16
		want   string
	}{
		{0, 0, ""}, {0, 9, ""}, {128, 1, ""}, {-129, 1, ""}, {1 << 23, 3, ""},
		{127, 1, "7f"}, {-128, 1, "80"}, {-1, 3, "ffffff"}, {-1 << 23, 3, "800000"}, {math.MinInt64, 8, "8000000000000000"},
	} {
		b, ok := ipfix.AppendReducedSigned([]byte{0xaa}, c.v, c.length)
		if got := hex.EncodeToString(b); ok != (c.want != "") || got != "aa"+c.want {
			t.Errorf("%d in %d octets: got %s, %v", c.v, c.length, got, ok)
		}
	}
}

func TestAppendVariable(t *testing.T) {
	for _, c := range []struct {
		length int
		prefix string
	}{{0, "00"}, {1, "01"}, {254, "fe"}, {255, "ff00ff"}, {65535, "ffffff"}} {
		text := strings.Repeat("x", c.length)
		s, err := ipfix.AppendString(nil, text)
		if err != nil {
			t.Fatal(err)
		}
		b, err := ipfix.AppendVariable(nil, []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if want := append(unhex(c.prefix), text...); !bytes.Equal(s, want) || !bytes.Equal(b, want) {
			t.Errorf("%d octets: prefix is %x", c.length, s[:3])
		}
	}
	if _, err := ipfix.AppendString(nil, strings.Repeat("x", 65536)); !errors.Is(err, ipfix.ErrTooLong) {
		t.Errorf("text of 65,536 octets: got %v", err)
	}
	if _, err := ipfix.AppendVariable(nil, make([]byte, 65536)); !errors.Is(err, ipfix.ErrTooLong) {
		t.Errorf("65,536 octets: got %v", err)
	}
}
