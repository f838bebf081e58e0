package custom

import (
	"fmt"
	"time"

	"github.com/cilium/ebpf"

	"github.com/openifit/openifit/dataplane/plan"
)

// spent is what programs have used up.
type spent struct {
	time time.Duration
	runs uint64
}

// usage is what an instance has used up, predecessors of its programs
// included, and when that was looked at last.
type usage struct {
	before, last spent
	at           time.Time
}

// total adds up what the programs of an instance have used.
func (u *usage) total(l *loaded) spent {
	now := l.spent()
	return spent{u.before.time + now.time, u.before.runs + now.runs}
}

func (l *loaded) spent() (sum spent) {
	if l == nil {
		return sum
	}
	for _, p := range l.programs {
		if p == nil {
			continue
		}
		if s, err := p.Stats(); err == nil {
			sum.time += s.Runtime
			sum.runs += s.RunCount
		}
	}
	return sum
}

// leastRuns is how many packets a mean is taken of.
const leastRuns = 256

// Excess says by how much an instance was too expensive.
type Excess struct {
	// PerPacket is the mean over Packets, CPU the share of one CPU.
	PerPacket time.Duration
	Packets   uint64
	CPU       float64
	// OfPacket: the time for a packet was too long, else the share of the CPU.
	OfPacket bool
	Budget   Budget
	At       time.Time
}

// String tells it in one sentence.
func (e *Excess) String() string {
	if e.OfPacket {
		return fmt.Sprintf("detached: %d ns per packet over %d packets, the budget is %d ns", e.PerPacket.Nanoseconds(), e.Packets, e.Budget.PerPacket.Nanoseconds())
	}
	return fmt.Sprintf("detached: %.1f per cent of a CPU over %d packets, the budget is %.1f per cent", 100*e.CPU, e.Packets, 100*e.Budget.CPU)
}

// look compares what was used since the last look with the budget.
func (u *usage) look(l *loaded, b Budget, now time.Time) *Excess {
	used := l.spent()
	if u.at.IsZero() {
		u.last, u.at = used, now
		return nil
	}
	runs, spent, elapsed := used.runs-u.last.runs, used.time-u.last.time, now.Sub(u.at)
	if elapsed <= 0 {
		return nil
	}
	e := &Excess{Packets: runs, CPU: spent.Seconds() / elapsed.Seconds(), Budget: b, At: now}
	if runs > 0 {
		e.PerPacket = spent / time.Duration(runs)
	}
	e.OfPacket = b.PerPacket > 0 && runs >= leastRuns && e.PerPacket > b.PerPacket
	if runs >= leastRuns || elapsed >= time.Second {
		u.last, u.at = used, now
	}
	if e.OfPacket || b.CPU > 0 && runs >= leastRuns && e.CPU > b.CPU {
		return e
	}
	return nil
}

// watch detaches what has become too expensive; everything else goes on.
func (m *Manager) watch(now time.Time) {
	type tripped struct {
		instance Instance
		excess   Excess
	}
	var all []tripped
	m.mu.Lock()
	for _, r := range m.running {
		if r.excess != nil || len(r.links) == 0 {
			continue
		}
		e := r.usage.look(r.loaded, r.Budget, now)
		if e == nil {
			continue
		}
		r.excess = e
		for p, l := range r.links {
			if err := detach(l); err != nil {
				m.cfg.Log.Warn("detach probe", "probe", r.Probe, "point", p, "error", err)
			}
		}
		clear(r.links)
		if err := r.silence(); err != nil {
			m.cfg.Log.Warn("forget the last answer", "probe", r.Probe, "error", err)
		}
		// A change that was prepared before would swap links that are gone.
		m.version++
		all = append(all, tripped{r.Instance, *e})
	}
	m.mu.Unlock()
	for i := range all {
		m.cfg.Log.Warn("probe exceeds its budget", "policy", all[i].instance.Policy, "probe", all[i].instance.Probe, "reason", all[i].excess.String())
		m.cfg.Exceeded(all[i].instance, all[i].excess)
	}
}

// silence takes back answers for which no postcard has come.
func (r *running) silence() error {
	if r.Answers == nil {
		return nil
	}
	cpus, err := ebpf.PossibleCPU()
	if err != nil {
		return err
	}
	return r.Answers.Put(uint32(0), make([][2]uint64, cpus))
}

// State is what an instance does and costs.
type State struct {
	Instance
	// Attached are the points where it runs now.
	Attached []plan.PointID
	Excess   *Excess
	// RunTime and Runs include predecessors since the policy began.
	RunTime time.Duration
	Runs    uint64
	// Verified are the instructions that the verifier walked, the most of all
	// its programs.
	Verified uint32
	Programs []uint32
	LoadedAt time.Time
	// Records were read, Lost found no room, Malformed were too short.
	Records, Lost, Malformed uint64
	// Counters are the sums of Object.Counters' fields, in their order.
	Counters []uint64
	// LastRecord is the latest record in the form of Object.Record, nil before
	// the first one.
	LastRecord []byte
}
