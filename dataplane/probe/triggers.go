package probe

import (
	"errors"
	"fmt"
	"maps"
	"math"

	"github.com/cilium/ebpf"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/gen/bpf/point"
	"github.com/openifit/openifit/gen/bpf/xmit"
)

// triggerName tells triggers apart as long as their number may stay: a
// program's constants say which numbers a policy has, not what they mean.
type triggerName struct {
	policy  uint32
	index   uint8
	metric  flow.Metric
	perFlow bool
}

// triggerNumbers are the triggers' places in the kernel.
type triggerNumbers struct {
	of map[triggerName]uint32
	// next is where the search for a free place begins, so that a place stays
	// empty as long as possible: flows may still be noted under it.
	next uint32
}

// readTriggers takes over the places that another process has assigned.
func readTriggers(m *ebpf.Map) (triggerNumbers, error) {
	n := triggerNumbers{of: make(map[triggerName]uint32)}
	for number := range uint32(plan.MaxTriggers) {
		var t point.BPFIfitTrigger
		if err := m.Lookup(number, &t); err != nil {
			return n, fmt.Errorf("read trigger %d: %w", number, err)
		}
		if t.Metric != 0 {
			n.of[triggerName{t.Policy, t.Index, flow.Metric(t.Metric), t.PerFlow != 0}] = number
			n.next = number + 1
		}
	}
	return n, nil
}

var errTriggers = errors.New("no place for another trigger before the replaced ones are gone")

// assign finds places for all triggers of a plan. Triggers that stay keep
// theirs; places of those that go are not used at once.
func (n triggerNumbers) assign(p *plan.Plan) (triggerNumbers, error) {
	taken := make(map[uint32]bool, len(n.of))
	for _, number := range n.of {
		taken[number] = true
	}
	out := triggerNumbers{of: make(map[triggerName]uint32), next: n.next}
	for policy := range eventPolicies(p) {
		for _, name := range namesOf(policy) {
			if _, ok := out.of[name]; ok {
				continue
			}
			if number, ok := n.of[name]; ok {
				out.of[name] = number
				continue
			}
			number, ok := free(taken, out.next)
			if !ok {
				return out, errTriggers
			}
			taken[number] = true
			out.of[name] = number
			out.next = number + 1
		}
	}
	return out, nil
}

func free(taken map[uint32]bool, from uint32) (uint32, bool) {
	for i := range uint32(plan.MaxTriggers) {
		if number := (from + i) % plan.MaxTriggers; !taken[number] {
			return number, true
		}
	}
	return 0, false
}

// namesOf lists what of a policy needs a place.
func namesOf(policy *plan.Policy) (names []triggerName) {
	for i := range policy.Triggers {
		names = append(names, nameTrigger(policy, i))
	}
	if recordsDrops(policy) {
		names = append(names, nameRecords(policy))
	}
	return names
}

func nameTrigger(policy *plan.Policy, index int) triggerName {
	t := &policy.Triggers[index]
	return triggerName{policy.ID, uint8(index), t.Metric, t.PerFlow}
}

// eventPolicies yields the parts of policies that watch, with their points.
func eventPolicies(p *plan.Plan) func(yield func(*plan.Policy, *plan.Point) bool) {
	return func(yield func(*plan.Policy, *plan.Point) bool) {
		for i := range p.Points {
			for j := range p.Points[i].Policies {
				policy := &p.Points[i].Policies[j]
				if policy.Actions&(plan.ActEvent|plan.ActDrop) != 0 && !yield(policy, &p.Points[i]) {
					return
				}
			}
		}
	}
}

// vector is the set of a policy's triggers at a point, by number.
func (n triggerNumbers) vector(policy *plan.Policy) uint64 {
	var v uint64
	for i := range policy.Triggers {
		if policy.Actions&plan.ActEvent != 0 || policy.Triggers[i].Metric == flow.MetricPacketDrop {
			v |= 1 << n.of[nameTrigger(policy, i)]
		}
	}
	if recordsDrops(policy) {
		v |= 1 << n.of[nameRecords(policy)]
	}
	return v
}

// watching is all that triggers need in the kernel beside programs of points.
type watching struct {
	numbers  triggerNumbers
	triggers map[uint32]point.BPFIfitTrigger
	floors   map[uint32]floors
	config   point.BPFIfitNode
	counting counting
}

// seesDepartures tells whether the transmit program has anything to do.
func (w *watching) seesDepartures() bool { return len(w.floors) > 0 || len(w.counting.points) > 0 }

// floors are the least values that matter at an interface, by metric.
type floors struct{ delay, queue uint64 }

// unwatched is the floor where no trigger watches.
const unwatched = math.MaxUint64

func (f floors) least(g floors) floors {
	return floors{min(f.delay, g.delay), min(f.queue, g.queue)}
}

// floor is that of an interface.
func (w *watching) floor(ifindex uint32) floors {
	if f, ok := w.floors[ifindex]; ok {
		return f
	}
	return floors{unwatched, unwatched}
}

// windows are those of a second in which rates are counted.
const windows = 10

// watchingFor completes a configuration by the triggers of a plan.
func watchingFor(p *plan.Plan, numbers triggerNumbers, config point.BPFIfitNode) watching {
	w := watching{
		numbers: numbers, config: config,
		triggers: make(map[uint32]point.BPFIfitTrigger), floors: make(map[uint32]floors),
	}
	c := &w.config
	c.DelayTriggers, c.NewFlowTriggers, c.PathChangeTriggers = 0, 0, 0
	c.QueueTriggers, c.RateTriggers, c.BurstTriggers, c.RateFloor = 0, 0, 0, unwatched
	c.DropTriggers, c.DropRecords = 0, 0
	// Whoever wants to know of a flow's drops says so again.
	c.FlowEpoch++
	for policy, at := range eventPolicies(p) {
		if recordsDrops(policy) {
			number := numbers.of[nameRecords(policy)]
			w.triggers[number] = newRecords(policy)
			w.config.DropRecords |= 1 << number
		}
		for i := range policy.Triggers {
			t := &policy.Triggers[i]
			number := numbers.of[nameTrigger(policy, i)]
			w.triggers[number] = newTrigger(policy, i)
			w.watch(t, number, at.ID)
		}
	}
	return w
}

