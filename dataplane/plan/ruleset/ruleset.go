// Package ruleset finds for a flow the rule of each policy that decides on
// it, in a time that hardly depends on how many rules there are.
//
// Every rule is a bit. The values of a header field fall into ranges within
// which each value satisfies the same rules; the AND of what the fields of a
// flow satisfy are the rules that match.
package ruleset

import (
	"math/bits"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
)

// Set holds the rules of several policies. It is not changed by its use.
type Set struct {
	words  int
	fields []field
	// first is the first rule of each policy, last its last one; as many
	// policies as there are have some.
	first, last []int
}

// New makes a set of the rules of policies, each by sequence. It keeps no
// reference to them.
func New(policies [][]plan.Rule) *Set {
	s := new(Set)
	var all []*plan.Rule
	for _, rules := range policies {
		s.first = append(s.first, len(all))
		for i := range rules {
			all = append(all, &rules[i])
		}
		s.last = append(s.last, len(all)-1)
	}
	s.words = (len(all) + 63) / 64
	for _, d := range dimensions() {
		if f, restricts := newField(d, all, s.words); restricts {
			s.fields = append(s.fields, f)
		}
	}
	return s
}

// Deciders calls found for each policy that has a rule which the flow
// matches, with the policy's number and the index of its first such rule.
// scratch is room that is used again; pass back what is returned.
func (s *Set) Deciders(k *flow.Key, scratch []uint64, found func(policy, rule int)) []uint64 {
	match := append(scratch[:0], make([]uint64, s.words)...)
	for w := range match {
		match[w] = ^uint64(0)
	}
	for i := range s.fields {
		satisfied := s.fields[i].satisfied(k)
		for w := range match {
			match[w] &= satisfied[w]
		}
	}
	for policy, first := range s.first {
		if rule := lowest(match, first, s.last[policy]); rule >= 0 {
			found(policy, rule-first)
		}
	}
	return match
}

// lowest is the lowest bit from first to last that is set, -1 without one.
func lowest(set []uint64, first, last int) int {
	if first > last {
		return -1
	}
	w := first / 64
	word := set[w] &^ (1<<(first%64) - 1)
	for word == 0 {
		if w++; w > last/64 {
			return -1
		}
		word = set[w]
	}
	if bit := w*64 + bits.TrailingZeros64(word); bit <= last {
		return bit
	}
	return -1
}
