package probe

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/gen/bpf/point"
)

// listedFlows gives each flow of the policies' lists the slots that list it.
func listedFlows(policies []plan.Policy) map[point.BPFIfitFlowId]uint64 {
	out := make(map[point.BPFIfitFlowId]uint64)
	for slot := range policies {
		for _, id := range policies[slot].Flows {
			out[flowID(id)] |= 1 << slot
		}
	}
	return out
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

// putList writes many flows in one system call; value gives what to write for
// the slots of a flow.
func putList(m *ebpf.Map, flows map[point.BPFIfitFlowId]uint64, value func(slots uint64) [2]uint64) error {
	if len(flows) == 0 {
		return nil
	}
	keys := make([]point.BPFIfitFlowId, 0, len(flows))
	values := make([]point.BPFIfitListed, 0, len(flows))
	for id, slots := range flows {
		keys = append(keys, id)
		values = append(values, point.BPFIfitListed{Slots: value(slots)})
	}
	if _, err := m.BatchUpdate(keys, values, nil); err != nil {
		return fmt.Errorf("write %d flows of flow lists: %w", len(keys), err)
	}
	return nil
}

// listChange replaces the contents of a running program's flow list. The
// program looks at one of two sets of slots for each flow, and the number of
// the rule set says which, so that all flows change in one moment.
type listChange struct {
	m        *ebpf.Map
	from, to map[point.BPFIfitFlowId]uint64
}

func newListChange(m *ebpf.Map, have, want []plan.Policy) *listChange {
	c := &listChange{m: m, from: make(map[point.BPFIfitFlowId]uint64), to: make(map[point.BPFIfitFlowId]uint64)}
	from, to := listedFlows(have), listedFlows(want)
	for id, slots := range from {
		if to[id] != slots {
			c.from[id], c.to[id] = slots, to[id]
		}
	}
	for id, slots := range to {
		if from[id] != slots {
			c.from[id], c.to[id] = from[id], slots
		}
	}
	return c
}

// stage writes what will count under the rule set of that number.
func (c *listChange) stage(ruleset uint32) error {
	return c.write(func(id point.BPFIfitFlowId) [2]uint64 {
		var v [2]uint64
		v[ruleset&1] = c.to[id]
		v[1-ruleset&1] = c.from[id]
		return v
	})
}

// finish writes the new slots for either rule set.
func (c *listChange) finish() error { return c.settle(c.to) }

// undo writes the old slots for either rule set.
func (c *listChange) undo() error { return c.settle(c.from) }

func (c *listChange) settle(slots map[point.BPFIfitFlowId]uint64) error {
	err := c.write(func(id point.BPFIfitFlowId) [2]uint64 { return [2]uint64{slots[id], slots[id]} })
	for id, s := range slots {
		if s != 0 {
			continue
		}
		if e := c.m.Delete(id); e != nil && !errors.Is(e, ebpf.ErrKeyNotExist) {
			err = errors.Join(err, fmt.Errorf("take flow off the flow lists: %w", e))
		}
	}
	return err
}

func (c *listChange) write(value func(point.BPFIfitFlowId) [2]uint64) error {
	keys := make([]point.BPFIfitFlowId, 0, len(c.to))
	values := make([]point.BPFIfitListed, 0, len(c.to))
	for id := range c.to {
		keys = append(keys, id)
		values = append(values, point.BPFIfitListed{Slots: value(id)})
	}
	if len(keys) == 0 {
		return nil
	}
	if _, err := c.m.BatchUpdate(keys, values, nil); err != nil {
		return fmt.Errorf("write %d flows of flow lists: %w", len(keys), err)
	}
	return nil
}
