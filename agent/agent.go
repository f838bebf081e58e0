package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"time"

	"github.com/openifit/openifit/agent/compile"
	"github.com/openifit/openifit/agent/drops"
	"github.com/openifit/openifit/agent/export"
	"github.com/openifit/openifit/agent/gnmi"
	"github.com/openifit/openifit/agent/intent"
	"github.com/openifit/openifit/agent/intent/schema"
	"github.com/openifit/openifit/agent/meter"
	"github.com/openifit/openifit/agent/notify"
	"github.com/openifit/openifit/agent/state"
	"github.com/openifit/openifit/dataplane/probe"
	"github.com/openifit/openifit/dataplane/probe/custom"
	"github.com/openifit/openifit/dataplane/probe/custom/object"
	"github.com/openifit/openifit/dataplane/probe/custom/signature"
	"github.com/openifit/openifit/dataplane/source"
	"github.com/openifit/openifit/gen/yang"
	"github.com/openifit/openifit/proto/ipfix/records"
)

// Config is what an agent must know before it can read its YANG tree.
type Config struct {
	// NodeName is the only name that the tree may give the node.
	NodeName string
	// StateDir holds the configuration and counters, PinDir links and maps.
	StateDir, PinDir string
	// ReplacePins takes over pins of another layout, whose records are lost.
	ReplacePins bool
	// Listener takes gNMI connections; the agent closes it.
	Listener net.Listener
	TLS      gnmi.TLSFiles
	// ProbeKeys is a file or directory of public keys, whose owners may bring
	// probes; empty trusts nobody.
	ProbeKeys string
	// InitialConfig is a file with the value of /ifit, in JSON_IETF, for an
	// agent that has no configuration yet; empty for no such file.
	InitialConfig string
	// Without names kernel features to do without although they are there.
	Without []string
	Log     *slog.Logger
}

// Agent is all that runs on a node. It works in the network namespace of the
// calling threads.
type Agent struct {
	log      *slog.Logger
	engine   *probe.Engine
	custom   *custom.Manager
	server   *gnmi.Server
	meter    *meter.Meter
	counters *counters
	drainer  *drainer
	exporter *export.Process
	budget   budget
	tasks    []task
}

