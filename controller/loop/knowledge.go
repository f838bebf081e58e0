package loop

import (
	"slices"
	"sync"
	"time"

	"github.com/openifit/openifit/controller/analyze"
	"github.com/openifit/openifit/controller/collect"
)

const (
	// shortestInterval and silentAfter are those of measurements of load, which
	// come about every second.
	shortestInterval = 500 * time.Millisecond
	silentAfter      = 4 * time.Second
	// maxConditions bounds those that hold at a time, so that a decision with
	// all of them as its cause still fits into a line of the decision log.
	maxConditions = 1024
)

// knowledge is what the loops decide on: all of it came over gNMI.
type knowledge struct {
	// metrics are those that a loop acts on. Others hold no condition: new
	// flows, which any sender can make, must not take the room of what matters.
	metrics map[string]bool

	mu         sync.Mutex
	conditions *analyze.Conditions
	load       *analyze.Load
	// heavy holds the heavy flows by their sketch policy.
	heavy map[string]*analyze.Heavy
	// reports counts the reports of heavy flows, so that a loop sees whether
	// there is news.
	reports map[string]uint64
}

func newKnowledge(loops []Spec) *knowledge {
	metrics := make(map[string]bool)
	for _, l := range loops {
		if l.Sampling == nil {
			continue
		}
		for _, m := range l.Sampling.Metrics {
			metrics[m] = true
		}
	}
	return &knowledge{
		metrics:    metrics,
		conditions: analyze.NewConditions(analyze.ConditionConfig{Max: maxConditions}),
		load:       analyze.NewLoad(shortestInterval, silentAfter),
		heavy:      make(map[string]*analyze.Heavy),
		reports:    make(map[string]uint64),
	}
}

// take takes a report in. By is what is known of the trigger of an event.
func (k *knowledge) take(r collect.Report, by analyze.Trigger, now time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case r.Event != nil:
		if k.metrics[r.Event.Metric] {
			k.conditions.Observe(now.UnixNano(), r.Event, by)
		}
	case r.Counters != nil:
		k.load.Observe(*r.Counters)
	case r.Heavy != nil:
		h := k.heavy[r.Heavy.Policy]
		if h == nil {
			h = analyze.NewHeavy(silentAfter)
			k.heavy[r.Heavy.Policy] = h
		}
		h.Observe(*r.Heavy)
		k.reports[r.Heavy.Policy]++
	case r.Down:
		// Nobody would report the end of what the node began.
		k.conditions.Forget(r.Node)
		k.load.Forget(r.Node)
		for _, h := range k.heavy {
			h.Forget(r.Node)
		}
	}
}

// active returns the conditions of some metrics that hold.
func (k *knowledge) active(now time.Time, metrics []string) []analyze.Condition {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.DeleteFunc(k.conditions.Active(now.UnixNano()), func(c analyze.Condition) bool {
		return !slices.Contains(metrics, c.Metric)
	})
}

func (k *knowledge) rates(now time.Time) (analyze.Rates, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.load.Rates(now.UnixNano())
}

// heavyFlows returns the flows that a sketch found, and the number of reports
// so far; ok is false when there is no fresh report.
func (k *knowledge) heavyFlows(sketch string, now time.Time) (flows []analyze.FlowRate, reports uint64, ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	h := k.heavy[sketch]
	if h == nil {
		return nil, 0, false
	}
	flows, ok = h.Flows(now.UnixNano())
	return flows, k.reports[sketch], ok
}

// stale counts what was ignored because it belongs to an older generation.
func (k *knowledge) stale() uint64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	n := k.conditions.Counters().Stale
	for _, h := range k.heavy {
		n += h.Stale
	}
	return n
}

// nodeRates returns the export of each node, for those who watch.
func (k *knowledge) nodeRates(now time.Time) map[string]float64 {
	rates, _ := k.rates(now)
	out := make(map[string]float64, len(rates.Nodes))
	for _, n := range rates.Nodes {
		out[n.Node] = n.OctetsPerSecond
	}
	return out
}
