package compile

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Code is the kind of a refusal.
type Code uint8

// Kinds of refusals.
const (
	// Invalid configuration contradicts itself or the model.
	Invalid Code = iota
	// NotFound configuration names something that does not exist.
	NotFound
	// NotBuilt configuration asks for what this release cannot do.
	NotBuilt
	// NotAdmitted configuration asks for what this node declines.
	NotAdmitted
	// TooMuch configuration exceeds what an Observation Point or node can hold.
	TooMuch
)

// Error is one reason why a tree cannot be compiled.
type Error struct {
	// Path is the YANG path of the configuration that is refused.
	Path   string
	Code   Code
	Reason string
}

// Error returns the path and the reason.
func (e *Error) Error() string { return e.Path + ": " + e.Reason }

// notBuilt is the reason that every refusal of a missing feature gives.
const notBuilt = "not built in this release"

// problems collects refusals.
type problems []*Error

func (p *problems) add(code Code, path, format string, args ...any) {
	*p = append(*p, &Error{Path: path, Code: code, Reason: fmt.Sprintf(format, args...)})
}

// notBuilt refuses a value of a leaf.
func (p *problems) notBuilt(path string, value fmt.Stringer) {
	p.add(NotBuilt, path, "%s is %s", value, notBuilt)
}

// join returns the refusals as one error in a stable order, nil when there
// are none. errors.As finds the first.
func (p problems) join() error {
	slices.SortStableFunc(p, func(a, b *Error) int { return strings.Compare(a.Path, b.Path) })
	errs := make([]error, len(p))
	for i, e := range p {
		errs[i] = e
	}
	return errors.Join(errs...)
}

// Policy is the name of the policy that is refused, empty when the refusal
// concerns something else.
func (e *Error) Policy() string {
	rest, ok := strings.CutPrefix(e.Path, "/ifit/policies/policy[name=")
	if !ok {
		return ""
	}
	name, _, _ := strings.Cut(rest, "]")
	return name
}
