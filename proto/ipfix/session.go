package ipfix

import (
	"errors"
	"time"

	"github.com/openifit/openifit/proto/ipfix/ie"
)

// Session is the receiving half of a Transport Session: one TCP connection, or
// one pair of addresses and ports over UDP. It holds the templates of its peer
// and disturbs no other session. It is not safe for concurrent use.
type Session struct {
	model     *ie.Model
	transport Transport
	limits    Limits

	domains   map[uint32]*domain
	templates map[templateKey]*held
	fields    int // of all templates held
	pending   pending
	stats     SessionStats

	// The Message under examination.
	plan   []step
	staged staged
	record Record
	spans  []span
}

// NewSession begins a Transport Session.
func NewSession(m *ie.Model, transport Transport, limits Limits) *Session {
	return &Session{
		model: m, transport: transport, limits: limits.withDefaults(),
		domains: map[uint32]*domain{}, templates: map[templateKey]*held{},
	}
}

// Stats returns the counters.
func (s *Session) Stats() SessionStats { return s.stats }

// Decode takes a whole Message that arrived at now and visits its Data Records
// in order, options data included; those that had waited for a template are
// visited where the Message brings it. The visitor must not keep the record.
//
// A malformed Message changes nothing but its counter and gives a
// *MalformedError. One of an Observation Domain beyond the limit gives ErrLimit.
func (s *Session) Decode(now time.Time, msg []byte, visit func(*Record)) error {
	h, err := s.examine(now, msg)
	switch {
	case errors.Is(err, ErrLimit):
		s.stats.RefusedMessages++
		return err
	case err != nil:
		s.stats.MalformedMessages++
		return err
	}
	s.stats.Messages++
	s.stats.Octets += uint64(len(msg))
	records, complete := s.carryOut(now, h, visit)
	d := s.domains[h.Domain]
	if d == nil {
		d = &domain{}
		s.domains[h.Domain] = d
	}
	d.account(&s.stats, h, records, complete)
	return nil
}

// carryOut applies an examined Message. It counts the Data Records; complete
// is false when there were Sets without template, whose records nobody can
// count.
func (s *Session) carryOut(now time.Time, h Header, visit func(*Record)) (records uint32, complete bool) {
	complete = true
	for i := range s.plan {
		switch st := &s.plan[i]; st.kind {
		case stepLearn:
			s.learn(now, h.Domain, st)
			s.release(now, st.template, visit)
		case stepRepeat:
			st.repeated.seen = now
		case stepWithdraw:
			s.withdraw(h.Domain, st.id)
		case stepData:
			if st.template == nil {
				complete = false
				s.postpone(now, h, st)
				continue
			}
			s.record.Header = h
			records += s.visit(st.template, st.body, visit)
		}
	}
	clear(s.plan)
	return records, complete
}

// visit hands out the records of a Data Set that examine has found sound.
func (s *Session) visit(t *Template, body []byte, visit func(*Record)) (records uint32) {
	r := &s.record
	r.template = t
	if t.fixed > 0 {
		r.spans = t.spans
		for ; len(body) >= t.fixed; body = body[t.fixed:] {
			r.octets = body[:t.fixed:t.fixed]
			visit(r)
			records++
		}
	} else {
		if cap(s.spans) < len(t.fields) {
			s.spans = make([]span, len(t.fields))
		}
		r.spans = s.spans[:len(t.fields)]
		for len(body) >= t.least {
			n := t.walk(body, r.spans)
			r.octets = body[:n:n]
			visit(r)
			records++
			body = body[n:]
		}
	}
	s.stats.DataRecords += uint64(records)
	return records
}
