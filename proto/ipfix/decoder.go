package ipfix

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"unsafe"
)

// maxPlans bounds what a Decoder remembers about templates, since peers make
// them.
const maxPlans = 1024

// Decoder reads records into structs of type T, whatever their template: fields
// that the struct lacks are skipped, and those that the template lacks become
// zero. It is not safe for concurrent use.
type Decoder[T any] struct {
	columns []column
	plans   map[*Template]*readPlan
	last    *Template
	plan    *readPlan
}

// readPlan is how records of one template become structs.
type readPlan struct {
	plain  moves
	others []pair
	// missing are the fields of the struct that are not in the template.
	missing []column
}

// NewDecoder makes a Decoder for structs with tags as NewEncoder wants them.
func NewDecoder[T any]() (*Decoder[T], error) {
	columns, err := columnsOf(reflect.TypeFor[T]())
	if err != nil {
		return nil, fmt.Errorf("make decoder: %w", err)
	}
	return &Decoder[T]{columns: columns, plans: map[*Template]*readPlan{}}, nil
}

// Decode fills v from the record; fields without an ipfix tag stay as they are.
// Strings and octets are copies, made only when they differ from what v holds.
// A value that its field cannot hold is an error; what v then holds is
// undefined.
func (d *Decoder[T]) Decode(r *Record, v *T) error {
	if r.template != d.last {
		d.last, d.plan = r.template, d.planFor(r.template)
	}
	p := d.plan
	at := unsafe.Pointer(v)
	for i := range p.missing {
		zero(p.missing[i].kind, unsafe.Add(at, p.missing[i].offset))
	}
	p.plain.read(r.octets, at)
	for i := range p.others {
		o := &p.others[i]
		if !get(r.Bytes(o.index), o.field.Element.Type, o.column.kind, unsafe.Add(at, o.column.offset)) {
			return fmt.Errorf("read record of template %d: %s: value does not fit", r.template.id, o.field.Element.Name)
		}
	}
	return nil
}

// Matches counts the struct fields that a template has.
func (d *Decoder[T]) Matches(t *Template) int {
	pairs, _ := match(t, d.columns)
	return len(preferred(pairs))
}

func (d *Decoder[T]) planFor(t *Template) *readPlan {
	if p := d.plans[t]; p != nil {
		return p
	}
	if len(d.plans) >= maxPlans {
		clear(d.plans)
	}
	pairs, _ := match(t, d.columns)
	pairs = preferred(pairs)
	p := &readPlan{}
	for _, c := range d.columns {
		if !slices.ContainsFunc(pairs, func(pr pair) bool { return pr.column.offset == c.offset }) {
			p.missing = append(p.missing, c)
		}
	}
	for _, pr := range pairs {
		if t.fixed == 0 || !p.plain.add(pr, t.spans[pr.index].offset) {
			p.others = append(p.others, pr)
		}
	}
	d.plans[t] = p
	return p
}

// read inverts write.
func (m *moves) read(b []byte, v unsafe.Pointer) {
	for _, f := range m.uint64s {
		*(*uint64)(unsafe.Add(v, f.field())) = binary.BigEndian.Uint64(b[f.wire():])
	}
	for _, f := range m.uint32s {
		*(*uint32)(unsafe.Add(v, f.field())) = binary.BigEndian.Uint32(b[f.wire():])
	}
	for _, f := range m.uint16s {
		*(*uint16)(unsafe.Add(v, f.field())) = binary.BigEndian.Uint16(b[f.wire():])
	}
	for _, f := range m.uint8s {
		*(*uint8)(unsafe.Add(v, f.field())) = b[f.wire()]
	}
	for _, f := range m.times {
		*(*UnixNano)(unsafe.Add(v, f.field())) = FromNTP(binary.BigEndian.Uint64(b[f.wire():]))
	}
	for _, f := range m.v4s {
		*(*netip.Addr)(unsafe.Add(v, f.field())) = netip.AddrFrom4([4]byte(b[f.wire():]))
	}
	for _, f := range m.v6s {
		*(*netip.Addr)(unsafe.Add(v, f.field())) = netip.AddrFrom16([16]byte(b[f.wire():]))
	}
}
