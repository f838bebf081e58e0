package agent

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/dataplane/probe"
)

// guardInterval is how often the agent looks whether its programs are where it
// attached them.
const guardInterval = time.Second

// guard puts programs back that somebody has taken off.
type guard struct {
	engine *probe.Engine
	log    *slog.Logger

	mu       sync.Mutex
	restored map[uint32]uint64 // by interface
}

// String names the task.
func (g *guard) String() string { return "guard of attached programs" }

// Run works until ctx ends.
func (g *guard) Run(ctx context.Context) error {
	tick := time.NewTicker(guardInterval)
	defer tick.Stop()
	failed := false
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
		points, err := g.engine.Restore()
		if err != nil && !failed {
			g.log.Error("programs could not be put back; it is tried again", "error", err)
		}
		failed = err != nil
		g.count(points)
	}
}

func (g *guard) count(points []plan.PointID) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, p := range points {
		g.log.Warn("somebody had taken a program off, and it was put back", "point", p)
		if g.restored == nil {
			g.restored = make(map[uint32]uint64)
		}
		g.restored[p.Ifindex]++
	}
}

// of counts what happened at an interface.
func (g *guard) of(ifindex uint32) uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.restored[ifindex]
}
