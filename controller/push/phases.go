package push

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/openifit/openifit/controller/policy"
	"github.com/openifit/openifit/controller/target"
)

// install brings the wanted policy to all nodes, phase by phase: end nodes,
// path nodes, head nodes. A policy that changes packets goes on to the next
// phase only when the phase before is done: a refusal ends the push, a node
// that is away leaves the later phases pending. Any other policy goes to
// whoever takes it, and only the refusal of all is one of the push. What only takes flows away goes
// the other way, so that a flow is not marked any more when nobody reports it.
func (p *Pusher) install(ctx context.Context, name string, e *entry, before *policy.Policy) (refusal error) {
	defer p.cfg.Changed(name)
	onPath := e.want.OnPath()
	phases := p.cfg.Order()
	switch {
	case p.raisesWhatIsThere(name, e):
		phases, onPath = headsFirst(phases), false
	case policy.Shrinks(before, e.want):
		slices.Reverse(phases)
		onPath = false
	}
	waits := ""
	for _, phase := range phases {
		if waits != "" {
			p.hold(e, phase, "waits for "+waits)
			continue
		}
		p.each([][]string{phase}, func(node string) {
			p.change(ctx, name, e, node, policy.Diff)
		}, e)
		if !onPath {
			continue
		}
		refused, away := p.missing(e, phase)
		if len(refused) > 0 {
			return refusalOf(refused)
		}
		waits = strings.Join(away, ", ")
	}
	return p.refusedByAll(e)
}

func refusalOf(reasons []string) error { return errors.New(strings.Join(reasons, "; ")) }

// refusedByAll is the nodes' refusals when none that the policy is meant for
// takes it or may take it later.
func (p *Pusher) refusedByAll(e *entry) error {
	var meant []string
	for _, node := range slices.Sorted(maps.Keys(p.nodes)) {
		if e.isMeantFor(node) {
			meant = append(meant, node)
		}
	}
	refused, _ := p.missing(e, meant)
	if len(refused) == 0 || len(refused) < len(meant) {
		return nil
	}
	return refusalOf(refused)
}

