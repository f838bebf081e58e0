package source

import (
	"cmp"
	"math"
	"slices"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/gen/bpf/point"
)

// atMost returns the octets that a flow can have at most, by its cells.
func atMost(s *point.BPFIfitSketch, hash uint64) uint64 {
	step := uint32(hash>>32) | 1
	least := uint32(math.MaxUint32)
	for row := range uint32(len(s.Cell)) {
		at := (uint32(hash) + row*step) % uint32(len(s.Cell[row]))
		least = min(least, s.Cell[row][at])
	}
	return uint64(least)
}

// heavy is a flow that some CPU has listed.
type heavy struct {
	id point.BPFIfitFlowId
	// octets are estimated. Of them, counted ones were counted exactly, in
	// packets.
	octets, counted, packets uint64
	// listed is the set of CPUs that have listed the flow.
	listed map[int]bool
}

// contenders is how many flows for each one asked for are looked at closely.
const contenders = 8

// tally merges what the CPUs counted at one point. Its estimates are never
// too small, but for cells that are full at 4 GiB.
func tally(cpus []point.BPFIfitSketch, seed uint64, k int) []*heavy {
	flows := make(map[point.BPFIfitFlowId]*heavy)
	for cpu := range cpus {
		for i := range cpus[cpu].Place {
			p := &cpus[cpu].Place[i]
			if p.Tag == 0 {
				continue
			}
			h := flows[p.Id]
			if h == nil {
				h = &heavy{id: p.Id, listed: make(map[int]bool)}
				flows[p.Id] = h
			}
			h.octets += p.Octets
			h.counted += p.Counted
			h.packets += p.Packets
			h.listed[cpu] = true
		}
	}
	out := make([]*heavy, 0, len(flows))
	for _, h := range flows {
		out = append(out, h)
	}
	out = largest(out, contenders*k)
	for _, h := range out {
		hash := hashFlow(&h.id, seed)
		for cpu := range cpus {
			// A CPU that has not listed the flow may have seen some of it.
			if !h.listed[cpu] {
				h.octets += atMost(&cpus[cpu], hash)
			}
		}
	}
	return out
}

// largest keeps the k largest flows, in order.
func largest(flows []*heavy, k int) []*heavy {
	slices.SortFunc(flows, func(a, b *heavy) int { return cmp.Compare(b.octets, a.octets) })
	return flows[:min(k, len(flows))]
}

// merge adds up the flows of several points.
func merge(all, more []*heavy) []*heavy {
	for _, h := range more {
		i := slices.IndexFunc(all, func(a *heavy) bool { return a.id == h.id })
		if i < 0 {
			all = append(all, h)
			continue
		}
		all[i].octets += h.octets
		all[i].counted += h.counted
		all[i].packets += h.packets
	}
	return all
}

// rank makes the list of an epoch.
func rank(flows []*heavy, k int, policy flow.PolicyRef, start, end int64) []flow.HeavyFlow {
	out := make([]flow.HeavyFlow, 0, k)
	for i, h := range largest(flows, k) {
		out = append(out, flow.HeavyFlow{
			ID: ID(&h.id), Policy: policy, Rank: uint32(i) + 1,
			Octets: h.octets, Packets: h.scaledPackets(),
			Start: start, End: end,
		})
	}
	return out
}

// scaledPackets assumes that the packets before the flow was listed were of
// the same size.
func (h *heavy) scaledPackets() uint64 {
	if h.counted == 0 {
		return h.packets
	}
	return uint64(math.Round(float64(h.packets) * float64(h.octets) / float64(h.counted)))
}
