package ruleset

import (
	"slices"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
)

// dimension is a header field as a number.
type dimension struct {
	// value is the field of a flow.
	value func(*flow.Key) number
	// asked is the range that a rule asks for, false when any value will do.
	asked func(*plan.Rule) (from, to number, restricts bool)
}

// field tells for each value of a dimension the rules that it satisfies.
type field struct {
	value func(*flow.Key) number
	// from are the first values of the ranges, in order, from 0 on.
	from []number
	sets [][]uint64
}

// newField reports false when no rule restricts the dimension.
func newField(d dimension, all []*plan.Rule, words int) (field, bool) {
	type edge struct {
		at     number
		rule   int
		begins bool
	}
	var edges []edge
	at := make([]uint64, words)
	f := field{value: d.value, from: []number{{}}}
	restricted := false
	for bit, r := range all {
		from, to, restricts := d.asked(r)
		if !restricts {
			at[bit/64] |= 1 << (bit % 64)
			continue
		}
		restricted = true
		if to.less(from) {
			continue
		}
		edges = append(edges, edge{from, bit, true})
		f.from = append(f.from, from)
		if after, more := to.next(); more {
			edges = append(edges, edge{after, bit, false})
			f.from = append(f.from, after)
		}
	}
	slices.SortFunc(edges, func(a, b edge) int { return a.at.compare(b.at) })
	slices.SortFunc(f.from, number.compare)
	f.from = slices.Compact(f.from)
	for _, from := range f.from {
		for ; len(edges) > 0 && edges[0].at == from; edges = edges[1:] {
			word, bit := edges[0].rule/64, uint64(1)<<(edges[0].rule%64)
			if edges[0].begins {
				at[word] |= bit
			} else {
				at[word] &^= bit
			}
		}
		f.sets = append(f.sets, slices.Clone(at))
	}
	return f, restricted
}

func (f *field) satisfied(k *flow.Key) []uint64 {
	v := f.value(k)
	low, high := 0, len(f.from)
	for high-low > 1 {
		if middle := (low + high) / 2; v.less(f.from[middle]) {
			high = middle
		} else {
			low = middle
		}
	}
	return f.sets[low]
}

// number is an unsigned number of 128 bits.
type number struct{ high, low uint64 }

func small[T ~uint8 | ~uint16 | ~uint32](v T) number { return number{low: uint64(v)} }

func (n number) less(m number) bool {
	return n.high < m.high || n.high == m.high && n.low < m.low
}

func (n number) compare(m number) int {
	switch {
	case n.less(m):
		return -1
	case m.less(n):
		return 1
	}
	return 0
}

// next reports false behind the last number.
func (n number) next() (number, bool) {
	if n.low++; n.low == 0 {
		n.high++
	}
	return n, n != number{}
}
