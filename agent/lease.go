package agent

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/openifit/openifit/agent/compile"
	"github.com/openifit/openifit/dataplane/probe"
)

// Marking stands under a lease, so that it ends soon after its agent.
const (
	leaseTime    = 3 * time.Second
	leaseRenewal = time.Second
)

// leases keeps alive what marks on this node.
type leases struct {
	engine  *probe.Engine
	current func() *applied
	log     *slog.Logger

	mu    sync.Mutex
	until map[uint32]time.Time // by policy number
}

// String names the task.
func (l *leases) String() string { return "lease renewal" }

// Run renews until ctx ends; then the leases run out by themselves.
func (l *leases) Run(ctx context.Context) error {
	tick := time.NewTicker(leaseRenewal)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if now := l.current(); now != nil {
				l.renew(now.result)
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// renew lets the policies of a configuration mark for another lease.
func (l *leases) renew(r *compile.Result) {
	until := make(map[uint32]time.Time)
	for i := range r.Policies {
		p := &r.Policies[i]
		if !p.Marks() {
			continue
		}
		if err := l.engine.RenewLease(p.ID, leaseTime); err != nil {
			l.log.Error("lease could not be renewed", "policy", p.Name, "error", err)
			continue
		}
		until[p.ID] = time.Now().Add(leaseTime)
	}
	l.mu.Lock()
	l.until = until
	l.mu.Unlock()
}

// expiry is the end of a policy's lease, the zero time without one.
func (l *leases) expiry(policy uint32) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.until[policy]
}
