package packetid

import (
	"bytes"
	"encoding/hex"
	"errors"
	"testing"
)

func sequence(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i)
	}
	return b
}

// The values were computed from the code of RFC 5475 with 32-bit types; the
// RFC itself gives none.
func TestBOB(t *testing.T) {
	fox := []byte("The quick brown fox jumps over the lazy dog")
	for _, c := range []struct {
		key  []byte
		init uint32
		want uint32
	}{
		{nil, 0, 0xbd49d10d},
		{nil, 0x9A3F9A3F, 0xd8d9c8ff},
		{[]byte("a"), 0, 0x29eec818},
		{[]byte("abc"), 0, 0x251e4793},
		{[]byte("abcdefghijk"), 0, 0xe52b8e4c},
		{[]byte("abcdefghijkl"), 0, 0x0b1b3ea5},
		{[]byte("abcdefghijklm"), 0, 0x3122b031},
		{[]byte("abcdefghijklm"), 0x9A3F9A3F, 0x240e865d},
		{fox, 0, 0xfc1558de},
		{fox, 0x9A3F9A3F, 0x04b155c0},
		{make([]byte, 28), 0, 0x67a5b182},
		{sequence(28), 0, 0x4925f51c},
		{sequence(28), 0x9A3F9A3F, 0xa47f12cb},
		{bytes.Repeat([]byte{0xff}, 28), 0, 0xe78689fa},
	} {
		if got := BOB(c.key, c.init); got != c.want {
			t.Errorf("BOB(%q, %#x) = %#x, want %#x", c.key, c.init, got, c.want)
		}
	}
}

func packet(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const (
	// UDP 192.0.2.1 > 198.51.100.2, ten octets of user data.
	udp4 = "450000261234400040110000c0000201c6336402" + "0fa013880012abcd00010203040506070809"
	// UDP 2001:db8:1:2:3:4:5:6 > 2001:db8:a:b:c:d:e:f, the same payload.
	udp6     = "6000000000121140" + addresses + "0fa013880012abcd00010203040506070809"
	udp6Hop  = "60000000001a0040" + addresses + "1100010400000000" + "0fa013880012abcd00010203040506070809"
	udp6Frag = "60000000001a2c40" + addresses + "1100000100000007" + "0fa013880012abcd00010203040506070809"

	addresses = "20010db8000100020003000400050006" + "20010db8000a000b000c000d000e000f"
)

func TestPacketsWithoutIdentifier(t *testing.T) {
	v4, v6 := packet(t, udp4), packet(t, udp6)
	set := func(p []byte, offset int, v byte) []byte {
		p = bytes.Clone(p)
		p[offset] = v
		return p
	}
	for _, c := range []struct {
		name   string
		packet []byte
		want   error
	}{
		{"empty", nil, ErrMalformed},
		{"version 5", set(v4, 0, 0x55), ErrMalformed},
		{"IPv4 header cut off", v4[:19], ErrMalformed},
		{"IPv4 header length 4", set(v4, 0, 0x44), ErrMalformed},
		{"IPv4 total length below the header", set(v4, 3, 19), ErrMalformed},
		{"IPv4 payload of 15 octets", set(v4, 3, 35), ErrTooShort},
		{"IPv4 payload cut off", v4[:35], ErrTooShort},
		{"IPv4 options leave too little", set(v4, 0, 0x48), ErrTooShort},
		{"IPv6 header cut off", v6[:39], ErrMalformed},
		{"IPv6 payload length 15", set(v6, 5, 15), ErrTooShort},
		{"IPv6 payload cut off", v6[:55], ErrTooShort},
		{"IPv6 extension header cut off", packet(t, udp6Hop)[:47], ErrMalformed},
		{"IPv6 extension header longer than the packet", set(packet(t, udp6Hop), 41, 200), ErrTooShort},
	} {
		if id, err := Of(c.packet); !errors.Is(err, c.want) {
			t.Errorf("%s: got %#x, %v, want %v", c.name, id, err, c.want)
		}
	}
}

func TestOf(t *testing.T) {
	payload := packet(t, "0fa013880012abcd0001020304050607")
	want4 := BOB(append(packet(t, "12344000c0000201c6336402"), payload...), Init)
	// Octets 10, 11, 14, 15, 16 of 2001:db8:1:2:3:4:5:6 are 03 00 05 00 06.
	want6 := BOB(append(packet(t, "0012"+"0300050006"+"0c000e000f"), payload...), Init)
	v4 := packet(t, udp4)
	hopAway, reserved, marked := bytes.Clone(v4), bytes.Clone(v4), bytes.Clone(v4)
	hopAway[8]--
	reserved[6] |= 0x80
	marked[1] = 0x2c
	for _, c := range []struct {
		name   string
		packet []byte
		want   uint32
	}{
		{"IPv4", v4, want4},
		{"IPv4 one hop on", hopAway, want4},
		{"IPv4 with the reserved flag", reserved, want4},
		{"IPv4 with a DSCP mark", marked, want4},
		{"IPv6", packet(t, udp6), want6},
		{"IPv6 with a hop-by-hop header", packet(t, udp6Hop), want6},
		{"IPv6 with a fragment header", packet(t, udp6Frag), want6},
	} {
		if got, err := Of(c.packet); err != nil || got != c.want {
			t.Errorf("%s: got %#x, %v, want %#x", c.name, got, err, c.want)
		}
	}
	other := bytes.Clone(v4)
	other[5]++
	if got, _ := Of(other); got == want4 {
		t.Errorf("another identification gives the same identifier %#x", got)
	}
}

func FuzzOf(f *testing.F) {
	for _, s := range []string{udp4, udp6, udp6Hop, udp6Frag} {
		b, err := hex.DecodeString(s)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		before := bytes.Clone(b)
		id, err := Of(b)
		if again, errAgain := Of(b); id != again || (err == nil) != (errAgain == nil) || !bytes.Equal(b, before) {
			t.Errorf("not a function of the packet: %#x %v, %#x %v", id, err, again, errAgain)
		}
	})
}

func BenchmarkOf(b *testing.B) {
	p, err := hex.DecodeString(udp4)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Of(p); err != nil {
			b.Fatal(err)
		}
	}
}
