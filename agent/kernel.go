package agent

import (
	"log/slog"
	"sync"
	"time"

	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/dataplane/probe"
)

// freshness is how old the kernel's counters may be when somebody reads the
// state of many objects one by one.
const freshness = 200 * time.Millisecond

// kernel reads the engine's counters for the state.
type kernel struct {
	engine *probe.Engine
	log    *slog.Logger

	mu   sync.Mutex
	read time.Time
	born births
	view kernelView
}

// kernelView is what the kernel had counted at one moment.
type kernelView struct {
	points   map[plan.PointID]probe.PointCounters
	policies map[uint32]probe.PolicyCounters  // summed over points
	triggers map[uint32]probe.TriggerCounters // summed over a policy's triggers
	// perTrigger are the same of each trigger.
	perTrigger []probe.TriggerCounters
	drops      probe.DropCounters
	programs   []probe.ProgramState
}

// now returns a recent view, which must not be changed.
func (k *kernel) now() kernelView {
	k.mu.Lock()
	defer k.mu.Unlock()
	if time.Since(k.read) < freshness {
		return k.view
	}
	view, err := k.look()
	if err != nil {
		// What was read last is still true, though old.
		k.log.Warn("kernel counters could not be read", "error", err)
		return k.view
	}
	k.view, k.read = view, time.Now()
	return view
}

// forget makes the next reading a new one, because probes have changed.
func (k *kernel) forget() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.read = time.Time{}
}

func (k *kernel) look() (kernelView, error) {
	view := kernelView{
		points:   make(map[plan.PointID]probe.PointCounters),
		policies: make(map[uint32]probe.PolicyCounters),
		triggers: make(map[uint32]probe.TriggerCounters),
	}
	points, err := k.engine.PointCounters()
	if err != nil {
		return view, err
	}
	for _, c := range points {
		view.points[c.Point] = c
	}
	policies, err := k.engine.PolicyCounters()
	if err != nil {
		return view, err
	}
	for _, c := range policies {
		sum := view.policies[c.Policy]
		addCounters(&sum, &c)
		view.policies[c.Policy] = sum
	}
	triggers, err := k.engine.TriggerCounters()
	if err != nil {
		return view, err
	}
	view.perTrigger = triggers
	if view.drops, err = k.engine.DropCounters(); err != nil {
		return view, err
	}
	for _, c := range triggers {
		sum := view.triggers[c.Policy]
		sum.Events += c.Events
		sum.Suppressed += c.Suppressed
		sum.Lost += c.Lost
		sum.Refused += c.Refused
		view.triggers[c.Policy] = sum
	}
	if view.programs, err = k.engine.Programs(); err != nil {
		return view, err
	}
	k.born = k.born.keep(view.programs)
	return view, nil
}

// lost is the number of samples that found a ring buffer full.
func (v *kernelView) lost() (n uint64) {
	for _, p := range v.policies {
		n += p.PostcardsLost
	}
	for _, t := range v.triggers {
		n += t.Lost
	}
	return n
}

func addCounters(sum, c *probe.PolicyCounters) {
	sum.Observed += c.Observed
	sum.Selected += c.Selected
	sum.Limited += c.Limited
	sum.Refused += c.Refused
	sum.Marked += c.Marked
	sum.NoMark += c.NoMark
	sum.NoPacketID += c.NoPacketID
	sum.LeaseExpired += c.LeaseExpired
	sum.Postcards += c.Postcards
	sum.PostcardsSuppressed += c.PostcardsSuppressed
	sum.PostcardsLost += c.PostcardsLost
	sum.TCP.Add(&c.TCP)
	sum.NoHash += c.NoHash
	sum.NoHashSegments += c.NoHashSegments
	sum.FlowsRefused += c.FlowsRefused
}
