package ipfix

import (
	"reflect"
	"unsafe"
)

// Stream sends structs of type T through an Exporter under one template.
type Stream[T any] struct {
	exporter *Exporter
	encoding *encoding
	id       uint16
}

// NewStream binds a struct to a template, as NewEncoder does, and adds the
// template to the Exporter; Close removes it.
func NewStream[T any](e *Exporter, t *Template) (*Stream[T], error) {
	enc, err := newEncoding(reflect.TypeFor[T](), t)
	if err != nil {
		return nil, err
	}
	id, err := e.Add(t)
	if err != nil {
		return nil, err
	}
	return &Stream[T]{exporter: e, encoding: enc, id: id}, nil
}

// ID is the template's ID in the session.
func (s *Stream[T]) ID() uint16 { return s.id }

// Write puts one record into the open Message. It returns ErrMismatch or
// ErrTooLong for a record that is left out, and the sink's error when a full
// Message had to leave.
func (s *Stream[T]) Write(v *T) error {
	return s.exporter.write(s.id, s.encoding, unsafe.Pointer(v))
}

// Close gives the template up. What is written later is refused with
// ErrNoTemplate.
func (s *Stream[T]) Close() error {
	id := s.id
	// The ID may come to stand for another template; 1 is none for ever.
	s.id = 1
	return s.exporter.Remove(id)
}

// write is Begin, encoding and End in one.
func (e *Exporter) write(id uint16, enc *encoding, v unsafe.Pointer) error {
	fixed := enc.template.fixed
	start := len(e.buf)
	if id != e.setID || e.due > 0 || start+fixed > e.room || fixed == 0 {
		if e.slot(id) == nil {
			return e.refuse(ErrNoTemplate)
		}
		e.openSet(id, enc.template)
		if fixed == 0 {
			return e.writeVariable(enc, v)
		}
		start = len(e.buf)
	}
	b := e.buf[:start+fixed]
	if !enc.plain.write(b[start:], v) {
		return e.refuse(errFamily)
	}
	if len(enc.others) > 0 {
		if err := enc.putOthers(b[start:], v); err != nil {
			return e.refuse(err)
		}
	}
	e.buf = b
	e.records++
	if e.failed != nil {
		return e.takeFailure()
	}
	return nil
}

func (e *Exporter) writeVariable(enc *encoding, v unsafe.Pointer) error {
	b, err := appendVariable(e.buf, enc.others, v)
	if err != nil {
		return e.refuse(err)
	}
	e.begun = enc.template
	return e.End(b)
}
