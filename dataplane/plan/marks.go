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

// HasMarks tells whether any code point is a mark.
func (p *Plan) HasMarks() bool {
	for dscp := range p.Unmark {
		if _, ok := p.UnmarkedDSCP(uint8(dscp)); ok {
			return true
		}
	}
	return false
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
	return nil
}

// validateMark: nobody may set a mark that the domain does not take off.
func (p *Plan) validateMark(policy *Policy) error {
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
