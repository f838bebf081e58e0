package export

import (
	"github.com/openifit/openifit/proto/ipfix"
	"github.com/openifit/openifit/proto/ipfix/records"
)

// Records of each kind that wait for one collector.
const (
	queuedEvents     = 4096
	queuedHeavyFlows = 4096
	queuedFlows      = 16384
	queuedPostcards  = 65536
	queuedHealth     = 16384
	queuedHistograms = 4096
	queuedProbes     = 8192
	queuedDrops      = 16384
)

// queued is a record on its way to a collector.
type queued[T any] struct {
	account  *account
	template *ipfix.Template
	value    T
}

// lane is the way of one kind of record through a session. The session's lock
// guards the ring; the streams belong to its goroutine.
type lane[T any] struct {
	ring    ring[queued[T]]
	streams map[*ipfix.Template]writer[T]
	// open makes the stream of a template.
	open func(*ipfix.Exporter, *ipfix.Template) (writer[T], error)
}

// writer writes values as records of one template.
type writer[T any] interface {
	Write(*T) error
	Close() error
}

func newLane[T any](limit int) lane[T] {
	return lane[T]{
		ring: ring[queued[T]]{limit: limit}, streams: make(map[*ipfix.Template]writer[T]),
		open: func(e *ipfix.Exporter, t *ipfix.Template) (writer[T], error) { return ipfix.NewStream[T](e, t) },
	}
}

// carrier is a lane whatever its records are.
type carrier interface {
	send(s *session, limit int) int
	keep(needed map[*ipfix.Template]bool) error
	forget()
	abandon(s *session)
}

// offer queues a record and wakes the session.
func offer[T any](s *session, l *lane[T], q queued[T]) {
	s.mu.Lock()
	lost, dropped := q, s.closed
	if !dropped {
		lost, dropped = l.ring.push(q)
	}
	s.mu.Unlock()
	if dropped {
		lose(s, lost)
	}
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// lose counts a record that was queued and will not be sent.
func lose[T any](s *session, q queued[T]) {
	s.drop(q.account, 1)
	if f, ok := any(&q.value).(*records.Flow); ok {
		s.counters.notSent(f)
	}
}

// send writes up to limit queued records into Messages and returns how many it
// took. It stops early when the collector cannot be reached.
func (l *lane[T]) send(s *session, limit int) (n int) {
	for ; n < limit && s.failure == nil; n++ {
		s.mu.Lock()
		q, ok := l.ring.pop()
		s.mu.Unlock()
		if !ok {
			break
		}
		l.write(s, &q)
	}
	return n
}

// write puts one record into the open Message. An error that does not concern
// this record concerns the Message before, which the sink has dealt with.
func (l *lane[T]) write(s *session, q *queued[T]) {
	to, err := l.stream(s, q.template)
	if err != nil {
		s.note(err)
		lose(s, *q)
		return
	}
	refused := s.exporter.Stats().RefusedRecords
	err = to.Write(&q.value)
	if s.exporter.Stats().RefusedRecords != refused {
		s.note(err)
		lose(s, *q)
		return
	}
	s.pend(q.account)
}

// stream finds or makes the stream of a template.
func (l *lane[T]) stream(s *session, t *ipfix.Template) (writer[T], error) {
	if made := l.streams[t]; made != nil {
		return made, nil
	}
	made, err := l.open(s.exporter, t)
	if err != nil {
		return nil, err
	}
	l.streams[t] = made
	return made, nil
}

// forget drops the streams: they belonged to the exporter before.
func (l *lane[T]) forget() { clear(l.streams) }

// keep gives up the templates that nothing needs any more.
func (l *lane[T]) keep(needed map[*ipfix.Template]bool) error {
	for t, made := range l.streams {
		if needed[t] {
			continue
		}
		delete(l.streams, t)
		if err := made.Close(); err != nil {
			return err
		}
	}
	return nil
}

// abandon counts what is still queued when the session ends.
func (l *lane[T]) abandon(s *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for {
		q, ok := l.ring.pop()
		if !ok {
			return
		}
		lose(s, q)
	}
}
