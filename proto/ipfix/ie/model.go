package ie

import (
	"fmt"
	"slices"
	"strings"
)

// Element describes an Information Element. An element that no model knows
// has an ID alone: its type is TypeOctetArray and its name empty.
type Element struct {
	ID        ID
	Name      string
	Type      Type
	Semantics Semantics
	Units     Units
	// Deprecated elements are still understood, new templates leave them out.
	Deprecated bool
}

// table is a generated set of elements: by number, with a hole's Name empty,
// and the numbers again in the order of their names.
type table struct {
	byNumber []Element
	byName   []uint16
}

func (t *table) lookup(number uint16) (Element, bool) {
	if int(number) >= len(t.byNumber) || t.byNumber[number].Name == "" {
		return Element{}, false
	}
	return t.byNumber[number], true
}

func (t *table) named(name string) (Element, bool) {
	i, ok := slices.BinarySearchFunc(t.byName, name, func(n uint16, name string) int {
		return strings.Compare(t.byNumber[n].Name, name)
	})
	if !ok {
		return Element{}, false
	}
	return t.byNumber[t.byName[i]], true
}

// Model answers which elements exist. It never changes after it was made, and
// many goroutines may use it.
type Model struct {
	pen   uint32
	extra map[ID]Element
	names map[string]ID
}

// NewModel knows the registered elements, their reverse twins and, unless pen
// is 0, OpenIFIT's private elements under that enterprise number.
func NewModel(pen uint32) *Model { return &Model{pen: pen} }

// PEN is the enterprise number of the private elements, 0 for none.
func (m *Model) PEN() uint32 { return m.pen }

// With is a model that knows further elements, such as those learnt from type
// information records (RFC 5610). It refuses an element that would redefine a
// known one.
func (m *Model) With(elements ...Element) (*Model, error) {
	n := &Model{pen: m.pen, extra: map[ID]Element{}, names: map[string]ID{}}
	for id, e := range m.extra {
		n.extra[id], n.names[e.Name] = e, id
	}
	for _, e := range elements {
		if e.Name == "" {
			return nil, fmt.Errorf("add element %s: it has no name", e.ID)
		}
		if known, ok := n.Lookup(e.ID); ok {
			if known == e {
				continue
			}
			return nil, fmt.Errorf("add element %s (%s): number is taken by %s", e.Name, e.ID, known.Name)
		}
		if known, ok := n.ByName(e.Name); ok {
			return nil, fmt.Errorf("add element %s (%s): name is taken by %s", e.Name, e.ID, known.ID)
		}
		n.extra[e.ID], n.names[e.Name] = e, e.ID
	}
	return n, nil
}

// Lookup finds an element by its identity.
func (m *Model) Lookup(id ID) (Element, bool) {
	switch pen := id.PEN(); {
	case pen == 0:
		if e, ok := iana.lookup(id.Number()); ok {
			return e, true
		}
	case pen == ReversePEN:
		if e, ok := iana.lookup(id.Number()); ok && reversible(e.ID) {
			return reverse(e), true
		}
	case pen == m.pen:
		if e, ok := ifit.lookup(id.Number()); ok {
			e.ID = id
			return e, true
		}
	}
	e, ok := m.extra[id]
	return e, ok
}

// ByName finds an element by its exact name. Reverse elements are called
// "reverse" and the capitalised name (RFC 5103 section 6.2).
func (m *Model) ByName(name string) (Element, bool) {
	if e, ok := iana.named(name); ok {
		return e, true
	}
	if rest, ok := strings.CutPrefix(name, "reverse"); ok && rest != "" {
		for _, forward := range []string{strings.ToLower(rest[:1]) + rest[1:], rest} {
			if e, ok := iana.named(forward); ok && reversible(e.ID) && reverse(e).Name == name {
				return reverse(e), true
			}
		}
	}
	if m.pen != 0 {
		if e, ok := ifit.named(name); ok {
			e.ID = Private(e.ID.Number()).Under(m.pen)
			return e, true
		}
	}
	id, ok := m.names[name]
	return m.extra[id], ok
}

// Private lists OpenIFIT's elements in order of their numbers, none when the
// model has no enterprise number.
func (m *Model) Private() []Element {
	if m.pen == 0 {
		return nil
	}
	var out []Element
	for number := range ifit.byNumber {
		if e, ok := ifit.lookup(uint16(number)); ok {
			e.ID = Private(number).Under(m.pen)
			out = append(out, e)
		}
	}
	return out
}

// Registered lists the elements of the IANA registry in order of their numbers.
func Registered() []Element {
	out := make([]Element, 0, len(iana.byName))
	for _, e := range iana.byNumber {
		if e.Name != "" {
			out = append(out, e)
		}
	}
	return out
}
