package probe

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/gen/bpf/point"
)

// fillList writes the flow lists of policies into an empty map.
func fillList(m *ebpf.Map, policies []plan.Policy) error {
	none := make([]plan.Policy, len(policies))
	c := listChange{m: m, changes: plan.DiffLists(none, policies)}
	return c.write(func(f *plan.ListedFlow) [2]uint64 { return [2]uint64{f.To, f.To} })
}

// sizeList makes room for the flows of the policies, and as many others: a
// change holds the old and the new flows at once.
func sizeList(spec *ebpf.CollectionSpec, policies []plan.Policy) {
	flows := uint32(0)
	listed := false
	for i := range policies {
		flows += uint32(len(policies[i].Flows))
		listed = listed || policies[i].FlowList
	}
	spec.Maps[point.BPFMapFlowList].MaxEntries = 1
	if listed {
		spec.Maps[point.BPFMapFlowList].MaxEntries = max(minListPlaces, 2*flows)
	}
}

// minListPlaces are the places of the shortest flow list.
const minListPlaces = 256

// flowID writes a 5-tuple as the program does.
func flowID(id flow.ID) point.BPFIfitFlowId {
	out := point.BPFIfitFlowId{
		Sport: id.SourcePort, Dport: id.DestinationPort, Proto: id.Protocol, Family: 6,
	}
	if id.Source.Is4() {
		out.Family = 4
	}
	copy(out.Saddr[:], id.Source.AsSlice())
	copy(out.Daddr[:], id.Destination.AsSlice())
	return out
}

// putList writes many flows in one system call.
func putList(m *ebpf.Map, flows []point.BPFIfitFlowId, slots []point.BPFIfitListed) error {
	if len(flows) == 0 {
		return nil
	}
	if _, err := m.BatchUpdate(flows, slots, nil); err != nil {
		return fmt.Errorf("write %d flows of flow lists: %w", len(flows), err)
	}
	return nil
}

// listChange replaces contents of a running program's flow list. The program
// looks at one of two sets of slots for each flow, and the number of the rule
// set says which, so that all flows change in one moment.
type listChange struct {
	m       *ebpf.Map
	changes []plan.ListedFlow
}

// stage writes what will count under the rule set of that number.
func (c *listChange) stage(ruleset uint32) error {
	return c.write(func(f *plan.ListedFlow) (v [2]uint64) {
		v[ruleset&1], v[1-ruleset&1] = f.To, f.From
		return v
	})
}

// finish writes the new slots for either rule set.
func (c *listChange) finish() error {
	return c.settle(func(f *plan.ListedFlow) uint64 { return f.To })
}

// undo writes the old slots for either rule set.
func (c *listChange) undo() error {
	return c.settle(func(f *plan.ListedFlow) uint64 { return f.From })
}

func (c *listChange) settle(slots func(*plan.ListedFlow) uint64) error {
	err := c.write(func(f *plan.ListedFlow) [2]uint64 { return [2]uint64{slots(f), slots(f)} })
	var off []point.BPFIfitFlowId
	for i := range c.changes {
		if slots(&c.changes[i]) == 0 {
			off = append(off, flowID(c.changes[i].ID))
		}
	}
	// A flow that is not there, because staging had failed, ends a batch.
	for len(off) > 0 {
		n, e := c.m.BatchDelete(off, nil)
		if e != nil && !errors.Is(e, ebpf.ErrKeyNotExist) {
			return errors.Join(err, fmt.Errorf("take flows off the flow lists: %w", e))
		}
		off = off[min(n+1, len(off)):]
	}
	return err
}

func (c *listChange) write(value func(*plan.ListedFlow) [2]uint64) error {
	keys := make([]point.BPFIfitFlowId, len(c.changes))
	values := make([]point.BPFIfitListed, len(c.changes))
	for i := range c.changes {
		keys[i] = flowID(c.changes[i].ID)
		values[i] = point.BPFIfitListed{Slots: value(&c.changes[i])}
	}
	return putList(c.m, keys, values)
}

// listChange prepares the change of flow lists that keep their policies. It is
// false when the running program's list has no room for the old and the new
// flows at once.
func (o *observation) listChange(d *plan.PointDelta) (*listChange, bool) {
	if !d.Lists {
		return &listChange{}, true
	}
	if o.load == nil || o.list == nil {
		return nil, false
	}
	c := &listChange{m: o.list, changes: plan.DiffLists(d.Old.Policies, d.New.Policies)}
	flows := 0
	for i := range d.Old.Policies {
		flows += len(d.Old.Policies[i].Flows)
	}
	for i := range c.changes {
		if c.changes[i].From == 0 {
			flows++
		}
	}
	return c, flows <= int(o.list.MaxEntries())
}
