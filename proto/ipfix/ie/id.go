package ie

import "strconv"

// ReversePEN is the enterprise number that marks the reverse direction of a
// registered element (RFC 5103 section 6.1).
const ReversePEN uint32 = 29305

// ExperimentalPEN is reserved for documentation (RFC 5612) and what labs use
// for private elements.
const ExperimentalPEN uint32 = 32473

// MaxNumber is the highest element number: the field specifier has 15 bits.
const MaxNumber = 1<<15 - 1

// ID identifies an Information Element: the enterprise number in the upper 32
// of 48 bits, the element number in the lower 16. The enterprise number of
// registered elements is 0, so that their ID is their number.
type ID uint64

// NewID joins an enterprise number and an element number.
func NewID(pen uint32, number uint16) ID {
	return ID(pen)<<16 | ID(number&MaxNumber)
}

// PEN is the private enterprise number, 0 for a registered element.
func (id ID) PEN() uint32 { return uint32(id >> 16) }

// Number is the element's number under its enterprise.
func (id ID) Number() uint16 { return uint16(id) & MaxNumber }

// Reverse is the element that carries the other direction of a Biflow
// (RFC 5103). It is meaningful for reversible registered elements alone.
func (id ID) Reverse() ID { return NewID(ReversePEN, id.Number()) }

// String is "number" or "pen/number", as it stands in the registry; use a
// Model to get the name.
func (id ID) String() string {
	n := strconv.Itoa(int(id.Number()))
	if id.PEN() == 0 {
		return n
	}
	return strconv.FormatUint(uint64(id.PEN()), 10) + "/" + n
}

// Private is the number of an OpenIFIT element, which has an identity only
// under the enterprise number that a domain configures.
type Private uint16

// Under gives the element's identity under an enterprise number.
func (p Private) Under(pen uint32) ID { return NewID(pen, uint16(p)) }
