package push

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/openifit/openifit/controller/policy"
)

// Reconcile brings a node that has come back into step: base configuration
// first, then the policies it should have. It reads what the node has, so that
// a policy that is there already is not touched.
func (p *Pusher) Reconcile(ctx context.Context, node string) error {
	p.pushing.Lock()
	defer p.pushing.Unlock()
	n := p.nodes[node]
	if n == nil {
		return fmt.Errorf("reconcile %q: %w", node, ErrUnknownNode)
	}
	ctx, cancel := context.WithTimeout(ctx, 2*setTimeout)
	defer cancel()
	if len(p.cfg.Base) > 0 {
		if err := n.Set(ctx, p.cfg.Base); err != nil {
			return fmt.Errorf("reconcile: base configuration: %w", err)
		}
	}
	p.mu.Lock()
	p.based[node] = true
	p.mu.Unlock()
	found, err := p.read(ctx, n)
	if err != nil {
		return fmt.Errorf("reconcile: %w", err)
	}
	p.adopt(node, found)
	if err := p.removeLeftovers(ctx, n, found); err != nil {
		return fmt.Errorf("reconcile: %w", err)
	}
	for _, name := range p.order() {
		p.mu.Lock()
		e := p.entries[name]
		p.mu.Unlock()
		if e == nil {
			continue
		}
		// The whole push is done again: nodes that have the policy are not
		// touched, and those which waited for this one are served.
		if e.want == nil {
			p.uninstall(ctx, name, e)
		} else if refusal := p.install(ctx, name, e, nil); refusal != nil {
			p.cfg.Log.Warn("a node that came back refuses a policy", "node", node, "policy", name, "error", refusal)
		}
	}
	return nil
}

// order puts raises behind what they raise.
func (p *Pusher) order() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.expire(time.Now())
	names := make([]string, 0, len(p.entries))
	for name := range p.entries {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		_, raiseA := strings.CutSuffix(a, policy.RaiseSuffix)
		_, raiseB := strings.CutSuffix(b, policy.RaiseSuffix)
		if raiseA != raiseB {
			if raiseA {
				return 1
			}
			return -1
		}
		return strings.Compare(a, b)
	})
	return names
}

// read returns the policies that a node has.
func (p *Pusher) read(ctx context.Context, n Node) (map[string]*policy.Policy, error) {
	device, err := n.Get(ctx, "/ifit/policies")
	if err != nil {
		return nil, err
	}
	found := make(map[string]*policy.Policy)
	list := device.GetIfit().GetPolicies()
	if list == nil {
		return found, nil
	}
	for name, tree := range list.Policy {
		have, err := policy.FromTree(tree)
		if err != nil {
			// What this controller cannot read it does not judge.
			p.cfg.Log.Warn("a node has a policy that cannot be read", "node", n.Name(), "policy", name, "error", err)
			continue
		}
		found[name] = have
	}
	return found, nil
}

// adopt notes what a node has.
func (p *Pusher) adopt(node string, found map[string]*policy.Policy) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for name, e := range p.entries {
		n := e.on(node)
		have := found[name]
		if have.Equivalent(e.want) {
			have = e.want
		}
		*n = onNode{have: have, known: true, at: time.Now(), pending: e.want == nil && have != nil}
	}
}

// removeLeftovers deletes what loops own on the node and nobody wants.
func (p *Pusher) removeLeftovers(ctx context.Context, n Node, found map[string]*policy.Policy) error {
	var changes []policy.Change
	p.mu.Lock()
	for name, have := range found {
		if p.entries[name] == nil && slices.Contains(p.cfg.Owners, have.Owner()) {
			changes = append(changes, policy.Change{Op: policy.Delete, Path: policy.Path(name)})
		}
	}
	p.mu.Unlock()
	if len(changes) == 0 {
		return nil
	}
	slices.SortFunc(changes, func(a, b policy.Change) int { return strings.Compare(a.Path, b.Path) })
	return n.Set(ctx, changes)
}
