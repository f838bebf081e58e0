package ipfix

import (
	"encoding/binary"
	"fmt"
)

// quarantine is the number of refresh intervals after which a UDP session may
// use a template ID anew (RFC 7011 section 8.4).
const quarantine = 3

// slot is one template ID of the session.
type slot struct {
	template *Template
	users    int
	// owed copies of the template record, at most one to a Message.
	owed int
	// last is the serial of the Message that carried the record last.
	last uint64
	// removedAt is the count of refreshes when a UDP template was given up.
	removedAt uint64
	// withdraw means that the record owed is a withdrawal.
	withdraw bool
}

// reusable says whether another template may take the ID.
func (e *Exporter) reusable(s *slot) bool {
	if s.users > 0 {
		return false
	}
	return s.template == nil ||
		e.cfg.Transport == UDP && e.refreshes >= s.removedAt+quarantine
}

// slot finds the template in use under an ID.
func (e *Exporter) slot(id uint16) *slot {
	i := int(id) - int(FirstTemplateID)
	if i < 0 || i >= len(e.slots) || e.slots[i].users == 0 {
		return nil
	}
	return &e.slots[i]
}

// Add takes a template into the session and gives its ID. The template record
// leaves with the next Message, before any data that needs it. Adding the same
// fields again gives the same ID; each Add needs its own Remove.
func (e *Exporter) Add(t *Template) (uint16, error) {
	need := HeaderLength + SetHeaderLength
	if need+t.recordSize() > e.room {
		return 0, fmt.Errorf("add template: record of %d octets in messages of %d: %w", t.recordSize(), e.room, ErrTooLong)
	}
	if need+t.least > e.room {
		return 0, fmt.Errorf("add template: data records of %d octets in messages of %d: %w", t.least, e.room, ErrTooLong)
	}
	place := -1
	for i := range e.slots {
		s := &e.slots[i]
		if s.template != nil && s.template.Same(t) {
			e.share(s)
			return FirstTemplateID + uint16(i), nil
		}
		if place < 0 && e.reusable(s) {
			place = i
		}
	}
	if place < 0 {
		if len(e.slots) > int(^uint16(0)-FirstTemplateID) {
			return 0, fmt.Errorf("add template: all template IDs are taken")
		}
		place = len(e.slots)
		e.slots = append(e.slots, slot{})
	}
	e.slots[place] = slot{template: t, users: 1, owed: e.cfg.FirstCopies}
	e.count()
	return FirstTemplateID + uint16(place), nil
}

// share adds a user to a template that the session has, or had until lately.
func (e *Exporter) share(s *slot) {
	if s.users++; s.users > 1 {
		return
	}
	switch {
	case e.cfg.Transport == UDP:
		s.owed = e.cfg.FirstCopies
	case s.withdraw:
		s.withdraw, s.owed = false, 0
	}
	e.count()
}

// Remove gives up one use of a template. After the last one the template is
// withdrawn where the transport allows (RFC 7011 section 8.1), or no longer
// refreshed, and its ID stays unused until collectors must have forgotten it.
func (e *Exporter) Remove(id uint16) error {
	s := e.slot(id)
	if s == nil {
		return fmt.Errorf("remove template %d: %w", id, ErrNoTemplate)
	}
	if s.users--; s.users > 0 {
		return nil
	}
	if e.setID == id {
		e.closeSet()
	}
	switch {
	case s.last == 0:
		// No collector can know it.
		*s = slot{}
	case e.cfg.Transport == UDP:
		s.owed, s.removedAt = 0, e.refreshes
	default:
		s.owed, s.withdraw = 1, true
	}
	e.count()
	return nil
}

// Refresh sends every template once more with the coming Messages. On UDP the
// caller calls it once in each refresh interval.
func (e *Exporter) Refresh() {
	e.refreshes++
	for i := range e.slots {
		if s := &e.slots[i]; s.users > 0 && s.owed == 0 {
			s.owed = 1
		}
	}
	e.count()
}

// Reset begins a new Transport Session: numbering starts at 0 and all templates
// are sent again. What the open Message holds is discarded and its Data Records
// are counted as lost; Flush first to keep them.
func (e *Exporter) Reset() {
	e.stats.LostRecords += uint64(e.records)
	e.buf = e.buf[:HeaderLength]
	e.setStart, e.setID, e.records, e.sequence, e.carried = 0, 0, 0, 0, 0
	for i := range e.slots {
		s := &e.slots[i]
		if s.users == 0 {
			// The new session never heard of it.
			*s = slot{}
			continue
		}
		s.owed, s.last = e.cfg.FirstCopies, 0
	}
	e.count()
}

// count finds out who owes template records.
func (e *Exporter) count() {
	e.owed, e.due = 0, 0
	for i := range e.slots {
		s := &e.slots[i]
		if s.owed == 0 {
			continue
		}
		e.owed++
		if s.last != e.serial {
			e.due++
		}
	}
}

// settle follows up the template records of the Message that was just sent, or
// lost: those are owed again.
func (e *Exporter) settle(lost bool) {
	for i := range e.slots {
		s := &e.slots[i]
		switch {
		case s.last != e.serial:
		case lost && s.withdraw:
			s.owed = 1
		case lost && s.users > 0:
			s.owed++
		case s.withdraw && s.owed == 0:
			// The ID is free once its withdrawal has left.
			*s = slot{}
		}
	}
}

// writeTemplates puts one copy of each owed template record into the open
// Message, and into further ones when that is full.
func (e *Exporter) writeTemplates() {
	if e.due == 0 {
		return
	}
	for i := range e.slots {
		s := &e.slots[i]
		if s.owed > 0 && s.last != e.serial {
			e.writeTemplate(FirstTemplateID+uint16(i), s)
		}
	}
	e.count()
}

func (e *Exporter) writeTemplate(id uint16, s *slot) {
	size := s.template.recordSize()
	if s.withdraw {
		size = 4
	}
	set := s.template.setID()
	if !e.fits(set, size) {
		e.send()
	}
	if e.setID != set {
		e.closeSet()
		e.startSet(set)
	}
	if s.withdraw {
		e.buf = binary.BigEndian.AppendUint16(e.buf, id)
		e.buf = binary.BigEndian.AppendUint16(e.buf, 0)
	} else {
		e.buf = s.template.appendRecord(e.buf, id)
	}
	s.owed--
	s.last = e.serial
	e.carried++
}
