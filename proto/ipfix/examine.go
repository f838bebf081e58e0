package ipfix

import (
	"encoding/binary"
	"fmt"
	"time"
)

// stepKind is what a Message asks for.
type stepKind uint8

const (
	stepData stepKind = iota // template is nil when none is known
	stepLearn
	stepRepeat
	stepWithdraw
)

// step is one thing that a Message asks for.
type step struct {
	kind         stepKind
	template     *Template
	repeated     *held
	id           uint16 // of the Data Set or the withdrawal
	body         []byte // of the Data Set
	unknown, odd int    // fields of the template learnt
}

// examine turns a Message into a plan and changes nothing else, so that a
// malformed Message leaves no trace.
func (s *Session) examine(now time.Time, msg []byte) (Header, error) {
	s.plan = s.plan[:0]
	s.staged.reset()
	h, err := ParseHeader(msg)
	if err != nil {
		return h, err
	}
	if s.domains[h.Domain] == nil && len(s.domains) >= s.limits.Domains {
		return h, fmt.Errorf("observation domain %d: %w", h.Domain, ErrLimit)
	}
	for at := HeaderLength; at < len(msg); {
		if len(msg)-at < SetHeaderLength {
			return h, malformed(at, "message ends inside a set header")
		}
		id := binary.BigEndian.Uint16(msg[at:])
		length := int(binary.BigEndian.Uint16(msg[at+2:]))
		if length < SetHeaderLength {
			return h, malformed(at+2, "set length is below 4")
		}
		if length > len(msg)-at {
			return h, malformed(at+2, "set reaches beyond the message")
		}
		within, reason := s.examineSet(now, h.Domain, id, msg[at+SetHeaderLength:at+length])
		if reason != "" {
			return h, malformed(at+SetHeaderLength+within, reason)
		}
		at += length
	}
	return h, nil
}

func (s *Session) examineSet(now time.Time, domain uint32, id uint16, body []byte) (at int, reason string) {
	switch {
	case id == TemplateSetID, id == OptionsTemplateSetID:
		return s.examineTemplates(now, domain, body, id == OptionsTemplateSetID)
	case id < FirstTemplateID:
		return -SetHeaderLength, "set ID is reserved"
	}
	t, _ := s.find(now, domain, id)
	if t != nil {
		if at, reason = t.check(body); reason != "" {
			return at, reason
		}
	}
	s.plan = append(s.plan, step{kind: stepData, template: t, id: id, body: body})
	return 0, ""
}

func (s *Session) examineTemplates(now time.Time, domain uint32, body []byte, options bool) (at int, reason string) {
	for len(body)-at >= 4 {
		if isZero(body[at : at+4]) {
			return at, "" // padding
		}
		r, reason := parseTemplateRecord(body[at:], options)
		if reason == "" {
			reason = s.examineTemplate(now, domain, &r)
		}
		if reason != "" {
			return at, reason
		}
		at += r.length
	}
	return at, ""
}

func (s *Session) examineTemplate(now time.Time, domain uint32, r *templateRecord) (reason string) {
	if r.count == 0 {
		if s.transport != UDP {
			s.staged.withdraw(r.id)
		}
		s.plan = append(s.plan, step{kind: stepWithdraw, id: r.id})
		return ""
	}
	t, h := s.find(now, domain, r.id)
	if t != nil && r.describes(t) {
		if h != nil {
			s.plan = append(s.plan, step{kind: stepRepeat, repeated: h})
		}
		return ""
	}
	st := step{kind: stepLearn}
	if st.template, st.unknown, st.odd, reason = r.compile(s.model, domain); reason != "" {
		return reason
	}
	s.staged.learn(st.template)
	s.plan = append(s.plan, st)
	return ""
}

// check finds out whether a Data Set consists of whole records and padding.
func (t *Template) check(body []byte) (at int, reason string) {
	if len(body) > 0 && len(body) < t.least {
		return 0, "data set has no room for a record"
	}
	if t.fixed > 0 {
		return 0, ""
	}
	for len(body)-at >= t.least {
		n := t.walk(body[at:], nil)
		if n < 0 {
			return at, "value of variable length reaches beyond its set"
		}
		at += n
	}
	return at, ""
}

// find gives the template that the ID stands for at this point of the Message
// under examination; h is nil when the Message itself brought it.
func (s *Session) find(now time.Time, domain uint32, id uint16) (t *Template, h *held) {
	if t, ok := s.staged.templates[id]; ok {
		return t, nil
	}
	h = s.templates[templateKey{domain, id}]
	if h == nil || s.expired(now, h) || s.staged.gone[h.setID()] {
		return nil, nil
	}
	return h.Template, h
}

func (s *Session) expired(now time.Time, h *held) bool {
	return s.transport == UDP && now.Sub(h.seen) > s.limits.TemplateLifetime
}

func isZero(b []byte) bool {
	for _, o := range b {
		if o != 0 {
			return false
		}
	}
	return true
}
