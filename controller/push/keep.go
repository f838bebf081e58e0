package push

import (
	"context"
	"time"
)

// retryInterval is how often nodes are looked at that lack something although
// they answer: the answer to a Set was lost.
const retryInterval = 3 * time.Second

// Keep keeps the nodes in step until the context ends: those whose names come
// in, because their session has just begun, and those that lack something.
func (p *Pusher) Keep(ctx context.Context, up <-chan string) error {
	tick := time.NewTicker(retryInterval)
	defer tick.Stop()
	// again are nodes whose reconciliation failed.
	again := make(map[string]bool)
	for {
		var nodes []string
		select {
		case <-ctx.Done():
			return nil
		case node := <-up:
			nodes = []string{node}
		case <-tick.C:
			for node := range again {
				nodes = append(nodes, node)
			}
			nodes = append(nodes, p.lacking()...)
		}
		for _, node := range nodes {
			delete(again, node)
			if !p.cfg.Reachable(node) {
				// Its next session brings it here again.
				continue
			}
			if err := p.Reconcile(ctx, node); err != nil && ctx.Err() == nil {
				p.cfg.Log.Warn("cannot bring a node into step", "node", node, "error", err)
				again[node] = true
			}
		}
	}
}

// lacking returns one node that answers and has something pending: bringing it
// into step serves those that wait for it.
func (p *Pusher) lacking() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.expire(time.Now())
	for _, e := range p.entries {
		for node, n := range e.nodes {
			if n.pending && p.cfg.Reachable(node) {
				return []string{node}
			}
		}
	}
	return nil
}
