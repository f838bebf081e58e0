package inventory

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Inventory holds the nodes. It is safe for concurrent use.
type Inventory struct {
	mu       sync.Mutex
	nodes    map[string]*Node
	order    []string
	peers    map[LinkEnd]LinkEnd
	snapshot atomic.Pointer[Snapshot]
	changed  func(Node)
}

// New returns the inventory of a valid configuration. Changed is called with a
// copy of each node that changes, and must not block.
func New(cfg Config, changed func(Node)) (*Inventory, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	inv := &Inventory{
		nodes:   make(map[string]*Node, len(cfg.Nodes)),
		peers:   make(map[LinkEnd]LinkEnd, 2*len(cfg.Links)),
		changed: changed,
	}
	for _, n := range cfg.Nodes {
		inv.nodes[n.Name] = &Node{
			NodeConfig: n, Session: Down,
			Policies: make(map[string]PolicyState), learnedNames: make(map[uint32]string),
		}
		inv.order = append(inv.order, n.Name)
	}
	slices.Sort(inv.order)
	for _, l := range cfg.Links {
		inv.peers[l.A], inv.peers[l.B] = l.B, l.A
	}
	inv.publish()
	return inv, nil
}

// Nodes returns copies of all nodes in the order of their names.
func (inv *Inventory) Nodes() []Node {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	out := make([]Node, 0, len(inv.order))
	for _, name := range inv.order {
		out = append(out, inv.nodes[name].clone())
	}
	return out
}

// Node returns a copy of one node.
func (inv *Inventory) Node(name string) (Node, bool) {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	n, ok := inv.nodes[name]
	if !ok {
		return Node{}, false
	}
	return n.clone(), true
}

// SetSession tells how the session with a node is. It reports whether the
// state changed.
func (inv *Inventory) SetSession(name string, s Session, cause error, now time.Time) bool {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	n := inv.nodes[name]
	if n == nil {
		return false
	}
	changed := n.Session != s
	if changed {
		n.Session, n.Since = s, now.UnixNano()
	}
	switch {
	case cause != nil:
		n.LastError = cause.Error()
	case s == Up:
		n.LastError = ""
	}
	if changed || cause != nil {
		inv.changed(n.clone())
	}
	return changed
}

// maxLearned bounds the names that unauthenticated options records can add.
const maxLearned = 4096

// LearnPolicy takes the name of a policy's number from an IPFIX options record.
// The first name stays, so that a sender cannot make the inventory work; what
// the node itself tells over gNMI goes before it.
func (inv *Inventory) LearnPolicy(node string, id uint32, name string) {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	n := inv.nodes[node]
	if n == nil || len(n.learnedNames) >= maxLearned {
		return
	}
	if _, ok := n.learnedNames[id]; ok {
		return
	}
	n.learnedNames[id] = name
	inv.publish()
}

// Snapshot returns an immutable view for correlation.
func (inv *Inventory) Snapshot() *Snapshot { return inv.snapshot.Load() }

// publish makes a new snapshot. The caller holds the lock or is New.
func (inv *Inventory) publish() {
	s := &Snapshot{nodes: make(map[string]*view, len(inv.nodes)), domains: make(map[uint32]string, len(inv.nodes))}
	for name, n := range inv.nodes {
		v := &view{
			byIndex:  make(map[uint32]Interface, len(n.Interfaces)),
			policies: make(map[uint32]string, len(n.Policies)+len(n.learnedNames)),
			current:  make(map[string]uint32, len(n.Policies)),
		}
		for _, i := range n.Interfaces {
			v.byIndex[i.Ifindex] = i
		}
		for id, policy := range n.learnedNames {
			v.policies[id] = policy
		}
		for _, p := range n.Policies {
			v.policies[p.ID] = p.Name
			v.current[p.Name] = p.Generation
		}
		s.nodes[name] = v
		if n.DomainID != 0 {
			s.domains[n.DomainID] = name
		}
	}
	inv.snapshot.Store(s)
}

// Order returns the nodes' names in the order in which a policy is installed:
// end nodes, path nodes, head nodes.
func (inv *Inventory) Order() [][]string {
	rank := map[Role]int{End: 0, Path: 1, Head: 2}
	inv.mu.Lock()
	defer inv.mu.Unlock()
	phases := make([][]string, len(rank))
	for _, name := range inv.order {
		r := rank[inv.nodes[name].Role]
		phases[r] = append(phases[r], name)
	}
	return slices.DeleteFunc(phases, func(p []string) bool { return len(p) == 0 })
}

func sortInterfaces(list []Interface) {
	slices.SortFunc(list, func(a, b Interface) int { return cmp.Compare(a.Name, b.Name) })
}
