// Package flows sums Flow Records up, by Observation Point, policy, generation
// and Flow Keys.
package flows

import (
	"cmp"
	"container/list"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/openifit/openifit/controller/inventory"
	"github.com/openifit/openifit/controller/measure"
	"github.com/openifit/openifit/controller/watch"
)

// DefaultMax is the number of flows that are kept.
const DefaultMax = 1 << 16

// Point is where and by what a flow was metered.
type Point struct {
	Node       string
	Ifindex    uint32
	Egress     bool
	PolicyID   uint32
	Generation uint32
}

// Flow is what one Observation Point metered of one flow under one policy and
// generation.
type Flow struct {
	Point
	Key measure.FlowKey
	// Policy and the interfaces are named as of the last record.
	Policy                            string
	Interface                         string
	IngressInterface, EgressInterface string
	Packets, Octets                   uint64
	Ratio                             float64
	TCPFlags                          uint16
	First, Last                       int64
	MinimumHopLimit, MaximumHopLimit  uint8
	Delay                             measure.Delay
	Records                           uint64
	Collected                         int64
	Authenticated                     bool
}

// Flows keeps the flows seen last, forgetting the one unseen for longest when
// it is full. It is safe for concurrent use.
type Flows struct {
	// Hub passes on each flow with the sums up to now.
	Hub watch.Hub[Flow]

	inventory *inventory.Inventory
	max       int

	mu        sync.Mutex
	byKey     map[key]*list.Element
	order     *list.List // of *entry, oldest first
	nodes     map[string]uint16
	forgotten uint64
}

// entry is a flow in the table.
type entry struct {
	Flow
	key key
	// names is the inventory that the flow was named by, ingress and egress the
	// interfaces of its last record.
	names           *inventory.Snapshot
	ingress, egress uint32
}

// New returns Flows with room for max flows.
func New(max int, inv *inventory.Inventory) *Flows {
	return &Flows{
		inventory: inv, max: max,
		byKey: make(map[key]*list.Element), order: list.New(), nodes: make(map[string]uint16),
	}
}

// Run takes records in until the context ends, and hands each batch to done.
func (f *Flows) Run(ctx context.Context, records <-chan []measure.FlowRecord, done func([]measure.FlowRecord)) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case batch := <-records:
			f.Add(time.Now(), batch)
			done(batch)
		}
	}
}

// Add takes a batch of records in.
func (f *Flows) Add(now time.Time, batch []measure.FlowRecord) {
	names := f.inventory.Snapshot()
	watched := f.Hub.Active()
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range batch {
		flow := f.add(now.UnixNano(), &batch[i], names)
		if watched {
			f.Hub.Publish(*flow)
		}
	}
}

func (f *Flows) add(now int64, r *measure.FlowRecord, names *inventory.Snapshot) *Flow {
	e := f.find(r)
	flow := &e.Flow
	if e.names != names {
		e.names = names
		flow.Policy = names.PolicyName(r.Node, r.PolicyID)
		flow.Interface = names.InterfaceName(r.Node, r.Ifindex)
	}
	if flow.Records == 0 || e.ingress != r.IngressIfindex || e.egress != r.EgressIfindex || flow.IngressInterface == "" && flow.EgressInterface == "" {
		e.ingress, e.egress = r.IngressIfindex, r.EgressIfindex
		flow.IngressInterface = names.InterfaceName(r.Node, r.IngressIfindex)
		flow.EgressInterface = names.InterfaceName(r.Node, r.EgressIfindex)
	}
	if flow.Records == 0 || r.First < flow.First {
		flow.First = r.First
	}
	flow.Last = max(flow.Last, r.Last)
	if flow.Records == 0 || r.MinimumHopLimit < flow.MinimumHopLimit {
		flow.MinimumHopLimit = r.MinimumHopLimit
	}
	flow.MaximumHopLimit = max(flow.MaximumHopLimit, r.MaximumHopLimit)
	flow.Packets += r.Packets
	flow.Octets += r.Octets
	flow.TCPFlags |= r.TCPFlags
	flow.Delay.Add(r.Delay)
	flow.Ratio = r.Ratio
	flow.Records++
	flow.Collected = now
	flow.Authenticated = r.Authenticated
	return flow
}

func (f *Flows) find(r *measure.FlowRecord) *entry {
	k := f.keyOf(r)
	if e, ok := f.byKey[k]; ok {
		f.order.MoveToBack(e)
		return e.Value.(*entry)
	}
	if len(f.byKey) >= f.max {
		oldest := f.order.Front()
		delete(f.byKey, oldest.Value.(*entry).key)
		f.order.Remove(oldest)
		f.forgotten++
	}
	e := &entry{key: k, Flow: Flow{Point: Point{r.Node, r.Ifindex, r.Egress, r.PolicyID, r.Generation}, Key: r.Key}}
	f.byKey[k] = f.order.PushBack(e)
	return e
}

// List returns the flows that match, most octets first.
func (f *Flows) List(match func(*Flow) bool) []Flow {
	f.mu.Lock()
	var out []Flow
	for e := f.order.Back(); e != nil; e = e.Prev() {
		if flow := &e.Value.(*entry).Flow; match(flow) {
			out = append(out, *flow)
		}
	}
	f.mu.Unlock()
	slices.SortStableFunc(out, func(a, b Flow) int { return cmp.Compare(b.Octets, a.Octets) })
	return out
}

// Forgotten counts the flows that had to make room for others.
func (f *Flows) Forgotten() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.forgotten
}
