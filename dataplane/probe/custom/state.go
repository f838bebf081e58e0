package custom

import (
	"cmp"
	"slices"

	"github.com/openifit/openifit/dataplane/plan"
)

// States describes all instances, sorted by policy.
func (m *Manager) States() []State {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := make([]State, 0, len(m.running))
	for _, r := range m.running {
		out = append(out, r.state(m))
	}
	slices.SortFunc(out, func(a, b State) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

func (r *running) state(m *Manager) State {
	used := r.usage.total(r.loaded)
	s := State{Instance: r.Instance, Excess: r.excess, RunTime: used.time, Runs: used.runs}
	for p := range r.links {
		s.Attached = append(s.Attached, p)
	}
	slices.SortFunc(s.Attached, plan.PointID.Compare)
	if r.loaded != nil {
		s.LoadedAt = r.since
		s.Verified = max(r.verified[0], r.verified[1])
		for _, p := range r.programs {
			if p == nil {
				continue
			}
			if info, err := p.Info(); err == nil {
				if id, ok := info.ID(); ok {
					s.Programs = append(s.Programs, uint32(id))
				}
			}
		}
		s.Lost = r.lost()
	}
	if sums, err := r.sums(); err == nil {
		s.Counters = sums
	} else {
		m.cfg.Log.Warn("read counters of probe", "probe", r.Probe, "error", err)
	}
	if r.reader != nil {
		s.Records, s.Malformed = r.reader.records.Load(), r.reader.malformed.Load()
		s.LastRecord = r.reader.latest()
	}
	return s
}
