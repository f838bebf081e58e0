// Package controller puts the parts of the controller together: collect,
// correlate, analyze, decide, push, and the northbound that shows them.
package controller

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"golang.org/x/sync/errgroup"

	"github.com/openifit/openifit/controller/collect"
	"github.com/openifit/openifit/controller/config"
	"github.com/openifit/openifit/controller/correlate"
	"github.com/openifit/openifit/controller/flows"
	"github.com/openifit/openifit/controller/inventory"
	"github.com/openifit/openifit/controller/loop"
	"github.com/openifit/openifit/controller/northbound"
	"github.com/openifit/openifit/controller/paths"
	"github.com/openifit/openifit/controller/policy"
	"github.com/openifit/openifit/controller/push"
	"github.com/openifit/openifit/controller/target"
	"github.com/openifit/openifit/controller/watch"
)

// Controller is one controller of an IFIT domain.
type Controller struct {
	cfg   config.Config
	log   *slog.Logger
	nodes watch.Hub[inventory.Node]
	names watch.Hub[string]

	state     *state
	inventory *inventory.Inventory
	targets   []*target.Target
	ipfix     *collect.IPFIX
	gnmi      *collect.GNMI
	paths     *paths.Paths
	flows     *flows.Flows
	pusher    *push.Pusher
	engine    *loop.Engine
	server    *northbound.Server
	baseline  []*policy.Policy
}

// New opens everything that can fail: files, ports, certificates. Nothing is
// sent before Run.
func New(cfg config.Config, log *slog.Logger) (c *Controller, err error) {
	c = &Controller{cfg: cfg, log: log}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.close())
		}
	}()
	credentials, err := cfg.TLS.Load()
	if err != nil {
		return c, err
	}
	if c.baseline, err = readBaseline(cfg.PoliciesDir); err != nil {
		return c, err
	}
	if c.state, err = openState(cfg.StateDir, log); err != nil {
		return c, err
	}
	if c.inventory, err = inventory.New(cfg.Domain, c.nodes.Publish); err != nil {
		return c, err
	}
	for _, n := range cfg.Domain.Nodes {
		t, err := target.New(n.Name, n.Address, credentials.Client())
		if err != nil {
			return c, err
		}
		c.targets = append(c.targets, t)
	}
	if c.ipfix, err = collect.Listen(cfg.ListenIPFIX, cfg.EnterpriseNumber, c.inventory); err != nil {
		return c, err
	}
	c.gnmi = collect.NewGNMI(collect.GNMIConfig{}, c.inventory, log)
	c.paths = paths.New(correlate.Config{}, c.inventory)
	c.flows = flows.New(flows.DefaultMax, c.inventory)
	if err := c.openLoops(); err != nil {
		return c, err
	}
	c.server, err = northbound.Listen(cfg.Northbound, credentials.Server(), c.handler(), log)
	return c, err
}

// openLoops makes what decides and pushes.
func (c *Controller) openLoops() error {
	base, err := c.cfg.Base()
	if err != nil {
		return err
	}
	pushing := push.Config{
		Order: c.inventory.Order, Base: base, Documents: c.state.policies,
		Reachable: func(node string) bool {
			n, ok := c.inventory.Node(node)
			return ok && n.Session == inventory.Up
		},
		Changed: c.names.Publish, Log: c.log,
	}
	for _, t := range c.targets {
		pushing.Nodes = append(pushing.Nodes, t)
	}
	for _, l := range c.cfg.Loops {
		pushing.Owners = append(pushing.Owners, l.Name)
	}
	if c.pusher, err = push.New(pushing); err != nil {
		return err
	}
	c.engine, err = loop.New(loop.Config{
		Loops: c.cfg.Loops, Pusher: c.pusher, Journal: c.state.journal, Events: c.state.events,
		Inventory: c.inventory, Evidence: c.paths.Evidence, Settings: c.state.loops,
		Unauthenticated: func() uint64 {
			n := c.ipfix.Counters()
			return n.Events + n.HeavyFlows
		},
		Log: c.log,
	})
	return err
}

func (c *Controller) handler() http.Handler {
	return (&northbound.Controller{
		Inventory: c.inventory, Pusher: c.pusher, Flows: c.flows, Paths: c.paths,
		Events: c.state.events, Engine: c.engine, Journal: c.state.journal,
		Nodes: &c.nodes, Policies: &c.names,
	}).Handler()
}

// Run works until the context ends, or a part fails for good.
func (c *Controller) Run(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, c.close()) }()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return c.server.Run(ctx) })
	group.Go(func() error { return c.ipfix.Run(ctx) })
	group.Go(func() error { return c.paths.Run(ctx, c.ipfix.Postcards, c.ipfix.RecyclePostcards) })
	group.Go(func() error { return c.flows.Run(ctx, c.ipfix.Flows, c.ipfix.RecycleFlows) })
	group.Go(func() error { return c.engine.Run(ctx, c.gnmi.Reports) })
	group.Go(func() error { return c.pusher.Keep(ctx, c.engine.Up) })
	for _, t := range c.targets {
		group.Go(func() error { return c.gnmi.Follow(ctx, t) })
	}
	group.Go(func() error { return c.applyBaseline(ctx) })
	c.log.Info("the controller is up", "northbound", c.server.Address().String(), "ipfix", c.ipfix.Address().String(),
		"nodes", len(c.targets), "loops", len(c.cfg.Loops))
	return group.Wait()
}

func (c *Controller) close() error {
	var errs []error
	for _, t := range c.targets {
		errs = append(errs, t.Close())
	}
	c.targets = nil
	if c.ipfix != nil {
		errs = append(errs, c.ipfix.Close())
	}
	if c.server != nil {
		errs = append(errs, c.server.Close())
	}
	if c.state != nil {
		errs = append(errs, c.state.close())
	}
	return errors.Join(errs...)
}
