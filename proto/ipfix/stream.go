package ipfix

import "fmt"

// Stream sends structs of type T through an Exporter under one template.
type Stream[T any] struct {
	exporter *Exporter
	encoder  *Encoder[T]
	id       uint16
}

// NewStream adds the template to the Exporter; Close removes it.
func NewStream[T any](e *Exporter, t *Template) (*Stream[T], error) {
	enc, err := NewEncoder[T](t)
	if err != nil {
		return nil, err
	}
	id, err := e.Add(t)
	if err != nil {
		return nil, err
	}
	return &Stream[T]{exporter: e, encoder: enc, id: id}, nil
}

// ID is the template's ID in the session.
func (s *Stream[T]) ID() uint16 { return s.id }

// Write puts one record into the open Message. It returns ErrMismatch or
// ErrTooLong for a record that is left out, and the sink's error when a full
// Message had to leave.
func (s *Stream[T]) Write(v *T) error {
	b, err := s.encoder.Append(s.exporter.Begin(s.id), v)
	if err != nil {
		s.exporter.stats.RefusedRecords++
		return fmt.Errorf("template %d: %w", s.id, err)
	}
	return s.exporter.End(b)
}

// Close gives the template up.
func (s *Stream[T]) Close() error { return s.exporter.Remove(s.id) }
