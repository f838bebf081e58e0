package ipfix

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"iter"
	"math"

	"github.com/openifit/openifit/proto/ipfix/ie"
)

// span is where a field lies inside its record.
type span struct{ offset, length uint16 }

// Template describes the fields of Data Records. It is compiled once and never
// changes; many goroutines may use it.
type Template struct {
	id     uint16
	domain uint32
	fields []Field
	scope  int
	// wire holds the field specifiers as a template record has them.
	wire []byte
	// spans are valid when the record length is fixed.
	spans []span
	fixed int
	least int
}

// NewTemplate describes flow records and the like.
func NewTemplate(fields ...Field) (*Template, error) {
	return newTemplate(fields, 0)
}

// NewOptionsTemplate describes records about a scope: the first scope fields
// say what the others apply to (RFC 7011 section 3.4.2).
func NewOptionsTemplate(scope int, fields ...Field) (*Template, error) {
	if scope < 1 || scope > len(fields) {
		return nil, fmt.Errorf("make options template: scope of %d fields out of %d", scope, len(fields))
	}
	return newTemplate(fields, scope)
}

func newTemplate(fields []Field, scope int) (*Template, error) {
	for i, f := range fields {
		if err := f.check(); err != nil {
			return nil, fmt.Errorf("make template: field %d (%s): %w", i, f.Element.Name, err)
		}
	}
	var wire []byte
	for _, f := range fields {
		wire = appendSpecifier(wire, f.Element.ID, f.Length)
	}
	t := &Template{fields: append([]Field(nil), fields...), scope: scope, wire: wire}
	if reason := t.compile(); reason != "" {
		return nil, fmt.Errorf("make template: %s", reason)
	}
	return t, nil
}

// compile lays the record out. It returns why no record can have this form.
func (t *Template) compile() (reason string) {
	if len(t.fields) == 0 {
		return "template has no fields"
	}
	if len(t.fields) > math.MaxUint16 {
		return "template has more fields than its count can say"
	}
	fixed := true
	t.spans = make([]span, len(t.fields))
	for i, f := range t.fields {
		if f.Length == VariableLength {
			fixed = false
			t.least++ // the shortest prefix, of an empty value
			continue
		}
		t.spans[i] = span{uint16(t.least), f.Length}
		t.least += int(f.Length)
		if t.least > MaxMessageLength-HeaderLength-SetHeaderLength {
			return "record is longer than a message"
		}
	}
	// Records of no octets would never end.
	if t.least == 0 {
		return "record has no octets"
	}
	if fixed {
		t.fixed = t.least
	} else {
		t.spans = nil
	}
	return ""
}

// ID is the number of a received template, 0 for one made here: an Exporter
// gives it one.
func (t *Template) ID() uint16 { return t.id }

// Domain is the Observation Domain of a received template.
func (t *Template) Domain() uint32 { return t.domain }

// Len is the number of fields, scope fields included.
func (t *Template) Len() int { return len(t.fields) }

// Field is the field at index i.
func (t *Template) Field(i int) Field { return t.fields[i] }

// All yields the fields in order.
func (t *Template) All() iter.Seq2[int, Field] {
	return func(yield func(int, Field) bool) {
		for i, f := range t.fields {
			if !yield(i, f) {
				return
			}
		}
	}
}

// Scope is the number of scope fields, 0 unless this is an options template.
func (t *Template) Scope() int { return t.scope }

// RecordLength is the length of each record in octets, 0 when it varies.
func (t *Template) RecordLength() int { return t.fixed }

// Index finds the first field of an element, -1 for none.
func (t *Template) Index(id ie.ID) int { return t.NextIndex(id, 0) }

// NextIndex finds a field of an element at or after index from, -1 for none:
// an element may occur several times (RFC 7011 section 8).
func (t *Template) NextIndex(id ie.ID, from int) int {
	for i := from; i < len(t.fields); i++ {
		if t.fields[i].Element.ID == id {
			return i
		}
	}
	return -1
}

// Same says whether both describe the same records, whatever their IDs.
func (t *Template) Same(o *Template) bool {
	return t.scope == o.scope && bytes.Equal(t.wire, o.wire)
}

// recordSize is the length of the template record in octets.
func (t *Template) recordSize() int {
	if t.scope > 0 {
		return 6 + len(t.wire)
	}
	return 4 + len(t.wire)
}

// appendRecord writes the template record (RFC 7011 sections 3.4.1, 3.4.2.2).
func (t *Template) appendRecord(b []byte, id uint16) []byte {
	b = binary.BigEndian.AppendUint16(b, id)
	b = binary.BigEndian.AppendUint16(b, uint16(len(t.fields)))
	if t.scope > 0 {
		b = binary.BigEndian.AppendUint16(b, uint16(t.scope))
	}
	return append(b, t.wire...)
}

// setID is the Set that the template record belongs to.
func (t *Template) setID() uint16 {
	if t.scope > 0 {
		return OptionsTemplateSetID
	}
	return TemplateSetID
}
