package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"

	"google.golang.org/grpc/codes"

	"github.com/openifit/openifit/agent/compile"
	"github.com/openifit/openifit/agent/export"
	"github.com/openifit/openifit/agent/gnmi"
	"github.com/openifit/openifit/agent/intent"
	"github.com/openifit/openifit/agent/meter"
	"github.com/openifit/openifit/agent/notify"
	"github.com/openifit/openifit/agent/state"
	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/dataplane/probe"
	"github.com/openifit/openifit/dataplane/probe/custom"
)

// drainsForRoom is how many drains forget policies that came and went.
const drainsForRoom = 2

// applied is a configuration in force.
type applied struct {
	snapshot *intent.Snapshot
	result   *compile.Result
	links    links
	// uploads are the probes that operators brought, by name.
	uploads map[string]*upload
}

// observes tells whether there is a point in the plan.
func (a *applied) observes(id plan.PointID) bool {
	return slices.ContainsFunc(a.result.Plan.Points, func(p plan.Point) bool { return p.ID == id })
}

// policy finds a policy by name.
func (a *applied) policy(name string) *compile.Policy {
	if a == nil {
		return nil
	}
	i, ok := slices.BinarySearchFunc(a.result.Policies, name, func(p compile.Policy, name string) int {
		switch {
		case p.Name < name:
			return -1
		case p.Name > name:
			return 1
		}
		return 0
	})
	if !ok {
		return nil
	}
	return &a.result.Policies[i]
}

// applier brings configurations into force: in the kernel first, then in the
// processes that depend on it.
type applier struct {
	// node is the name that the node was started with.
	node     string
	log      *slog.Logger
	engine   *probe.Engine
	meter    *meter.Meter
	counters *counters
	exporter *export.Process
	notifier *notify.Notifier
	losses   *losses
	store    *state.Store
	// cost knows what telemetry costs now.
	cost *overhead
	// drain takes the flow records out of the kernel, outside of its turn.
	drain func()
	// follow is called with each configuration that has come into force.
	follow func(*applied)

	// uploads checks the probes that operators bring, custom runs them and
	// shown shows them.
	uploads *uploads
	custom  *custom.Manager
	shown   *probeState

	compiler *compile.Compiler
	current  atomic.Pointer[applied]
}

// Prepare compiles and loads; nothing changes that packets or collectors see.
// The server prepares one version at a time.
func (a *applier) Prepare(_ context.Context, next *intent.Snapshot) (gnmi.Change, error) {
	c, err := a.prepare(next)
	if err != nil {
		return nil, err
	}
	return c, nil
}

func (a *applier) prepare(next *intent.Snapshot) (*change, error) {
	l, err := readLinks()
	if err != nil {
		return nil, refuse(err)
	}
	refs := make(map[string]flow.PolicyRef, len(next.Policies))
	reactions := make(map[string]compile.Reaction)
	for name, p := range next.Policies {
		if !p.Runs() {
			continue
		}
		refs[name] = flow.PolicyRef{ID: p.ID, Generation: p.Generation}
		if p.Reaction != (intent.Reaction{}) {
			reactions[name] = compile.Reaction(p.Reaction)
		}
	}
	found := a.uploads.look(next.Root.GetProbes())
	c := &change{applier: a, before: a.current.Load(), next: &applied{snapshot: next, links: l, uploads: found}}
	if err := c.admit(); err != nil {
		return nil, refuse(err)
	}
	result, err := a.compiler.Compile(compile.Input{
		Tree: next.Root, Refs: refs, Reactions: reactions, Probes: compilable(found), Links: l.byName(),
		NoTimestamps: !a.engine.Has(probe.FeatureTimestamp), NoStatistics: !a.engine.Has(probe.FeatureStatistics),
	})
	if err != nil {
		return nil, refuse(err)
	}
	c.next.result = result
	if err := errors.Join(c.misnamed(), c.declined(), c.missing(), c.baseless(), c.rerouted(), c.fits(), c.affordable()); err != nil {
		return nil, refuse(err)
	}
	if c.export, err = a.exporter.Prepare(exportConfig(result, l)); err != nil {
		return nil, refuse(err)
	}
	if c.custom, err = a.custom.Prepare(a.instances(result)); err != nil {
		return nil, refuseCustom(err)
	}
	c.kernel, err = a.engine.Prepare(result.Plan)
	for tries := 0; errors.Is(err, probe.ErrUndrained) && tries < drainsForRoom; tries++ {
		if c.before == nil {
			// What the kernel counted before this agent came is of these policies.
			a.tell(c.next)
		}
		a.drain()
		c.kernel, err = a.engine.Prepare(result.Plan)
	}
	if err != nil {
		c.custom.Abort()
		return nil, refuseProbes(err)
	}
	return c, nil
}

// change is a prepared configuration.
type change struct {
	applier      *applier
	next, before *applied
	kernel       *probe.Change
	custom       *custom.Change
	export       func()
}

// missing refuses a policy that newly names an interface which the kernel
// lacks. One that was there before may come back.
func (c *change) missing() error {
	if c.before == nil || c.before.snapshot.Serial >= c.next.snapshot.Serial {
		// The agent starts, the interfaces have changed, or a version that could
		// not be saved gives way to the one before.
		return nil
	}
	for i := range c.next.result.Policies {
		p := &c.next.result.Policies[i]
		old := c.before.policy(p.Name)
		for _, m := range p.Missing {
			known := old != nil && slices.ContainsFunc(old.Missing, func(o *compile.Error) bool { return *o == *m })
			if !known && slices.Contains(c.next.snapshot.Changed.Policies, p.Name) {
				return m
			}
		}
	}
	return nil
}

// Commit brings the configuration into force. The meter and the notifier know
// the policies before the kernel does, so that nothing comes from strangers.
func (c *change) Commit() error {
	a := c.applier
	a.tell(c.next)
	if err := c.custom.Commit(); err != nil {
		c.kernel.Abort()
		a.tell(c.before)
		return &refusal{code: codes.Internal, err: fmt.Errorf("change uploaded probes: %w", err)}
	}
	if err := c.kernel.Commit(); err != nil {
		err = errors.Join(err, c.custom.Rollback())
		a.tell(c.before)
		return &refusal{code: codes.Internal, err: fmt.Errorf("change probes: %w", err)}
	}
	c.custom.Finish()
	c.export()
	a.current.Store(c.next)
	a.follow(c.next)
	a.publish(c.before, c.next)
	a.shown.publish(c.before, c.next)
	return nil
}

// Abort discards the configuration.
func (c *change) Abort() {
	c.kernel.Abort()
	c.custom.Abort()
}

// tell configures those who take what the kernel measured.
func (a *applier) tell(to *applied) {
	if to == nil {
		to = &applied{result: new(compile.Result)}
	}
	a.meter.Configure(meterPolicies(to.result, a.counters.place))
	a.notifier.Configure(notifyPolicies(to.result), to.links.names())
	a.losses.cache.Configure(dropPolicies(to.result))
}
