package records

// MaxSelectedRanges is the number of ranges that a Selector can tell.
const MaxSelectedRanges = 8

// HashRange is a closed range of hash values.
type HashRange struct{ Min, Max uint64 }

// SelectedRanges are the ranges of hash values that select a packet. On the
// wire the elements are repeated, pair by pair (RFC 5477 section 8.3.5).
type SelectedRanges struct {
	Min0 uint64 `ipfix:"hashSelectedRangeMin"`
	Max0 uint64 `ipfix:"hashSelectedRangeMax"`
	Min1 uint64 `ipfix:"hashSelectedRangeMin"`
	Max1 uint64 `ipfix:"hashSelectedRangeMax"`
	Min2 uint64 `ipfix:"hashSelectedRangeMin"`
	Max2 uint64 `ipfix:"hashSelectedRangeMax"`
	Min3 uint64 `ipfix:"hashSelectedRangeMin"`
	Max3 uint64 `ipfix:"hashSelectedRangeMax"`
	Min4 uint64 `ipfix:"hashSelectedRangeMin"`
	Max4 uint64 `ipfix:"hashSelectedRangeMax"`
	Min5 uint64 `ipfix:"hashSelectedRangeMin"`
	Max5 uint64 `ipfix:"hashSelectedRangeMax"`
	Min6 uint64 `ipfix:"hashSelectedRangeMin"`
	Max6 uint64 `ipfix:"hashSelectedRangeMax"`
	Min7 uint64 `ipfix:"hashSelectedRangeMin"`
	Max7 uint64 `ipfix:"hashSelectedRangeMax"`
}

func (s *SelectedRanges) bounds() [MaxSelectedRanges][2]*uint64 {
	return [...][2]*uint64{
		{&s.Min0, &s.Max0}, {&s.Min1, &s.Max1}, {&s.Min2, &s.Max2}, {&s.Min3, &s.Max3},
		{&s.Min4, &s.Max4}, {&s.Min5, &s.Max5}, {&s.Min6, &s.Max6}, {&s.Min7, &s.Max7},
	}
}

// Select sets the ranges; those beyond MaxSelectedRanges are left out.
func (s *SelectedRanges) Select(ranges ...HashRange) {
	*s = SelectedRanges{}
	for i, b := range s.bounds() {
		if i < len(ranges) {
			*b[0], *b[1] = ranges[i].Min, ranges[i].Max
		}
	}
}

// Selected lists the ranges. Only the first one can hold nothing but 0: a
// later pair of zeros is one that was not sent.
func (s *SelectedRanges) Selected() []HashRange {
	var out []HashRange
	for i, b := range s.bounds() {
		if i == 0 || *b[1] != 0 {
			out = append(out, HashRange{*b[0], *b[1]})
		}
	}
	return out
}