// watch notes a trigger at a point under its metric.
func (w *watching) watch(t *plan.Trigger, number uint32, at plan.PointID) {
	c, bit := &w.config, uint64(1)<<number
	floor := floors{unwatched, unwatched}
	switch t.Metric {
	case flow.MetricTransitDelay:
		c.DelayTriggers |= bit
		floor.delay = t.Raise
	case flow.MetricQueueDepth:
		c.QueueTriggers |= bit
		floor.queue = t.Raise
	case flow.MetricNewFlow:
		c.NewFlowTriggers |= bit
	case flow.MetricPathChange:
		c.PathChangeTriggers |= bit
	case flow.MetricFlowRate:
		c.RateTriggers |= bit
		c.RateFloor = min(c.RateFloor, (t.Raise+windows-1)/windows)
	case flow.MetricMicroburst:
		c.BurstTriggers |= bit
	case flow.MetricPacketDrop:
		c.DropTriggers |= bit
	}
	if at.Direction == flow.Egress && floor != (floors{unwatched, unwatched}) {
		w.floors[at.Ifindex] = floor.least(w.floor(at.Ifindex))
	}
}

func newTrigger(policy *plan.Policy, index int) point.BPFIfitTrigger {
	t := &policy.Triggers[index]
	out := point.BPFIfitTrigger{
		Raise: t.Raise, Clear: t.Clear, HoldNs: uint64(t.Hold),
		Policy: policy.ID, Generation: policy.Generation,
		Metric: uint8(t.Metric), Index: uint8(index),
	}
	if t.PerFlow {
		out.PerFlow = 1
	}
	return out
}

// putTriggers writes triggers, and empties the places in clear.
func (n *node) putTriggers(triggers map[uint32]point.BPFIfitTrigger, clear map[triggerName]uint32) error {
	for _, number := range clear {
		if _, ok := triggers[number]; ok {
			continue
		}
		if err := n.maps[point.BPFMapTriggers].Put(number, point.BPFIfitTrigger{}); err != nil {
			return fmt.Errorf("remove trigger %d: %w", number, err)
		}
	}
	for number, t := range triggers {
		if err := n.maps[point.BPFMapTriggers].Put(number, t); err != nil {
			return fmt.Errorf("write trigger %d: %w", number, err)
		}
	}
	return nil
}

// attentive is for how long small values matter after a change of a floor:
// conditions may hold that a higher floor would hide.
const attentive = uint64(3e9)

// putFloors sets the interfaces whose transmissions are watched.
func (n *node) putFloors(want map[uint32]floors) error {
	now, err := monotonic()
	if err != nil {
		return err
	}
	m := n.maps[xmit.BPFMapWatched]
	for ifindex, f := range want {
		if had, ok := n.watched[ifindex]; ok && had == f {
			continue
		}
		if err := m.Put(ifindex, xmit.BPFIfitWatched{DelayFloor: f.delay, QueueFloor: f.queue, AttentiveUntil: now + attentive}); err != nil {
			return fmt.Errorf("watch interface %d: %w", ifindex, err)
		}
	}
	for ifindex := range n.watched {
		if _, ok := want[ifindex]; ok {
			continue
		}
		if err := m.Delete(ifindex); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			return fmt.Errorf("watch interface %d no more: %w", ifindex, err)
		}
	}
	n.watched = maps.Clone(want)
	return nil
}

func (n *node) readWatched() error {
	var ifindex uint32
	var w xmit.BPFIfitWatched
	it := n.maps[xmit.BPFMapWatched].Iterate()
	for it.Next(&ifindex, &w) {
		n.watched[ifindex] = floors{w.DelayFloor, w.QueueFloor}
	}
	if err := it.Err(); err != nil {
		return fmt.Errorf("read watched interfaces: %w", err)
	}
	return nil
}

// TriggerCounters are the counts of one trigger since it came to this node.
type TriggerCounters struct {
	Policy uint32
	// Trigger is the index in the policy.
	Trigger uint8
	// Events were told; Suppressed ones exceeded the node's rate, Lost ones
	// found no place in the ring buffer.
	Events, Suppressed, Lost uint64
	// Refused values were not watched for want of a place for a condition.
	Refused uint64
}

// TriggerCounters returns the counts of all triggers, summed over CPUs.
func (e *Engine) TriggerCounters() ([]TriggerCounters, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil, ErrClosed
	}
	var out []TriggerCounters
	var perCPU []point.BPFIfitTriggerCounters
	for name, number := range e.node.numbers.of {
		if name.metric == metricRecords {
			continue
		}
		if err := e.node.maps[point.BPFMapTriggerCounters].Lookup(number, &perCPU); err != nil {
			return nil, fmt.Errorf("read counters of trigger %d of policy %d: %w", name.index, name.policy, err)
		}
		sum := TriggerCounters{Policy: name.policy, Trigger: name.index}
		for i := range perCPU {
			sum.Events += perCPU[i].Events
			sum.Suppressed += perCPU[i].Suppressed
			sum.Lost += perCPU[i].Lost
			sum.Refused += perCPU[i].Refused
		}
		out = append(out, sum)
	}
	return out, nil
}
