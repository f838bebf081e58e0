package plan

import (
	"math"
	"strings"
	"testing"
)

func TestSelectionsThatCannotBe(t *testing.T) {
	ranges := func(a Algorithm, r ...HashRange) Selection {
		s := Selection{Algorithm: a, NumRanges: uint8(len(r))}
		copy(s.Ranges[:], r)
		return s
	}
	match := func(change func(*Properties)) Selection {
		s := Selection{Algorithm: SelectProperty, Match: AnyProperties()}
		change(&s.Match)
		return s
	}
	for _, c := range []struct {
		s    Selection
		want string
	}{
		{Selection{Algorithm: SelectSystematicTime}, "interval of 0"},
		{Selection{Algorithm: SelectRandom, Population: 5}, "0 out of 5"},
		{Selection{Algorithm: SelectRandom, Size: 6, Population: 5}, "6 out of 5"},
		{Selection{Algorithm: SelectSystematicTime, Interval: 1, PerFlow: true}, "knows no flows"},
		{Selection{PerFlow: true}, "knows no flows"},
		{ranges(SelectHashBOB), "0 hash ranges"},
		{Selection{Algorithm: SelectHashBOB, NumRanges: 9}, "9 hash ranges"},
		{ranges(SelectHashBOB, HashRange{5, 4}), "hash range 5 to 4"},
		{ranges(SelectHashIPSX, HashRange{0, 1 << 16}), "the hash ends at 65535"},
		{ranges(SelectHashCRC32, HashRange{0, 9}, HashRange{9, 20}), "overlaps"},
		{ranges(SelectHashCRC32, HashRange{10, 20}, HashRange{0, 5}), "out of order"},
		{Selection{Algorithm: SelectProperty}, "fragments 0"},
		{match(func(m *Properties) { m.TCPSet, m.TCPClear = 3, 2 }), "must be set and must not"},
		{match(func(m *Properties) { m.MinLength, m.MaxLength = 2, 1 }), "lengths 2 to 1"},
		{match(func(m *Properties) { m.MinTTL, m.MaxTTL = 2, 1 }), "TTLs 2 to 1"},
		{match(func(m *Properties) { m.ECN = 0 }), "ECN"},
		{Selection{Algorithm: SelectHashCRC32 + 1}, "unknown algorithm"},

		{Selection{}, ""},
		{Selection{Algorithm: SelectSystematicTime, Interval: 1}, ""},
		{Selection{Algorithm: SelectRandom, Size: 5, Population: 5, PerFlow: true}, ""},
		{Selection{Algorithm: SelectUniform, PerFlow: true}, ""},
		{ranges(SelectHashIPSX, HashRange{0, 0}, HashRange{1, math.MaxUint16}), ""},
		{match(func(*Properties) {}), ""},
	} {
		err := c.s.validate()
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.s, err, c.want)
		}
	}
}
