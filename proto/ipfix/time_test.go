package ipfix

import (
	"math/big"
	"math/rand/v2"
	"testing"
	"time"
)

func TestNTPExact(t *testing.T) {
	exact := func(n uint64) uint64 {
		x := new(big.Int).SetUint64(n)
		x.Lsh(x, 32).Div(x, big.NewInt(1e9))
		x.Add(x, new(big.Int).Lsh(big.NewInt(ntpOffset), 32))
		return x.And(x, new(big.Int).SetUint64(1<<64-1)).Uint64()
	}
	values := []uint64{1, 999_999_999, 1_000_000_000, 1_000_000_001, 1<<32*1_000_000_000 - 1, 1<<63 - 1}
	r := rand.New(rand.NewPCG(1, 2))
	for range 100_000 {
		values = append(values, 1+r.Uint64N(1<<32*1_000_000_000-1))
	}
	for _, n := range values {
		if got, want := ToNTP(UnixNano(n)), exact(n); got != want {
			t.Fatalf("ToNTP(%d): got %#x, want %#x", n, got, want)
		}
		// Times up to the year 2106 come back as they were.
		if n < 1<<32*1_000_000_000 {
			if got := FromNTP(ToNTP(UnixNano(n))); got != UnixNano(n) {
				t.Fatalf("%d came back as %d", n, got)
			}
		}
	}
}

func TestNTPVectors(t *testing.T) {
	for _, c := range []struct {
		when string
		unix UnixNano
		ntp  uint64
	}{
		{"unknown", 0, 0},
		{"first nanosecond of 1970", 1, 0x83aa7e80_00000004},
		{"half a second", 500_000_000, 0x83aa7e80_80000000},
		{"2001-09-09T01:46:40Z", 1_000_000_000e9, 0xbf454880_00000000},
		{"last second of era 0", 2_085_978_495e9, 0xffffffff_00000000},
		{"second of era 1", 2_085_978_497e9, 0x00000001_00000000},
	} {
		if got := ToNTP(c.unix); got != c.ntp {
			t.Errorf("%s: ToNTP gave %#x, want %#x", c.when, got, c.ntp)
		}
		if got := FromNTP(c.ntp); got != c.unix {
			t.Errorf("%s: FromNTP gave %d, want %d", c.when, got, c.unix)
		}
	}
}

func TestUnixNano(t *testing.T) {
	if got := FromTime(time.Time{}); got != 0 {
		t.Errorf("the zero time became %d", got)
	}
	if got := UnixNano(0).Time(); !got.IsZero() {
		t.Errorf("unknown became %v", got)
	}
	now := time.Unix(1_700_000_000, 987_654_321)
	if got := FromTime(now).Time(); !got.Equal(now) {
		t.Errorf("%v came back as %v", now, got)
	}
}
