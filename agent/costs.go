package agent

import (
	"sync"
	"time"

	"github.com/openifit/openifit/agent/export"
)

// costs reads the counters that telemetry overhead is computed from.
type costs struct {
	exporter *export.Process
	current  func() *applied
	kernel   *kernel
	counters *counters
}

func (c *costs) read(out *spent) {
	out.octets, out.records = c.exporter.Sent()
	view := c.kernel.now()
	for i := range view.programs {
		out.inPrograms += view.programs[i].RunTime
	}
	if now := c.current(); now != nil {
		for i := range now.result.Policies {
			p := &now.result.Policies[i]
			out.selected += selected(p, c.counters.of(p.ID), view.policies[p.ID].Selected)
		}
	}
	out.lost = view.lost()
}

// statistics tells collectors what the Metering Process counted and lost.
type statistics struct {
	current  func() *applied
	counters *counters
	kernel   *kernel

	mu          sync.Mutex
	ignored     uint64
	first, last int64
}

// span is the time between the first and the last loss, as well as looking now
// and then can tell.
func (s *statistics) span(ignored uint64) (first, last int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ignored > s.ignored {
		s.ignored, s.last = ignored, time.Now().UnixNano()
		if s.first == 0 {
			s.first = s.last
		}
	}
	return s.first, s.last
}

func (s *statistics) read() export.Statistics {
	var out export.Statistics
	view := s.kernel.now()
	for _, p := range view.points {
		out.InsertRefused += p.Refused
	}
	out.RingLost = view.lost()
	out.IgnoredPackets = out.InsertRefused + out.RingLost + s.counters.meter.Unknown()
	out.FirstIgnored, out.LastIgnored = s.span(out.IgnoredPackets)
	now := s.current()
	if now == nil {
		return out
	}
	for i := range now.result.Policies {
		p := &now.result.Policies[i]
		total := s.counters.of(p.ID)
		out.Selections = append(out.Selections, export.SelectionStatistics{
			Policy: p.ID, Observed: total.PacketsObserved,
			Selected: selected(p, total, view.policies[p.ID].Selected),
		})
	}
	return out
}
