package export

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/openifit/openifit/proto/ipfix"
	"github.com/openifit/openifit/proto/ipfix/records"
)

// SessionState is the state of the session with a collector.
type SessionState uint8

// States of a session.
const (
	// Idle: no policy uses the collector.
	Idle SessionState = iota
	// Connecting: a session is being set up.
	Connecting
	// Established: the last Message was sent.
	Established
	// BackingOff: the last attempt failed, the next one waits.
	BackingOff
)

// CollectorState is the operational state of a collector.
type CollectorState struct {
	Collector Collector
	State     SessionState
	// Messages and Octets of Messages sent, with DataRecords in them; options
	// records are among them.
	Messages, Octets, DataRecords uint64
	// Dropped records were queued or in a Message that could not be sent.
	Dropped uint64
	// Queued records wait.
	Queued uint64
	// Reconnects counts how often the collector was found again.
	Reconnects uint64
	LastError  string
}

// sessionCounters may be read by any goroutine.
type sessionCounters struct {
	messages, octets, records, dropped, reconnects atomic.Uint64
	state                                          atomic.Uint32

	mu        sync.Mutex
	lastError string
	lost      records.ExporterReliability
}

func (c *sessionCounters) set(s SessionState) { c.state.Store(uint32(s)) }

// sent counts Messages that left.
func (c *sessionCounters) sent(f *flight) {
	c.set(Established)
	c.messages.Add(f.messages)
	c.octets.Add(f.octets)
	c.records.Add(f.records)
}

// notSent sums up Flow Records that will never be sent.
func (c *sessionCounters) notSent(f *records.Flow) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lost.NotSentFlows++
	c.lost.NotSentPackets += f.Packets
	c.lost.NotSentOctets += f.Octets
	c.lost.Last = ipfix.UnixNano(time.Now().UnixNano())
	if c.lost.First == 0 {
		c.lost.First = c.lost.Last
	}
}

func (c *sessionCounters) reliability() records.ExporterReliability {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := c.lost
	out.ExportingProcess = exportingProcess
	return out
}

// note remembers the last failure for the state.
func (s *session) note(err error) {
	s.counters.mu.Lock()
	defer s.counters.mu.Unlock()
	s.counters.lastError = err.Error()
}

// state reads the counters.
func (s *session) state() CollectorState {
	c := &s.counters
	out := CollectorState{
		Collector: s.collector, State: SessionState(c.state.Load()),
		Messages: c.messages.Load(), Octets: c.octets.Load(), DataRecords: c.records.Load(),
		Dropped: c.dropped.Load(), Reconnects: c.reconnects.Load(),
	}
	c.mu.Lock()
	out.LastError = c.lastError
	c.mu.Unlock()
	s.mu.Lock()
	out.Queued = uint64(s.events.ring.n + s.heavy.ring.n + s.flows.ring.n + s.postcards.ring.n + s.health.ring.n + s.histogram.ring.n +
		s.drops.ring.n + s.culprits.ring.n)
	s.mu.Unlock()
	return out
}
