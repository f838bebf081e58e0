package agent

import (
	"context"
	"encoding/binary"
	"hash/fnv"
	"maps"
	"sync"

	"github.com/openifit/openifit/agent/compile"
	"github.com/openifit/openifit/agent/export"
	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/dataplane/source"
	"github.com/openifit/openifit/gen/yang"
)

// heavyFlows takes the lists of sketches, leaves out what lies below a
// policy's floor, and remembers since when a flow has been heavy.
type heavyFlows struct {
	sketches *source.Sketches
	current  func() *applied
	exporter *export.Process

	mu sync.Mutex
	// since is the start of the first epoch in a row in which a flow was
	// heavy, by policy number.
	since map[uint32]map[flow.ID]int64
}

func newHeavyFlows(s *source.Sketches, current func() *applied, e *export.Process) *heavyFlows {
	return &heavyFlows{sketches: s, current: current, exporter: e, since: make(map[uint32]map[flow.ID]int64)}
}

// String names the task.
func (h *heavyFlows) String() string { return "heavy flows" }

// Run ends epochs until ctx ends.
func (h *heavyFlows) Run(ctx context.Context) error { return h.sketches.Run(ctx, h.take) }

// take exports an epoch.
func (h *heavyFlows) take(e *flow.Epoch) {
	now := h.current()
	if now == nil {
		return
	}
	h.forget(numbers(now.snapshot))
	for i := range now.result.Policies {
		if p := &now.result.Policies[i]; p.ID == e.Policy.ID {
			out := *e
			out.Heavy = above(p, e.Heavy)
			h.remember(p.ID, out.Heavy)
			h.exporter.Epoch(&out)
		}
	}
}

// above returns the flows that reach the policy's floor; the list is by rank.
func above(p *compile.Policy, list []flow.HeavyFlow) []flow.HeavyFlow {
	if p.SketchFloor == 0 {
		return list
	}
	for i := range list {
		if perSecond(&list[i]) < p.SketchFloor {
			return list[:i]
		}
	}
	return list
}

func perSecond(f *flow.HeavyFlow) uint64 {
	if f.End <= f.Start {
		return 0
	}
	return uint64(float64(f.Octets) * 1e9 / float64(f.End-f.Start))
}

func (h *heavyFlows) remember(policy uint32, list []flow.HeavyFlow) {
	h.mu.Lock()
	defer h.mu.Unlock()
	before, now := h.since[policy], make(map[flow.ID]int64, len(list))
	for i := range list {
		since, known := before[list[i].ID]
		if !known {
			since = list[i].Start
		}
		now[list[i].ID] = since
	}
	h.since[policy] = now
}

// forget drops what is remembered for policies that are gone.
func (h *heavyFlows) forget(policies map[uint32]bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	maps.DeleteFunc(h.since, func(id uint32, _ map[flow.ID]int64) bool { return !policies[id] })
}

// show writes the last epoch into the state of a policy.
func (h *heavyFlows) show(p *compile.Policy, s *yang.Policy_State) {
	epoch, err := h.sketches.Read(p.ID)
	if err != nil {
		return // No epoch has ended yet.
	}
	if d := epoch.Distinct; d != nil {
		s.Distinct = &yang.Policy_State_Distinct{
			Flows: &d.Flows, Sources: &d.Sources, Destinations: &d.Destinations,
			Start: ptr(uint64(epoch.Start)), End: ptr(uint64(epoch.End)),
		}
	}
	showSpreaders(epoch, s)
	if p.Sketch.Parts&plan.SketchHeavy == 0 {
		return
	}
	list := epoch.Heavy
	h.mu.Lock()
	since := h.since[p.ID]
	h.mu.Unlock()
	out := s.GetOrCreateHeavyFlows()
	out.HeavyFlow = make(map[uint64]*yang.Policy_State_HeavyFlow, len(list))
	for _, f := range above(p, list) {
		entry := &yang.Policy_State_HeavyFlow{
			FlowId: ptr(flowID(&f.ID)), Rank: ptr(f.Rank), Octets: ptr(f.Octets), Packets: ptr(f.Packets),
			OctetsPerSecond: ptr(perSecond(&f)),
			SourceAddress:   ptr(f.ID.Source.String()), DestinationAddress: ptr(f.ID.Destination.String()),
			Protocol:   ptr(f.ID.Protocol),
			SourcePort: ptr(f.ID.SourcePort), DestinationPort: ptr(f.ID.DestinationPort),
			LastSeen: ptr(uint64(f.End)),
		}
		if first, ok := since[f.ID]; ok {
			entry.FirstSeen = ptr(uint64(first))
		}
		out.HeavyFlow[*entry.FlowId] = entry
	}
}

func showSpreaders(e *flow.Epoch, s *yang.Policy_State) {
	if len(e.Spreaders) == 0 {
		return
	}
	out := s.GetOrCreateSpreaders()
	out.Spreader = make(map[string]*yang.Policy_State_Spreader, len(e.Spreaders))
	for _, x := range e.Spreaders {
		entry := &yang.Policy_State_Spreader{
			SourceAddress: ptr(x.Source.String()), Rank: ptr(x.Rank), Destinations: ptr(x.Destinations),
			LastSeen: ptr(uint64(e.End)),
		}
		out.Spreader[*entry.SourceAddress] = entry
	}
}

// flowID is the same for a flow on every node and at all times.
func flowID(id *flow.ID) uint64 {
	h := fnv.New64a()
	source, destination := id.Source.As16(), id.Destination.As16()
	_, _ = h.Write(source[:])
	_, _ = h.Write(destination[:])
	ports := binary.BigEndian.AppendUint16(nil, id.SourcePort)
	ports = binary.BigEndian.AppendUint16(ports, id.DestinationPort)
	_, _ = h.Write(append(ports, id.Protocol))
	return h.Sum64()
}
