package analyze

import (
	"slices"
	"time"

	"github.com/openifit/openifit/controller/measure"
)

// FlowRate is a flow and the largest rate that a node found for it.
type FlowRate struct {
	Flow            measure.Flow `json:"flow"`
	OctetsPerSecond uint64       `json:"octets-per-second"`
	Node            string       `json:"node"`
}

// Heavy joins the heavy flows that several nodes find with one sketch policy:
// a flow that crosses three heads is one flow. It is not safe for concurrent
// use.
type Heavy struct {
	stale  time.Duration
	latest map[string]measure.HeavyFlows
	// Stale counts reports of an older generation than one seen before.
	Stale uint64
}

// NewHeavy returns a Heavy that believes a report for the duration stale.
func NewHeavy(stale time.Duration) *Heavy {
	return &Heavy{stale: stale, latest: make(map[string]measure.HeavyFlows)}
}

// Observe takes one node's report in.
func (h *Heavy) Observe(r measure.HeavyFlows) {
	if last, ok := h.latest[r.Node]; ok && r.Generation < last.Generation {
		h.Stale++
		return
	}
	h.latest[r.Node] = r
}

// Forget drops a node's report.
func (h *Heavy) Forget(node string) { delete(h.latest, node) }

// Flows returns the flows of all fresh reports in a fixed order; ok is false
// when there is no fresh report, which says nothing about the flows.
func (h *Heavy) Flows(now int64) (flows []FlowRate, ok bool) {
	best := make(map[measure.Flow]FlowRate)
	for node, r := range h.latest {
		if now-r.Time > int64(h.stale) {
			continue
		}
		ok = true
		for _, f := range r.Flows {
			have, seen := best[f.Flow]
			if !seen || f.OctetsPerSecond > have.OctetsPerSecond ||
				f.OctetsPerSecond == have.OctetsPerSecond && node < have.Node {
				best[f.Flow] = FlowRate{f.Flow, f.OctetsPerSecond, node}
			}
		}
	}
	for _, f := range best {
		flows = append(flows, f)
	}
	slices.SortFunc(flows, func(a, b FlowRate) int { return a.Flow.Compare(b.Flow) })
	return flows, ok
}
