package export

import (
	"time"

	"github.com/openifit/openifit/proto/ipfix"
)

// tally is a number of records of one policy.
type tally struct {
	account *account
	records uint64
}

// settle says what became of records.
func settle(tallies []tally, sent bool) {
	for _, t := range tallies {
		if sent {
			t.account.exported.Add(t.records)
		} else {
			t.account.dropped.Add(t.records)
		}
	}
}

// flight is what the transport was given and may still come to nothing.
type flight struct {
	messages, octets, wire, records uint64
	tallies                         []tally
}

// pend counts a record into the open Message.
func (s *session) pend(a *account) {
	if len(s.pending) == 0 {
		s.due = time.Now().Add(s.view.Load().batch)
	}
	for i := range s.pending {
		if s.pending[i].account == a {
			s.pending[i].records++
			return
		}
	}
	s.pending = append(s.pending, tally{a, 1})
}

// deliver is the sink of the exporter of records.
func (s *session) deliver(m ipfix.Message) error {
	err := s.transmit(m, s.pending)
	s.pending = s.pending[:0]
	return err
}

// deliverProcess is the sink of the exporter of what concerns no policy.
func (s *session) deliverProcess(m ipfix.Message) error { return s.transmit(m, nil) }

// transmit hands a Message to the transport. When it fails, the session must
// come back before it sends another.
func (s *session) transmit(m ipfix.Message, tallies []tally) error {
	size := len(m.Octets) + s.collector.headers()
	if s.failure == nil {
		s.makeWay(len(m.Octets), size)
	}
	if s.failure != nil {
		settle(tallies, false)
		s.counters.dropped.Add(uint64(m.Records))
		return s.failure
	}
	f := &s.flying
	f.tallies = append(f.tallies, tallies...)
	f.messages++
	f.octets += uint64(len(m.Octets))
	f.wire += uint64(size)
	f.records += uint64(m.Records)
	if err := s.conn.Write(m); err != nil {
		s.fail(err)
		s.crash()
	}
	return s.failure
}

// makeWay sends the Messages before where the next cannot wait with them, or
// has to wait for the node's ceiling.
func (s *session) makeWay(length, size int) {
	fits := s.conn.Fits(length)
	if fits && s.node.AllowN(time.Now(), size) {
		return
	}
	if s.land(); s.failure != nil {
		return
	}
	if err := s.node.WaitN(s.ctx, size); err != nil {
		s.fail(err)
	}
}

// land sends all that the transport was given, and settles what became of it.
func (s *session) land() {
	if s.conn == nil || s.flying.messages == 0 {
		return
	}
	if err := s.conn.Flush(); err != nil {
		s.fail(err)
		s.crash()
		return
	}
	f := &s.flying
	settle(f.tallies, true)
	s.retry.reset()
	s.counters.sent(f)
	s.sum.octets.Add(f.wire)
	s.sum.records.Add(f.records)
	*f = flight{tallies: f.tallies[:0]}
}

// crash counts all that the transport was given as lost.
func (s *session) crash() {
	f := &s.flying
	settle(f.tallies, false)
	s.counters.dropped.Add(f.records)
	*f = flight{tallies: f.tallies[:0]}
}