// raisesWhatIsThere tells whether a policy raises one that every node has
// already. Then nobody has to wait for anybody: what the raise marks the base
// reports and takes off, and a raise has to be quick.
func (p *Pusher) raisesWhatIsThere(name string, e *entry) bool {
	raised, ok := strings.CutSuffix(name, policy.RaiseSuffix)
	if !ok {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	base := p.entries[raised]
	if base == nil || base.want == nil || !e.only(base.want.Technique()) {
		return false
	}
	for node := range p.nodes {
		n := base.nodes[node]
		if !base.isMeantFor(node) || n == nil || n.have == nil || n.pending || n.refused {
			return false
		}
	}
	return true
}

// only tells whether a policy has one technique, as it is wanted and wherever it
// is. The caller holds mu.
func (e *entry) only(technique string) bool {
	if e.want != nil && e.want.Technique() != technique {
		return false
	}
	for _, n := range e.nodes {
		if n.have != nil && n.have.Technique() != technique {
			return false
		}
	}
	return true
}

// headsFirst puts the head nodes before all others, which then go together:
// what a raise is for begins at the head.
func headsFirst(phases [][]string) [][]string {
	last := len(phases) - 1
	return slices.DeleteFunc([][]string{phases[last], slices.Concat(phases[:last]...)}, func(p []string) bool { return len(p) == 0 })
}

// uninstall takes the policy off all nodes, in the order of install reversed.
func (p *Pusher) uninstall(ctx context.Context, name string, e *entry) {
	defer p.cfg.Changed(name)
	phases := p.cfg.Order()
	if p.raisesWhatIsThere(name, e) {
		phases = headsFirst(phases)
	} else {
		slices.Reverse(phases)
	}
	p.each(phases, func(node string) { p.change(ctx, name, e, node, policy.Diff) }, nil)
	p.drop(name, e)
}

// drop forgets a policy that no node has any more.
func (p *Pusher) drop(name string, e *entry) {
	p.mu.Lock()
	left := false
	for node, n := range e.nodes {
		if n.pending || n.refused {
			left = true
			continue
		}
		delete(e.nodes, node)
	}
	if !left && p.entries[name] == e && e.want == nil {
		delete(p.entries, name)
	}
	p.mu.Unlock()
	if err := p.save(name); err != nil {
		p.cfg.Log.Error("cannot store that a policy is gone", "policy", name, "error", err)
	}
}

// each calls fn for the nodes of each phase at the same time, one phase after
// the other. With an entry, it leaves out nodes that the policy is not meant
// for.
func (p *Pusher) each(phases [][]string, fn func(node string), e *entry) {
	for _, phase := range phases {
		var wg sync.WaitGroup
		for _, node := range phase {
			if e != nil && !e.isMeantFor(node) {
				continue
			}
			wg.Go(func() { fn(node) })
		}
		wg.Wait()
	}
}

func (e *entry) isMeantFor(node string) bool {
	return len(e.meant) == 0 || slices.Contains(e.meant, node)
}

// on returns what is known of the policy on a node. The caller holds mu.
func (e *entry) on(node string) *onNode {
	n := e.nodes[node]
	if n == nil {
		n = &onNode{}
		e.nodes[node] = n
	}
	return n
}

// change brings one node from what it has to what is wanted, with the changes
// that diff computes, and notes the answer.
func (p *Pusher) change(ctx context.Context, name string, e *entry, node string, diff func(have, want *policy.Policy) []policy.Change) {
	p.mu.Lock()
	n := e.on(node)
	want := e.want
	have := n.have
	if want != nil && have != nil && have.Lifetime() > 0 && time.Since(n.at) >= have.Lifetime() {
		// The node has ended it by itself.
		have = nil
	}
	changes := diff(have, want)
	switch {
	case want == nil && !n.known && !n.pending:
		// The node was never given the policy, or has refused it: one of that
		// name which it may have is not ours.
		changes, n.refused, n.err = nil, false, ""
	case want == nil && changes == nil && (n.pending || n.refused || !n.known):
		changes = []policy.Change{{Op: policy.Delete, Path: policy.Path(name)}}
	}
	obstacle := p.obstacle(node)
	if len(changes) == 0 && have != nil && want != nil && obstacle == "" {
		// It has what is wanted, whatever was wanted in the meantime.
		n.refused, n.pending, n.err = false, false, ""
	}
	if obstacle != "" && (len(changes) > 0 || n.pending) {
		n.pending, n.refused, n.err = true, false, obstacle
	}
	p.mu.Unlock()
	if len(changes) == 0 || obstacle != "" {
		return
	}
	err := p.set(ctx, node, changes)

	p.mu.Lock()
	defer p.mu.Unlock()
	n.at = time.Now()
	switch {
	case err == nil:
		*n = onNode{have: want, known: true, at: n.at}
	case errors.Is(err, target.ErrRefused):
		n.refused, n.pending, n.err = true, false, err.Error()
	default:
		// Nobody knows whether the node did it: the next push sends the whole.
		n.have, n.known = nil, true
		n.pending, n.refused, n.err = true, false, err.Error()
	}
}

// obstacle says why a node cannot take policies now; empty when it can. The
// caller holds mu.
func (p *Pusher) obstacle(node string) string {
	switch {
	case !p.cfg.Reachable(node):
		return "the node cannot be reached"
	case len(p.cfg.Base) > 0 && !p.based[node]:
		return "the node has no base configuration yet"
	}
	return ""
}

func (p *Pusher) set(ctx context.Context, node string, changes []policy.Change) error {
	ctx, cancel := context.WithTimeout(ctx, setTimeout)
	defer cancel()
	return p.nodes[node].Set(ctx, changes)
}

// hold notes that nodes get the policy later.
func (p *Pusher) hold(e *entry, nodes []string, why string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, node := range nodes {
		if n := e.on(node); e.isMeantFor(node) && (n.have == nil || len(policy.Diff(n.have, e.want)) > 0) {
			n.pending, n.refused, n.err = true, false, why
		}
	}
}

// missing returns the nodes of a phase that refused, with their reasons, and
// those that are away.
func (p *Pusher) missing(e *entry, phase []string) (refused, away []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, node := range phase {
		n := e.nodes[node]
		switch {
		case n == nil:
		case n.refused:
			refused = append(refused, n.err)
		case n.pending:
			away = append(away, node)
		}
	}
	return refused, away
}
