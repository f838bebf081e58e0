package plan

import (
	"slices"

	"github.com/openifit/openifit/dataplane/flow"
)

// ListedFlow is a flow whose policies differ between two states of a point's
// flow lists.
type ListedFlow struct {
	flow.ID
	// From and To have a bit for each policy that lists the flow, by the
	// policy's place at the point.
	From, To uint64
}

// Lists tells whether the policy's flow list holds the flow.
func (p *Policy) Lists(id flow.ID) bool {
	_, found := slices.BinarySearchFunc(p.Flows, id, flow.ID.Compare)
	return found
}

// DiffLists compares the flow lists of the same policies at one point. What it
// returns is in order, and no longer than the difference.
func DiffLists(have, want []Policy) []ListedFlow {
	var changed []flow.ID
	for slot := range want {
		if h, w := have[slot].Flows, want[slot].Flows; !same(h, w) {
			changed = difference(changed, h, w)
		}
	}
	slices.SortFunc(changed, flow.ID.Compare)
	changed = slices.Compact(changed)
	out := make([]ListedFlow, len(changed))
	for i, id := range changed {
		out[i] = ListedFlow{ID: id, From: listedBy(have, id), To: listedBy(want, id)}
	}
	return out
}

func listedBy(policies []Policy, id flow.ID) (slots uint64) {
	for slot := range policies {
		if policies[slot].Lists(id) {
			slots |= 1 << slot
		}
	}
	return slots
}

// difference appends what only one of two ordered lists holds.
func difference(to, a, b []flow.ID) []flow.ID {
	for len(a) > 0 && len(b) > 0 {
		switch c := a[0].Compare(b[0]); {
		case c < 0:
			to, a = append(to, a[0]), a[1:]
		case c > 0:
			to, b = append(to, b[0]), b[1:]
		default:
			a, b = a[1:], b[1:]
		}
	}
	return append(append(to, a...), b...)
}

// same spares the comparison of lists that have not been made anew.
func same(a, b []flow.ID) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}
