//go:build linux

package demo

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/openifit/openifit/gen/openifit/v1/openifitv1connect"
	"github.com/openifit/openifit/lab"
	"github.com/openifit/openifit/lab/target"
	"github.com/openifit/openifit/lab/traffic"
)

// world is what the steps share: the lab, its clients and the traffic.
type world struct {
	opts   Options
	screen *screen
	report Report
	letter string
	// logs is where the logs of agents and controller are kept after a failure.
	logs string

	// earlier are the project's programs that were in the kernel before.
	earlier map[uint32]string

	lab *lab.Lab
	// agents are asked over gNMI, beside the controller and as an operator
	// would, so that the controller is no judge in its own cause.
	agents map[string]*target.Target

	policies  openifitv1connect.PolicyServiceClient
	flows     openifitv1connect.FlowServiceClient
	paths     openifitv1connect.PathServiceClient
	events    openifitv1connect.EventServiceClient
	loops     openifitv1connect.LoopServiceClient
	decisions openifitv1connect.DecisionServiceClient
	nodes     openifitv1connect.NodeServiceClient

	// captures look at all that the hosts receive, over the whole run.
	captures map[string]*traffic.Capture
	// forward and backward traffic, from step b on.
	forward, backward *traffic.Session
}

func newWorld(opts Options) *world {
	return &world{
		opts: opts, screen: newScreen(opts.Out),
		agents: map[string]*target.Target{}, captures: map[string]*traffic.Capture{},
	}
}

// check holds one promise against what was measured.
func (w *world) check(what, expected, measured string, ok bool) {
	c := Check{Step: w.letter, What: what, Expected: expected, Measured: measured, OK: ok}
	w.report.Add(c)
	w.screen.verdict(c)
}

// connect makes clients of the agents and of the controller.
func (w *world) connect() error {
	config, err := w.lab.Operator().Config()
	if err != nil {
		return fmt.Errorf("read the operator's certificate: %w", err)
	}
	for _, a := range w.lab.Topology().Agents() {
		address, err := w.lab.Node(a.Name).Address()
		if err != nil {
			return err
		}
		t, err := target.Dial(address.String(), config)
		if err != nil {
			return err
		}
		w.agents[a.Name] = t
	}
	address, err := w.lab.Node("ctl").Address()
	if err != nil {
		return err
	}
	client, url := &http.Client{Transport: &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true}}, "https://"+address.String()
	w.policies = openifitv1connect.NewPolicyServiceClient(client, url)
	w.flows = openifitv1connect.NewFlowServiceClient(client, url)
	w.paths = openifitv1connect.NewPathServiceClient(client, url)
	w.events = openifitv1connect.NewEventServiceClient(client, url)
	w.loops = openifitv1connect.NewLoopServiceClient(client, url)
	w.decisions = openifitv1connect.NewDecisionServiceClient(client, url)
	w.nodes = openifitv1connect.NewNodeServiceClient(client, url)
	return nil
}

// close ends traffic, captures and clients; what they have to say has been
// read before.
func (w *world) close() error {
	var errs []error
	for _, s := range []*traffic.Session{w.forward, w.backward} {
		if s != nil {
			errs = append(errs, s.Close())
		}
	}
	for _, c := range w.captures {
		errs = append(errs, c.Close())
	}
	for _, t := range w.agents {
		errs = append(errs, t.Close())
	}
	w.forward, w.backward = nil, nil
	if w.lab != nil {
		w.lab.Close()
	}
	return errors.Join(errs...)
}

// pollInterval is how often a condition is looked at.
const pollInterval = 100 * time.Millisecond

// until waits for a condition. The error says what was waited for, and what
// kept it from coming.
func until(ctx context.Context, limit time.Duration, what string, condition func(context.Context) (bool, error)) (time.Duration, error) {
	start := time.Now()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var last error
	for {
		ok, err := condition(ctx)
		if ok {
			return time.Since(start), nil
		}
		if err != nil {
			last = err
		}
		select {
		case <-ctx.Done():
			if last != nil {
				return time.Since(start), fmt.Errorf("%s: not within %v: %w", what, limit, last)
			}
			return time.Since(start), fmt.Errorf("%s: not within %v", what, limit)
		case <-time.After(pollInterval):
		}
	}
}
