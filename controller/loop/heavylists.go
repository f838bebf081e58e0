package loop

import (
	"cmp"
	"slices"
	"sync"

	"github.com/openifit/openifit/controller/measure"
)

// heavyLists keeps the latest list of each node and sketch.
type heavyLists struct {
	mu     *sync.Mutex
	latest map[[2]string]measure.HeavyFlows
}

func newHeavyLists() heavyLists {
	return heavyLists{new(sync.Mutex), make(map[[2]string]measure.HeavyFlows)}
}

func (h heavyLists) put(list measure.HeavyFlows) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.latest[[2]string{list.Node, list.Policy}] = list
}

func (h heavyLists) forget(node string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for k := range h.latest {
		if k[0] == node {
			delete(h.latest, k)
		}
	}
}

func (h heavyLists) all() []measure.HeavyFlows {
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []measure.HeavyFlows
	for _, list := range h.latest {
		out = append(out, list)
	}
	slices.SortFunc(out, func(a, b measure.HeavyFlows) int {
		return cmp.Or(cmp.Compare(a.Node, b.Node), cmp.Compare(a.Policy, b.Policy))
	})
	return out
}
