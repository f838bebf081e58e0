package plan

import (
	"errors"
	"fmt"
)

// UnmarkedDSCP returns the code point before marking, and whether dscp is a
// mark at all.
func (p *Plan) UnmarkedDSCP(dscp uint8) (uint8, bool) {
	if p.Unmark == [64]uint8{} || int(dscp) >= len(p.Unmark) || p.Unmark[dscp] == NoMark {
		return 0, false
	}
	return p.Unmark[dscp], true
}

// MarkField is the header field that carries a mark.
type MarkField uint8

// Fields of marks.
const (
	// MarkDSCP replaces the code point of IPv4 and IPv6 packets.
	MarkDSCP MarkField = iota
	// MarkFlag sets the reserved flag of IPv4 packets.
	MarkFlag
	// MarkLabel replaces the flow label of IPv6 packets.
	MarkLabel
)

// MarkFields is a set of fields.
type MarkFields uint8

// Has tells whether the field is in the set.
func (s MarkFields) Has(f MarkField) bool { return s>>f&1 != 0 }

// LabelMark is a flow label and the marked one that replaces it, 20 bits each.
type LabelMark struct{ Unmarked, Marked uint32 }

// MaxLabelMarks is the number of flow labels that are marks of a domain.
const MaxLabelMarks = 16

// noLabel is the first number that is no flow label.
const noLabel = 1 << 20

// UnmarkedLabel returns the flow label before marking, and whether label is a
// mark at all.
func (p *Plan) UnmarkedLabel(label uint32) (uint32, bool) {
	for _, m := range p.UnmarkLabels {
		if m.Marked == label {
			return m.Unmarked, true
		}
	}
	return 0, false
}

// MarkFields are the fields that carry marks of the domain.
func (p *Plan) MarkFields() (s MarkFields) {
	for dscp := range p.Unmark {
		if _, ok := p.UnmarkedDSCP(uint8(dscp)); ok {
			s |= 1 << MarkDSCP
		}
	}
	if p.UnmarkFlag {
		s |= 1 << MarkFlag
	}
	if len(p.UnmarkLabels) > 0 {
		s |= 1 << MarkLabel
	}
	return s
}

func (p *Plan) validateMarks() error {
	for dscp := range p.Unmark {
		unmarked, ok := p.UnmarkedDSCP(uint8(dscp))
		if !ok {
			continue
		}
		if int(unmarked) >= len(p.Unmark) {
			return fmt.Errorf("mark %d stands for code point %d", dscp, unmarked)
		}
		if _, ok := p.UnmarkedDSCP(unmarked); ok {
			return fmt.Errorf("mark %d stands for code point %d, which is a mark itself", dscp, unmarked)
		}
	}
	return p.validateLabels()
}

func (p *Plan) validateLabels() error {
	if len(p.UnmarkLabels) > MaxLabelMarks {
		return fmt.Errorf("%d flow labels are marks: at most %d", len(p.UnmarkLabels), MaxLabelMarks)
	}
	for i, m := range p.UnmarkLabels {
		if m.Unmarked >= noLabel || m.Marked >= noLabel || m.Marked == 0 {
			return fmt.Errorf("flow label %#x stands for %#x: labels have 20 bits, and 0 is none", m.Marked, m.Unmarked)
		}
		if i > 0 && p.UnmarkLabels[i-1].Marked >= m.Marked {
			return fmt.Errorf("flow label %#x: a mark twice or out of order", m.Marked)
		}
		if _, ok := p.UnmarkedLabel(m.Unmarked); ok {
			return fmt.Errorf("flow label %#x stands for %#x, which is a mark itself", m.Marked, m.Unmarked)
		}
	}
	return nil
}

// validateMark: nobody may set a mark that the domain does not take off.
func (p *Plan) validateMark(policy *Policy) error {
	switch policy.MarkField {
	case MarkDSCP:
		return p.validateCodePoints(policy)
	case MarkFlag:
		if !p.UnmarkFlag {
			return errors.New("would set the reserved flag, which nothing clears")
		}
		return nil
	case MarkLabel:
		for _, m := range policy.MarkLabels {
			if unmarked, ok := p.UnmarkedLabel(m.Marked); !ok || unmarked != m.Unmarked {
				return fmt.Errorf("flow label %#x would be marked as %#x, which no unmarking turns back", m.Unmarked, m.Marked)
			}
		}
		if len(policy.MarkLabels) == 0 {
			return errors.New("marks no flow label")
		}
		return nil
	}
	return fmt.Errorf("marks in field %d", policy.MarkField)
}

func (p *Plan) validateCodePoints(policy *Policy) error {
	any := false
	for dscp, mark := range policy.Mark {
		if mark == NoMark {
			continue
		}
		if unmarked, ok := p.UnmarkedDSCP(mark); !ok || int(unmarked) != dscp {
			return fmt.Errorf("code point %d would be marked as %d, which no unmarking turns back", dscp, mark)
		}
		any = true
	}
	if !any {
		return errors.New("marks no code point")
	}
	return nil
}
