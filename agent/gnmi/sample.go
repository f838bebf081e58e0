package gnmi

import (
	"time"

	"github.com/openifit/openifit/agent/intent/schema"
)

// sampler sends the current values of patterns at an interval. It keeps what
// it sent last, to say what is gone and, if asked, to leave out what did not
// change.
type sampler struct {
	patterns []schema.Pattern
	content  schema.Content
	every    time.Duration
	// heartbeat is how often a value is sent though it did not change.
	heartbeat time.Duration
	suppress  bool
	// repeats says that the sampler is the heartbeat of an ON_CHANGE
	// subscription, which sends first values and deletes by itself.
	repeats bool

	due   time.Time
	round uint32
	sent  map[uint64]sample // by path
	beat  time.Time         // next heartbeat
}

// sample is what is known of a leaf that was sent.
type sample struct {
	path  schema.Path
	value schema.Value // only when redundant values are suppressed
	round uint32
}

func newSampler(patterns []schema.Pattern, c schema.Content, every, heartbeat time.Duration, suppress bool) *sampler {
	return &sampler{patterns: patterns, content: c, every: every, heartbeat: heartbeat, suppress: suppress, sent: map[uint64]sample{}}
}

// begin sends the first round.
func (s *sampler) begin(sub *subscriber) error {
	now := sub.now()
	s.due, s.beat = now.Add(s.every), now.Add(s.heartbeat)
	if s.repeats {
		return nil
	}
	return sub.sendCurrent(s.patterns, s.content, func(p schema.Path, v schema.Value) bool {
		s.note(p, v)
		return !sub.updatesOnly
	})
}

// sample sends a later round.
func (s *sampler) sample(sub *subscriber) error {
	now := sub.now()
	s.round++
	suppress := s.suppress
	if s.heartbeat > 0 && !now.Before(s.beat) {
		suppress = false
		s.beat = now.Add(s.heartbeat)
	}
	err := sub.sendCurrent(s.patterns, s.content, func(p schema.Path, v schema.Value) bool {
		if s.repeats {
			return true
		}
		last, known := s.note(p, v)
		return !suppress && !v.Bulky() || !known || !last.value.Equal(v)
	})
	if err != nil {
		return err
	}
	// A round that took longer than the interval costs the rounds in between:
	// a slow reader gets fewer samples, never a backlog.
	s.due = s.due.Add(s.every)
	if after := sub.now(); s.due.Before(after) {
		s.due = after.Add(s.every)
	}
	return s.sendGone(sub)
}

// note remembers a leaf of this round, and returns what was known of it.
func (s *sampler) note(p schema.Path, v schema.Value) (sample, bool) {
	h := p.Hash()
	last, known := s.sent[h]
	next := sample{path: p, round: s.round}
	if s.suppress || v.Bulky() {
		next.value = v
	}
	s.sent[h] = next
	return last, known
}

// sendGone sends a delete for each leaf that was sent in an earlier round and
// is no longer there.
func (s *sampler) sendGone(sub *subscriber) error {
	b := bundle{sub: sub, at: sub.now().UnixNano()}
	for h, last := range s.sent {
		if last.round == s.round {
			continue
		}
		delete(s.sent, h)
		unit, _ := sub.tree.schema.Unit(last.path)
		b.remove(unit, []schema.Path{last.path})
	}
	return b.flush()
}
