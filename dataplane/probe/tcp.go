package probe

import (
	"slices"

	"github.com/cilium/ebpf"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/gen/bpf/point"
)

// TCPFlows is the table of TCP connections that all points share. Its values
// must be read under their locks.
func (e *Engine) TCPFlows() *ebpf.Map { return e.node.maps[point.BPFMapTcpFlows] }

// WatchesTCP tells whether some policy may ask for the health of connections:
// what the programs of another process do is not known.
func (e *Engine) WatchesTCP() (bool, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return false, ErrClosed
	}
	for _, o := range e.points {
		if o.adopted || slices.ContainsFunc(o.point.Policies, func(p plan.Policy) bool { return p.Actions&plan.ActTCP != 0 }) {
			return true, nil
		}
	}
	return false, nil
}

// PoliciesAt returns the policies that slots of a rule set of a point stand
// for, as long as its flow tables know that rule set. The slice is shared and
// must not be changed.
func (e *Engine) PoliciesAt(id plan.PointID, ruleset uint32, slots uint64) []flow.PolicyRef {
	e.mu.Lock()
	var tables []*FlowTables
	if o := e.points[id]; o != nil && o.tables != nil {
		tables = append(tables, o.tables)
	}
	for _, t := range e.retired {
		if t.Point == id {
			tables = append(tables, t)
		}
	}
	e.mu.Unlock()
	var key FlowKey
	key.DscpEpoch = ruleset
	for _, t := range tables {
		if refs := t.Policies(&key, slots); refs != nil {
			return refs
		}
	}
	return nil
}
