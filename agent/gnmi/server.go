package gnmi

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"sync"
	"sync/atomic"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"

	"github.com/openifit/openifit/agent/intent"
	"github.com/openifit/openifit/agent/intent/schema"
	"github.com/openifit/openifit/agent/state"
)

// Options are what a Server needs. All fields are required.
type Options struct {
	Schema  *schema.Schema
	Intent  *intent.Store
	State   *state.Store
	Applier Applier
	Log     *slog.Logger
	Now     func() time.Time
}

// Server serves the gNMI service of one agent, by the gRPC servers that NewGRPC
// makes.
type Server struct {
	gpb.UnimplementedGNMIServer

	schema  *schema.Schema
	intent  *intent.Store
	state   *state.Store
	applier Applier
	log     *slog.Logger
	now     func() time.Time
	tree    *tree

	// setting is held from the proposal of a version to its answer: there is
	// one Set at a time.
	setting sync.Mutex
	// changed wakes Run after a version was published.
	changed chan struct{}
	panics  atomic.Uint64
}

// New returns a server for the configuration that is loaded. Nothing of it is
// in force before Restore.
func New(o Options) (*Server, error) {
	if o.Schema == nil || o.Intent == nil || o.State == nil || o.Applier == nil || o.Log == nil || o.Now == nil {
		return nil, errors.New("gNMI server: an option is missing")
	}
	s := &Server{
		schema: o.Schema, intent: o.Intent, state: o.State, applier: o.Applier, log: o.Log, now: o.Now,
		tree:    newTree(o.Schema, o.State, o.Intent.Snapshot(), o.Now),
		changed: make(chan struct{}, 1),
	}
	o.State.Watch(s.tree.stateChanged)
	return s, nil
}

// Snapshot returns the version in force.
func (s *Server) Snapshot() *intent.Snapshot { return s.tree.snapshot() }

// Run ends lifetimes until the context ends; it always returns the context's
// error.
func (s *Server) Run(ctx context.Context) error {
	for {
		wait := time.Duration(math.MaxInt64)
		if next := s.tree.snapshot().NextExpiry(); !next.IsZero() {
			wait = max(next.Sub(s.now()), 0)
		}
		if !s.pause(ctx, wait) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := s.expire(ctx); err != nil {
			s.log.Error("end lifetimes", "error", err)
			s.pause(ctx, expiryRetry)
		}
	}
}

// expiryRetry is the time between two attempts to end a lifetime.
const expiryRetry = time.Second

// pause waits; it reports false when a new version ended the wait.
func (s *Server) pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return true
	case <-s.changed:
		return false
	case <-timer.C:
		return true
	}
}