// New takes over what is pinned and brings the saved configuration into force.
func New(ctx context.Context, cfg Config) (_ *Agent, err error) {
	fresh, err := isFresh(cfg.StateDir)
	if err != nil {
		return nil, err
	}
	a := &Agent{log: cfg.Log}
	if a.engine, err = probe.Open(probe.Config{
		PinDir: cfg.PinDir, ReplacePins: cfg.ReplacePins, Without: cfg.Without, Log: cfg.Log,
	}); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			if a.custom != nil {
				err = errors.Join(err, a.custom.Close())
			}
			err = errors.Join(err, a.engine.Close())
		}
	}()
	if err := a.assemble(cfg); err != nil {
		return nil, err
	}
	if err := a.server.Restore(ctx); err != nil {
		return nil, err
	}
	if fresh && cfg.InitialConfig != "" {
		if err := install(ctx, a.server, cfg.InitialConfig); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// assemble makes the parts and wires them together.
func (a *Agent) assemble(cfg Config) error {
	started := time.Now()
	model, err := schema.Load()
	if err != nil {
		return err
	}
	saved, err := intent.Open(cfg.StateDir, model, time.Now)
	if err != nil {
		return err
	}
	store := state.New(started, int(saved.Snapshot().Root.GetLimits().GetConfig().GetMaxEvents()))
	store.SetNode(func(n *yang.State) { showNode(n, started, a.engine.Features()) })

	k := &kernel{engine: a.engine, log: a.log}
	var scratch records.Flow
	a.meter = meter.New(func(r *meter.Record) {
		flowRecord(&scratch, r)
		a.exporter.Flow(&scratch)
	})
	if a.counters, err = openCounters(cfg.StateDir, a.meter); err != nil {
		return err
	}
	count := a.counters
	apply := &applier{node: cfg.NodeName, log: a.log, engine: a.engine, meter: a.meter, counters: count, store: store, compiler: compile.New()}
	current := apply.current.Load
	a.exporter = export.New(export.DialUDP, (&statistics{current: current, counters: count, kernel: k}).read, a.log)
	apply.exporter = a.exporter
	keys, err := signature.Load(cfg.ProbeKeys)
	if err != nil {
		return err
	}
	shown := &probeState{store: store, current: current, log: a.log}
	a.custom = custom.New(custom.Config{Log: a.log, Exceeded: shown.exceed, Report: (&probeReports{exporter: a.exporter}).report})
	shown.manager = a.custom
	apply.uploads, apply.custom, apply.shown = &uploads{keys: keys, limits: object.Usual()}, a.custom, shown
	reaction := newReactions(a.log)
	apply.notifier = notify.New(store.AppendEvent, func(e *notify.Event) {
		a.exporter.Event(e.Number, e.TriggerName, &e.Event)
		reaction.event(e)
	})
	flows, err := source.NewRecords(a.engine)
	if err != nil {
		return err
	}
	a.drainer = newDrainer(flows, a.counters, a.meter, a.log)
	connections := source.NewTCP(a.engine)
	spread := newDistributions(a.engine, a.exporter)
	a.drainer.ahead = func() error {
		return errors.Join(connections.Read(a.exporter.TCPHealth), spread.drain())
	}
	lost, err := source.NewDrops(a.engine)
	if err != nil {
		return err
	}
	loss := &losses{source: lost, cache: drops.New(a.exporter.Drop)}
	a.drainer.losses, apply.losses = loss, loss
	lease := &leases{engine: a.engine, current: current, log: a.log}
	heavy := newHeavyFlows(source.NewSketches(a.engine, a.log), current, a.exporter)
	apply.drain = a.drainer.once
	apply.follow = func(now *applied) {
		k.forget()
		lease.renew(now.result)
		reaction.configure(now.result)
		reaction.throttle.configure(now.result.Limits.CPUPercent, now.result.Policies)
		if err := a.budget.configure(now.result.Limits); err != nil {
			a.log.Error("the limit on processor time covers the agent alone", "error", err)
		}
		a.drainer.configure(now.result)
		count.keep(numbers(now.snapshot))
	}
	cost := &overhead{
		sample:   (&costs{exporter: a.exporter, current: current, kernel: k, counters: count}).read,
		measured: reaction.throttle.measured,
	}
	apply.cost = cost
	watch := &guard{engine: a.engine, log: a.log}
	reading := &readers{
		current: current, kernel: k, meter: a.meter, counters: count, drainer: a.drainer,
		exporter: a.exporter, notifier: apply.notifier, leases: lease, heavy: heavy, distributions: spread, overhead: cost, reactions: reaction, probes: shown, losses: loss,
		guard: watch,
	}
	reading.register(store)

	a.server, err = gnmi.New(gnmi.Options{
		Schema: model, Intent: saved, State: store, Applier: apply, Log: a.log, Now: time.Now,
	})
	if err != nil {
		return err
	}
	reaction.apply = a.server.React
	reading.panics = a.server.Panics
	samples, err := a.sampleTasks(apply.notifier)
	if err != nil {
		return err
	}
	listen, err := newListenTask(a.server, cfg)
	if err != nil {
		return err
	}
	a.tasks = append(samples, listen, lifetimes{a.server}, a.drainer, lease, heavy, cost, reaction, a.custom, watch,
		&linkWatch{changed: func(again bool) error { return a.followLinks(current(), again) }, log: a.log})
	return nil
}

// numbers are those of all configured policies.
func numbers(s *intent.Snapshot) map[uint32]bool {
	out := make(map[uint32]bool, len(s.Policies))
	for _, p := range s.Policies {
		out[p.ID] = true
	}
	return out
}

// followLinks applies the configuration anew when interfaces came, went or were
// renamed, and shows those that changed. It does so in any case when the last
// attempt failed: what it did is not known.
func (a *Agent) followLinks(now *applied, again bool) error {
	l, err := readLinks()
	if err != nil {
		return err
	}
	if now == nil || !again && slices.Equal(now.links, l) {
		return nil
	}
	return a.server.Reapply(context.Background())
}

// Run serves until ctx ends. Then it takes a last look at what the kernel has
// counted, exports it, and leaves the probes running.
func (a *Agent) Run(ctx context.Context) error {
	exporting, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	exported := make(chan error, 1)
	go func() { exported <- a.exporter.Run(exporting) }()
	err := serve(ctx, a.tasks)
	a.drainer.once()
	a.meter.Flush()
	a.drainer.losses.cache.Flush()
	stop()
	err = errors.Join(err, <-exported)
	err = errors.Join(err, a.budget.close())
	if cerr := a.custom.Close(); cerr != nil {
		err = errors.Join(err, fmt.Errorf("detach uploaded probes: %w", cerr))
	}
	if cerr := a.engine.Close(); cerr != nil {
		err = errors.Join(err, fmt.Errorf("close probe engine: %w", cerr))
	}
	return errors.Join(err, a.counters.close())
}
