package ipfix

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"reflect"
	"unsafe"

	"github.com/openifit/openifit/proto/ipfix/ie"
)

// move copies a value between a struct and a record of fixed length: its offset
// in the struct in the low half, its offset in the record in the high half. One
// word is one load.
type move uint32

func (m move) field() uintptr { return uintptr(uint16(m)) }
func (m move) wire() uintptr  { return uintptr(m >> 16) }

// moves are the fields that need no more than a copy, by form. Apart from each
// other, each form is a loop without decisions, which halves the time that a
// record takes.
type moves struct {
	uint64s, uint32s, uint16s, uint8s []move
	times, v4s, v6s                   []move
}

// add takes a pair if it is one for a plain copy.
func (m *moves) add(p pair, wire uint16) bool {
	to := func(list *[]move) bool {
		*list = append(*list, move(wire)<<16|move(p.column.offset))
		return true
	}
	k, length, t := p.column.kind, p.field.Length, p.field.Element.Type
	switch {
	case k == kindUint64 && length == 8:
		return to(&m.uint64s)
	case k == kindUint32 && length == 4:
		return to(&m.uint32s)
	case k == kindUint16 && length == 2:
		return to(&m.uint16s)
	case k == kindUint8 && length == 1:
		return to(&m.uint8s)
	case t == ie.TypeDateTimeNanoseconds:
		return to(&m.times)
	case t == ie.TypeIPv4Address:
		return to(&m.v4s)
	case t == ie.TypeIPv6Address:
		return to(&m.v6s)
	}
	return false
}

// encoding writes structs of one type as records of one template.
type encoding struct {
	template *Template
	plain    moves
	others   []pair // in a record of variable length: all of them
}

func newEncoding(of reflect.Type, t *Template) (*encoding, error) {
	columns, err := columnsOf(of)
	if err != nil {
		return nil, fmt.Errorf("make encoder: %w", err)
	}
	pairs, unmatched := match(t, columns)
	if len(unmatched) > 0 {
		e := unmatched[0].Element
		return nil, fmt.Errorf("make encoder: %s has no field for %s (%s)", of, e.Name, e.Type)
	}
	enc := &encoding{template: t}
	for _, p := range pairs {
		if t.fixed == 0 || !enc.plain.add(p, t.spans[p.index].offset) {
			enc.others = append(enc.others, p)
		}
	}
	return enc, nil
}

// put fills the octets of a record of fixed length.
func (e *encoding) put(record []byte, v unsafe.Pointer) error {
	if !e.plain.write(record[:e.template.fixed], v) {
		return errFamily
	}
	return e.putOthers(record, v)
}

var errFamily = fmt.Errorf("%w: address is of the other family", ErrMismatch)

func (e *encoding) putOthers(record []byte, v unsafe.Pointer) error {
	for i := range e.others {
		p := &e.others[i]
		s := e.template.spans[p.index]
		if !put(record[s.offset:s.offset+s.length], p.field.Element.Type, p.column.kind, unsafe.Add(v, p.column.offset)) {
			return p.unfit()
		}
	}
	return nil
}

// Encoder writes structs of type T as records of one template. Many goroutines
// may use it.
type Encoder[T any] struct{ encoding *encoding }

// NewEncoder binds a struct to a template. The struct's fields carry tags such
// as `ipfix:"octetDeltaCount"` or `ipfix:"sourceIPv4Address|sourceIPv6Address"`,
// the template decides which of them are sent, and in what form.
func NewEncoder[T any](t *Template) (*Encoder[T], error) {
	enc, err := newEncoding(reflect.TypeFor[T](), t)
	if err != nil {
		return nil, err
	}
	return &Encoder[T]{enc}, nil
}

// Template is what the records follow.
func (e *Encoder[T]) Template() *Template { return e.encoding.template }

// Append writes a record behind b. A value that its field cannot hold is an
// ErrMismatch, and b is returned as it was.
func (e *Encoder[T]) Append(b []byte, v *T) ([]byte, error) {
	fixed := e.encoding.template.fixed
	if fixed == 0 {
		return appendVariable(b, e.encoding.others, unsafe.Pointer(v))
	}
	start := len(b)
	b = append(b, make([]byte, fixed)...)
	if err := e.encoding.put(b[start:], unsafe.Pointer(v)); err != nil {
		return b[:start], err
	}
	return b, nil
}

// write copies the plain fields into b, which has the record's length. Offsets
// come from the template, which lies within that length, and from package
// reflect for the struct's type; checking each again would take as long as the
// copying.
func (m *moves) write(b []byte, v unsafe.Pointer) bool {
	to := unsafe.Pointer(unsafe.SliceData(b))
	for _, f := range m.uint64s {
		binary.BigEndian.PutUint64((*[8]byte)(unsafe.Add(to, f.wire()))[:], *(*uint64)(unsafe.Add(v, f.field())))
	}
	for _, f := range m.uint32s {
		binary.BigEndian.PutUint32((*[4]byte)(unsafe.Add(to, f.wire()))[:], *(*uint32)(unsafe.Add(v, f.field())))
	}
	for _, f := range m.uint16s {
		binary.BigEndian.PutUint16((*[2]byte)(unsafe.Add(to, f.wire()))[:], *(*uint16)(unsafe.Add(v, f.field())))
	}
	for _, f := range m.uint8s {
		*(*uint8)(unsafe.Add(to, f.wire())) = *(*uint8)(unsafe.Add(v, f.field()))
	}
	for _, f := range m.times {
		binary.BigEndian.PutUint64((*[8]byte)(unsafe.Add(to, f.wire()))[:], ToNTP(*(*UnixNano)(unsafe.Add(v, f.field()))))
	}
	for _, f := range m.v4s {
		a := (*netip.Addr)(unsafe.Add(v, f.field()))
		if !a.Is4() {
			return false
		}
		*(*[4]byte)(unsafe.Add(to, f.wire())) = a.As4()
	}
	for _, f := range m.v6s {
		a := (*netip.Addr)(unsafe.Add(v, f.field()))
		if !a.Is6() {
			return false
		}
		*(*[16]byte)(unsafe.Add(to, f.wire())) = a.As16()
	}
	return true
}

// appendVariable writes field after field, since lengths depend on the values.
func appendVariable(b []byte, pairs []pair, v unsafe.Pointer) ([]byte, error) {
	start := len(b)
	for i := range pairs {
		p := &pairs[i]
		at := unsafe.Add(v, p.column.offset)
		var err error
		switch {
		case p.field.Length != VariableLength:
			n := len(b)
			b = append(b, make([]byte, p.field.Length)...)
			if !put(b[n:], p.field.Element.Type, p.column.kind, at) {
				err = p.unfit()
			}
		case p.column.kind == kindString:
			b, err = AppendString(b, *(*string)(at))
		default:
			b, err = AppendVariable(b, *(*[]byte)(at))
		}
		if err != nil {
			return b[:start], err
		}
	}
	return b, nil
}

func (p *pair) unfit() error {
	return fmt.Errorf("%w: value does not fit %s of %d octets", ErrMismatch, p.field.Element.Name, p.field.Length)
}
