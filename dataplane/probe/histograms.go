package probe

import (
	"errors"
	"fmt"
	"maps"

	"github.com/cilium/ebpf"

	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/gen/bpf/point"
	"github.com/openifit/openifit/gen/bpf/xmit"
)

// Names of the two tables of histograms, which take turns.
const (
	pinHistograms0 = "histograms0"
	pinHistograms1 = "histograms1"
)

// histogramSpecs are the maps of histograms that the node shares.
func histogramSpecs(points, transmit *ebpf.CollectionSpec) map[string]*ebpf.MapSpec {
	table := transmit.Maps[xmit.BPFMapHistogramTable].Copy()
	outer := transmit.Maps[xmit.BPFMapHistogramTables].Copy()
	outer.InnerMap = table
	return map[string]*ebpf.MapSpec{
		point.BPFMapNotes: points.Maps[point.BPFMapNotes],
		pinHistograms0:    table, pinHistograms1: table, xmit.BPFMapHistogramTables: outer,
		xmit.BPFMapHistogramPolicies: transmit.Maps[xmit.BPFMapHistogramPolicies],
		xmit.BPFMapHistogramCounters: transmit.Maps[xmit.BPFMapHistogramCounters],
		xmit.BPFMapHistogramPoints:   transmit.Maps[xmit.BPFMapHistogramPoints],
	}
}

// histogramNumbers are the places of policies with histograms, by policy.
type histogramNumbers struct {
	of map[uint32]uint32
	// next is where the search for a free place begins, so that a place stays
	// empty as long as possible: flows may still be noted under it.
	next uint32
}

var errHistograms = errors.New("no place for another policy with histograms before the replaced ones are gone")

// assign finds places for the policies of a plan; those that stay keep theirs.
func (n histogramNumbers) assign(p *plan.Plan) (histogramNumbers, error) {
	taken := make(map[uint32]bool, len(n.of))
	for _, number := range n.of {
		taken[number] = true
	}
	out := histogramNumbers{of: make(map[uint32]uint32), next: n.next}
	for policy := range histogramPolicies(p) {
		if _, ok := out.of[policy.ID]; ok {
			continue
		}
		number, ok := n.of[policy.ID]
		if !ok {
			if number, ok = free(taken, out.next); !ok {
				return out, errHistograms
			}
			out.next = number + 1
		}
		taken[number] = true
		out.of[policy.ID] = number
	}
	return out, nil
}

// slots tells the program of a point the numbers of its policies.
func (n histogramNumbers) slots(p *plan.Point, c *point.BPFIfitPoint) {
	for slot := range p.Policies {
		if policy := &p.Policies[slot]; policy.Actions&plan.ActHistograms != 0 {
			c.HistogramMask |= 1 << slot
			c.SlotHistogram[slot] = uint8(n.of[policy.ID])
			c.Features |= uint32(point.BPFIfitFeatureIFIT_FEATURE_HISTOGRAM)
		}
	}
}

// histogramPolicies yields the parts of policies with histograms, and where.
func histogramPolicies(p *plan.Plan) func(yield func(*plan.Policy, plan.PointID) bool) {
	return func(yield func(*plan.Policy, plan.PointID) bool) {
		for i := range p.Points {
			for j := range p.Points[i].Policies {
				policy := &p.Points[i].Policies[j]
				if policy.Actions&plan.ActHistograms != 0 && !yield(policy, p.Points[i].ID) {
					return
				}
			}
		}
	}
}

// counting is all that histograms need in the kernel beside programs of points.
type counting struct {
	numbers  histogramNumbers
	policies map[uint32]xmit.BPFIfitHistogramPolicy // by number
	points   map[uint32]uint32                      // metrics by interface
}

// countingFor is what a plan needs.
func countingFor(p *plan.Plan, numbers histogramNumbers) counting {
	c := counting{numbers: numbers, policies: make(map[uint32]xmit.BPFIfitHistogramPolicy), points: make(map[uint32]uint32)}
	for policy, at := range histogramPolicies(p) {
		made := newHistogramPolicy(policy)
		c.policies[numbers.of[policy.ID]] = made
		c.points[at.Ifindex] |= uint32(made.Metrics)
	}
	return c
}

func newHistogramPolicy(policy *plan.Policy) xmit.BPFIfitHistogramPolicy {
	out := xmit.BPFIfitHistogramPolicy{
		Policy: policy.ID, Generation: policy.Generation, Fields: uint32(policy.Keys & plan.HistogramKeys),
	}
	if policy.Actions&plan.ActDelayHistogram != 0 {
		out.Metrics |= xmit.BPFIfitHistogramMetricIFIT_HISTOGRAM_DELAY
	}
	if policy.Actions&plan.ActQueueHistogram != 0 {
		out.Metrics |= xmit.BPFIfitHistogramMetricIFIT_HISTOGRAM_QUEUE
	}
	for _, flag := range []struct {
		set bool
		to  *uint8
	}{{policy.ByIngress, &out.ByIngress}, {policy.ByEgress, &out.ByEgress}, {policy.Local, &out.Local}} {
		if flag.set {
			*flag.to = 1
		}
	}
	return out
}

