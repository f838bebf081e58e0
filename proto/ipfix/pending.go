package ipfix

import (
	"bytes"
	"time"
)

// pending holds Data Sets that arrived before their template, oldest first.
// Those before head are gone.
type pending struct {
	sets   []pendingSet
	head   int
	octets int
}

type pendingSet struct {
	header  Header
	id      uint16
	body    []byte
	arrived time.Time
}

// pendingOverhead is what a Set costs beside its octets, so that tiny Sets
// cannot outgrow the limit.
const pendingOverhead = 128

func (p *pendingSet) cost() int { return len(p.body) + pendingOverhead }

// postpone keeps a Data Set for a template that may still come: over UDP
// Messages overtake each other.
func (s *Session) postpone(now time.Time, h Header, st *step) {
	p := pendingSet{header: h, id: st.id, arrived: now}
	if len(st.body)+pendingOverhead > s.limits.PendingOctets {
		s.stats.DroppedSets++
		return
	}
	p.body = bytes.Clone(st.body)
	q := &s.pending
	for q.head < len(q.sets) {
		oldest := &q.sets[q.head]
		if q.octets+p.cost() <= s.limits.PendingOctets && now.Sub(oldest.arrived) <= s.limits.PendingAge {
			break
		}
		q.octets -= oldest.cost()
		*oldest = pendingSet{}
		q.head++
		s.stats.DroppedSets++
	}
	// Moving up only when half is gone keeps a flood of Sets from being copied
	// again for each.
	if q.head > len(q.sets)/2 {
		q.keep(q.sets[:copy(q.sets, q.sets[q.head:])])
	}
	q.sets = append(q.sets, p)
	q.octets += p.cost()
	s.stats.PendingSets++
}

// keep makes the front of the queue all there is.
func (q *pending) keep(front []pendingSet) {
	clear(q.sets[len(front):])
	q.sets, q.head = front, 0
}

// release visits what waited for a template. A Set that does not consist of
// its records was meant for another one.
func (s *Session) release(now time.Time, t *Template, visit func(*Record)) {
	q := &s.pending
	kept := q.sets[:0]
	for _, p := range q.sets[q.head:] {
		if p.header.Domain != t.domain || p.id != t.id {
			kept = append(kept, p)
			continue
		}
		q.octets -= p.cost()
		_, reason := t.check(p.body)
		if reason != "" || now.Sub(p.arrived) > s.limits.PendingAge {
			s.stats.DroppedSets++
			continue
		}
		s.record.Header = p.header
		s.visit(t, p.body, visit)
	}
	q.keep(kept)
}
