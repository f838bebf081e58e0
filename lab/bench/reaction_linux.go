package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	openifitv1 "github.com/openifit/openifit/gen/openifit/v1"
	"github.com/openifit/openifit/gen/openifit/v1/openifitv1connect"
	"github.com/openifit/openifit/lab"
	"github.com/openifit/openifit/lab/impair"
	"github.com/openifit/openifit/lab/traffic"
)

// reactions is how often a queue is built.
const reactions = 20

// loopReaction measures how long after a node saw a queue the head samples
// more: from the event's kernel time to the head's answer to the controller's
// Set, both by the one clock that the lab's nodes share.
func loopReaction() (_ []Row, err error) {
	ctx := context.Background()
	r, err := newReactor(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.close(ctx)) }()
	var took []time.Duration
	for range reactions {
		d, err := r.once(ctx)
		if err != nil {
			return nil, err
		}
		took = append(took, d)
	}
	return []Row{
		AtMost("loop-reaction", percentile(took, 99), 100, "ms"),
		{ID: "loop-reaction/p50", Value: percentile(took, 50), Unit: "ms", OK: true},
	}, nil
}

// reactor is line5 with a loop that falls back fast, and a few large flows.
type reactor struct {
	opts      lab.Options
	lab       *lab.Lab
	session   *traffic.Session
	policies  openifitv1connect.PolicyServiceClient
	decisions openifitv1connect.DecisionServiceClient
	events    openifitv1connect.EventServiceClient
	loops     openifitv1connect.LoopServiceClient
}

func newReactor(ctx context.Context) (_ *reactor, err error) {
	dir, err := os.MkdirTemp("", "openifit-bench-")
	if err != nil {
		return nil, fmt.Errorf("make a directory for the lab: %w", err)
	}
	r := &reactor{opts: lab.Options{
		RunDir: filepath.Join(dir, "run"), BinDir: filepath.Join(dir, "bin"), PinRoot: lab.DefaultPinRoot + "-bench",
		Loops: []lab.Loop{{
			"name": "adaptive", "type": "adaptive-sampling", "base": "trace", "budget-octets-per-second": 10_000_000,
			"hold-up": "0s", "hold-down": "100ms", "settle": "0s", "flap-window": "0s", "lifetime": "5s", "renew": "2s",
			"max-changes-per-minute": 1000,
		}},
	}}
	r.opts.Names.Prefix = "bench-"
	r.opts.Names.Management = netip.MustParsePrefix("198.19.255.0/24")
	defer func() {
		if err != nil {
			err = errors.Join(err, r.close(ctx))
		}
	}()
	build := exec.Command("go", "build", "-o", r.opts.BinDir+"/", "./cmd/ifit-agent", "./cmd/ifit-controller")
	if out, err := build.CombinedOutput(); err != nil {
		return r, fmt.Errorf("build agent and controller: %w\n%s", err, out)
	}
	if r.lab, err = lab.Up(ctx, r.opts); err != nil {
		return r, err
	}
	return r, r.begin(ctx)
}

// begin connects, applies the policies and starts the traffic.
func (r *reactor) begin(ctx context.Context) error {
	config, err := r.lab.Operator().Config()
	if err != nil {
		return err
	}
	address, err := r.lab.Node("ctl").Address()
	if err != nil {
		return err
	}
	r.connect(config, "https://"+address.String())
	for _, text := range []string{
		`{"name": "trace", "config": {"name": "trace", "technique": "PBT_M"}, "encapsulation": {"config": {"mark": "ifit"}},
			"packet-selection": {"config": {"algorithm": "UNIFORM_PROBABILISTIC", "probability": "0.01"}},
			"data-export": {"config": {"collector": ["controller"]}}}`,
		`{"name": "watch", "config": {"name": "watch", "technique": "EVENT_MONITOR"},
			"data-export": {"config": {"collector": ["controller"]}},
			"triggers": {"trigger": [{"name": "queue", "config": {"name": "queue", "metric": "TRANSIT_DELAY",
				"threshold": "5000000", "clear-threshold": "2000000", "hold-time": 100}}]}}`,
	} {
		if err := r.apply(ctx, text); err != nil {
			return err
		}
	}
	ends, err := r.lab.Ends("h1", "h2")
	if err != nil {
		return err
	}
	profile, err := traffic.Constant{Pairs: r.lab.Pairs("h1", "h2"), Flows: 4, Rate: 1000, Payload: 1000}.Profile()
	if err != nil {
		return err
	}
	r.session, err = traffic.NewSession(ctx, ends, profile, traffic.SessionOptions{})
	return err
}

func (r *reactor) connect(config *tls.Config, url string) {
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true}}
	r.policies = openifitv1connect.NewPolicyServiceClient(client, url)
	r.decisions = openifitv1connect.NewDecisionServiceClient(client, url)
	r.events = openifitv1connect.NewEventServiceClient(client, url)
	r.loops = openifitv1connect.NewLoopServiceClient(client, url)
}