// bits is the set of the policies' numbers.
func (c *counting) bits() (bits uint64) {
	for number := range c.policies {
		bits |= 1 << number
	}
	return bits
}

// union is what two plans need.
func (c counting) union(next counting) counting {
	out := counting{numbers: next.numbers, policies: maps.Clone(c.policies), points: maps.Clone(c.points)}
	maps.Copy(out.policies, next.policies)
	for ifindex, metrics := range next.points {
		out.points[ifindex] |= metrics
	}
	return out
}

// putCounting writes policies and interfaces, and empties the places of
// others.
func (n *node) putCounting(want counting) error {
	for number := range n.counting.policies {
		if _, ok := want.policies[number]; ok {
			continue
		}
		if err := n.maps[xmit.BPFMapHistogramPolicies].Put(number, xmit.BPFIfitHistogramPolicy{}); err != nil {
			return fmt.Errorf("remove histograms of place %d: %w", number, err)
		}
	}
	for number, policy := range want.policies {
		if err := n.maps[xmit.BPFMapHistogramPolicies].Put(number, policy); err != nil {
			return fmt.Errorf("write histograms of place %d: %w", number, err)
		}
	}
	points := n.maps[xmit.BPFMapHistogramPoints]
	for ifindex := range n.counting.points {
		if _, ok := want.points[ifindex]; ok {
			continue
		}
		if err := points.Delete(ifindex); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			return fmt.Errorf("measure interface %d no more: %w", ifindex, err)
		}
	}
	for ifindex, metrics := range want.points {
		if err := points.Put(ifindex, metrics); err != nil {
			return fmt.Errorf("measure interface %d: %w", ifindex, err)
		}
	}
	n.counting = want
	return nil
}

// clearHistogramCounters zeroes the counters of policies that are new.
func (n *node) clearHistogramCounters(have, want histogramNumbers) error {
	cpus, err := possibleCPUs()
	if err != nil {
		return err
	}
	for policy, number := range want.of {
		if had, ok := have.of[policy]; ok && had == number {
			continue
		}
		zero := make([]xmit.BPFIfitHistogramCounters, cpus)
		if err := n.maps[xmit.BPFMapHistogramCounters].Put(number, zero); err != nil {
			return fmt.Errorf("clear counters of place %d: %w", number, err)
		}
	}
	return nil
}

// openHistograms takes over what another process left, and puts a table into
// use where there is none.
func (n *node) openHistograms() error {
	c := counting{
		numbers:  histogramNumbers{of: make(map[uint32]uint32)},
		policies: make(map[uint32]xmit.BPFIfitHistogramPolicy), points: make(map[uint32]uint32),
	}
	for number := range uint32(plan.MaxHistograms) {
		var policy xmit.BPFIfitHistogramPolicy
		if err := n.maps[xmit.BPFMapHistogramPolicies].Lookup(number, &policy); err != nil {
			return fmt.Errorf("read histograms of place %d: %w", number, err)
		}
		if policy.Policy != 0 {
			c.numbers.of[policy.Policy] = number
			c.numbers.next = number + 1
			c.policies[number] = policy
		}
	}
	var ifindex, metrics uint32
	it := n.maps[xmit.BPFMapHistogramPoints].Iterate()
	for it.Next(&ifindex, &metrics) {
		c.points[ifindex] = metrics
	}
	if err := it.Err(); err != nil {
		return fmt.Errorf("read measured interfaces: %w", err)
	}
	n.counting = c
	return n.openHistogramTables()
}

func (n *node) openHistogramTables() error {
	var inUse ebpf.MapID
	outer := n.maps[xmit.BPFMapHistogramTables]
	err := outer.Lookup(uint32(0), &inUse)
	if errors.Is(err, ebpf.ErrKeyNotExist) {
		if err := outer.Put(uint32(0), n.maps[pinHistograms0]); err != nil {
			return fmt.Errorf("install table of histograms: %w", err)
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("find table of histograms in use: %w", err)
	}
	info, err := n.maps[pinHistograms1].Info()
	if err != nil {
		return fmt.Errorf("inspect table of histograms: %w", err)
	}
	if id, ok := info.ID(); ok && id == inUse {
		n.histogramTable = 1
	}
	return nil
}
