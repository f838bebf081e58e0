package agent

import (
	"sync"
	"time"

	"github.com/openifit/openifit/agent/export"
	"github.com/openifit/openifit/dataplane/probe"
)

// costs reads the counters that telemetry overhead is computed from.
type costs struct {
	exporter *export.Process
	current  func() *applied
	kernel   *kernel
	counters *counters

	// seen is what was known of each program, and total of all that ever ran.
	seen  map[uint32]ran
	total ran
}

// ran is how long and how often programs ran.
type ran struct {
	time time.Duration
	runs uint64
}

// add counts what programs did since the last time. A program that was
// replaced takes its numbers with it.
func (c *costs) add(programs []probe.ProgramState) {
	now := make(map[uint32]ran, len(programs))
	for i := range programs {
		p := &programs[i]
		had := c.seen[p.ID]
		now[p.ID] = ran{p.RunTime, p.RunCount}
		c.total.time += max(p.RunTime-had.time, 0)
		c.total.runs += max(p.RunCount, had.runs) - had.runs
	}
	c.seen = now
}

func (c *costs) read(out *spent) {
	out.octets, out.records = c.exporter.Sent()
	view := c.kernel.now()
	c.add(view.programs)
	out.inPrograms, out.runs = c.total.time, c.total.runs
	if octets, err := c.kernel.engine.MapBytes(); err == nil {
		out.mapBytes = octets
	}
	now := c.current()
	if now != nil && now.result.Limits.CPUPercent > 0 {
		if packets, err := readPackets(); err == nil {
			out.packets = packets
		}
	}
	if now != nil {
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