// apply waits until the policy is in force everywhere.
func (r *reactor) apply(ctx context.Context, text string) error {
	return wait(ctx, "policy in force", func() (bool, error) {
		a, err := r.policies.ApplyPolicy(ctx, connect.NewRequest(&openifitv1.ApplyPolicyRequest{JsonIetf: text}))
		if err != nil {
			return false, fmt.Errorf("apply policy: %w", err)
		}
		for _, s := range a.Msg.GetPolicy().GetStatuses() {
			if s.GetOperStatus() != openifitv1.PolicyOperStatus_POLICY_OPER_STATUS_ACTIVE {
				return false, nil
			}
		}
		return len(a.Msg.GetPolicy().GetStatuses()) > 0, nil
	})
}

// once builds a queue and takes it away again.
func (r *reactor) once(ctx context.Context) (time.Duration, error) {
	ns, err := r.lab.Node("r3").Namespace()
	if err != nil {
		return 0, err
	}
	since := time.Now()
	if err := impair.TBF(ns, "to-r4", impair.Queue{Rate: 6_000_000, Burst: 10_000, Limit: 1_000_000}); err != nil {
		return 0, err
	}
	d, err := r.raise(ctx, since)
	if err == nil {
		err = impair.ClearTBF(ns, "to-r4")
	} else {
		err = errors.Join(err, impair.ClearTBF(ns, "to-r4"))
	}
	if err != nil {
		return 0, err
	}
	begun, err := r.began(ctx, d)
	if err != nil {
		return 0, err
	}
	for _, result := range d.GetResults() {
		if result.GetNode() == "r1" {
			return time.Duration(result.GetAnsweredAtUnixNs() - begun), r.calm(ctx)
		}
	}
	return 0, fmt.Errorf("decision %d has no result of r1", d.GetId())
}

// calm waits until the loop has taken its raise back, and has measured the
// export without it: before that it raises nothing.
func (r *reactor) calm(ctx context.Context) error {
	err := wait(ctx, "the end of the raise", func() (bool, error) {
		list, err := r.policies.ListPolicies(ctx, connect.NewRequest(&openifitv1.ListPoliciesRequest{Owner: "adaptive"}))
		if err != nil {
			return false, fmt.Errorf("list policies: %w", err)
		}
		return len(list.Msg.GetPolicies()) == 0, nil
	})
	if err != nil {
		return err
	}
	settled := time.Now().Add(2 * time.Second).UnixNano()
	return wait(ctx, "measured export", func() (bool, error) {
		l, err := r.loops.GetLoop(ctx, connect.NewRequest(&openifitv1.GetLoopRequest{Name: "adaptive"}))
		if err != nil {
			return false, fmt.Errorf("read the loop: %w", err)
		}
		for _, m := range l.Msg.GetLoop().GetInputs() {
			if m.GetTimeUnixNs() > settled {
				return true, nil
			}
		}
		return false, nil
	})
}

// raise waits for the decision to sample more.
func (r *reactor) raise(ctx context.Context, since time.Time) (*openifitv1.Decision, error) {
	var found *openifitv1.Decision
	err := wait(ctx, "a raise", func() (bool, error) {
		list, err := r.decisions.ListDecisions(ctx, connect.NewRequest(&openifitv1.ListDecisionsRequest{
			Filter: &openifitv1.DecisionFilter{SinceUnixNs: proto.Int64(since.UnixNano())},
		}))
		if err != nil {
			return false, fmt.Errorf("list decisions: %w", err)
		}
		for _, d := range list.Msg.GetDecisions() {
			raise := d.GetAction().GetKind() == openifitv1.ActionKind_ACTION_KIND_RAISE
			if raise && d.GetState() == openifitv1.DecisionState_DECISION_STATE_APPLIED {
				found = d
			}
		}
		return found != nil, nil
	})
	return found, err
}

// began is the kernel time of the first event that a decision names.
func (r *reactor) began(ctx context.Context, d *openifitv1.Decision) (int64, error) {
	list, err := r.events.ListEvents(ctx, connect.NewRequest(&openifitv1.ListEventsRequest{}))
	if err != nil {
		return 0, fmt.Errorf("list events: %w", err)
	}
	first := int64(0)
	for _, e := range list.Msg.GetEvents() {
		for _, id := range d.GetCause().GetEventIds() {
			if e.GetId() == id && (first == 0 || e.GetTimeUnixNs() < first) {
				first = e.GetTimeUnixNs()
			}
		}
	}
	if first == 0 {
		return 0, fmt.Errorf("decision %d: none of its events %v is known", d.GetId(), d.GetCause().GetEventIds())
	}
	return first, nil
}

func (r *reactor) close(ctx context.Context) error {
	var errs []error
	if r.session != nil {
		errs = append(errs, r.session.Close())
	}
	if r.lab != nil {
		r.lab.Close()
	}
	return errors.Join(append(errs, lab.Down(ctx, r.opts), os.RemoveAll(filepath.Dir(r.opts.RunDir)))...)
}

// wait polls until ok; 30 seconds are far more than anything here takes.
func wait(ctx context.Context, what string, ok func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		done, err := ok()
		if done || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w", what, ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}
