package probe

import (
	"errors"
	"fmt"
	"maps"

	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/gen/bpf/point"
)

// observation is an Observation Point at work. Its fields change only in
// commits, under the engine's lock.
type observation struct {
	// point is what the program does. Of a point taken over from another
	// process only the ID is known, and adopted is true until its program has
	// been replaced.
	point   plan.Point
	adopted bool
	link    attachment
	*load
	tables *FlowTables
	// sketch is nil where no policy has one.
	sketch *sketch
}

func (o *observation) close() error {
	var err error
	if o.link != nil {
		if err = o.link.close(); err != nil {
			err = fmt.Errorf("close link of point %s: %w", o.point.ID, err)
		}
	}
	o.load.close()
	o.sketch.close()
	if o.tables != nil {
		o.tables.lasting.close()
	}
	return err
}

// ErrUndrained says that too much came and went since the flow tables were
// drained: policies, rule sets, or tables. Draining twice makes room.
var ErrUndrained = errors.New("too much has changed since the flow tables were drained")

// assignStates gives each policy a place for what outlives the program. A
// policy keeps its place; a new one gets a place that neither the running
// program nor a record uses. It returns the places and which of them are new.
func assignStates(running map[uint32]uint32, recorded map[uint32]bool, policies []plan.Policy) (states map[uint32]uint32, fresh []uint32, err error) {
	taken := make(map[uint32]bool, len(running)+len(recorded))
	maps.Copy(taken, recorded)
	for _, state := range running {
		taken[state] = true
	}
	states = make(map[uint32]uint32, len(policies))
	for i := range policies {
		id := policies[i].ID
		if state, ok := running[id]; ok {
			states[id] = state
			continue
		}
		var state uint32
		for taken[state] {
			state++
		}
		if state >= numStates {
			return nil, nil, fmt.Errorf("no place for the counters of another policy: %w", ErrUndrained)
		}
		taken[state] = true
		states[id] = state
		fresh = append(fresh, state)
	}
	return states, fresh, nil
}

// numStates is IFIT_STATES.
const numStates = 2 * uint32(len(point.BPFIfitPoint{}.Slot))
