package push

import (
	"slices"
	"time"
)

// State is how far a policy has come on one node.
type State string

// States on a node.
const (
	// Applied: the node acknowledged what is wanted.
	Applied State = "APPLIED"
	// Refused: the node said no, and changed nothing.
	Refused State = "REFUSED"
	// Pending: the node gets it when it is back.
	Pending State = "PENDING"
)

// Result is how one node answered.
type Result struct {
	Node  string
	State State
	// Error is the reason when the policy is not applied.
	Error string
	At    time.Time
}

// Results returns how the nodes answered, in the order of their names. For a
// policy that shall go, these are the nodes that still have it.
func (p *Pusher) Results(name string) []Result {
	p.mu.Lock()
	defer p.mu.Unlock()
	e := p.entries[name]
	if e == nil {
		return nil
	}
	var out []Result
	for node := range p.nodes {
		n := e.nodes[node]
		r := Result{Node: node, State: Pending, Error: "not tried yet"}
		switch {
		case e.want != nil && !e.isMeantFor(node):
			continue
		case e.want == nil && n == nil:
			continue
		case n == nil:
		case n.refused:
			r.State, r.Error, r.At = Refused, n.err, n.at
		case n.pending:
			r.Error, r.At = n.err, n.at
		case n.known:
			r.State, r.Error, r.At = Applied, "", n.at
		}
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b Result) int {
		if a.Node < b.Node {
			return -1
		}
		return 1
	})
	return out
}
