//go:build linux

package demo

import (
	"context"
	"fmt"
	"time"

	"connectrpc.com/connect"

	openifitv1 "github.com/openifit/openifit/gen/openifit/v1"
	"github.com/openifit/openifit/lab/traffic"
)

const (
	mice              = 20_000
	forwardElephants  = 6
	backwardElephants = 2
	// mouseGroup is what the generator calls mice.
	mouseGroup = "mouse"
)

// pairs are the addresses of two hosts, one pair per family.
func (w *world) pairs(from, to string) []traffic.Pair {
	var pairs []traffic.Pair
	for _, v4 := range []bool{true, false} {
		source, ok1 := w.lab.Topology().Address(from, v4)
		destination, ok2 := w.lab.Topology().Address(to, v4)
		if ok1 && ok2 {
			pairs = append(pairs, traffic.Pair{Source: source, Destination: destination})
		}
	}
	return pairs
}

// send starts a session from one host to another.
func (w *world) send(ctx context.Context, from, to, name string, p traffic.Profile) (*traffic.Session, error) {
	source, err := w.lab.Node(from).Namespace()
	if err != nil {
		return nil, err
	}
	sink, err := w.lab.Node(to).Namespace()
	if err != nil {
		return nil, err
	}
	ends := traffic.Ends{From: source, To: sink, Interface: name}
	// A session outlives the step that starts it.
	s, err := traffic.NewSession(context.WithoutCancel(ctx), ends, p, traffic.SessionOptions{})
	if err != nil {
		return nil, fmt.Errorf("send from %s to %s: %w", from, to, err)
	}
	return s, nil
}

// start starts the mix: mice and most elephants forward, the others backward,
// so that a queue in one direction leaves some of them alone.
func (w *world) start(ctx context.Context) error {
	mix, err := traffic.MiceAndElephants{
		Pairs: w.pairs("h1", "h2"), Mice: mice, Elephants: forwardElephants,
		Rate: 8_000, Share: 0.75, Seed: w.opts.Seed,
	}.Profile()
	if err != nil {
		return fmt.Errorf("traffic from h1 to h2: %w", err)
	}
	back, err := traffic.Constant{
		Pairs: w.pairs("h2", "h1"), Flows: backwardElephants, Rate: 800, Payload: 1000, Seed: w.opts.Seed + 1,
	}.Profile()
	if err != nil {
		return fmt.Errorf("traffic from h2 to h1: %w", err)
	}
	if w.forward, err = w.send(ctx, "h1", "h2", "to-r5", mix); err != nil {
		return err
	}
	w.backward, err = w.send(ctx, "h2", "h1", "to-r1", back)
	return err
}

// truth is what the generator sent so far, in both directions.
func (w *world) truth() (forward, backward traffic.Report, err error) {
	if forward, err = w.forward.Report(); err != nil {
		return forward, backward, fmt.Errorf("read the truth: %w", err)
	}
	if backward, err = w.backward.Report(); err != nil {
		return forward, backward, fmt.Errorf("read the truth: %w", err)
	}
	return forward, backward, nil
}

// findElephants shows that the sketches name the large flows, and that the
// loop instruments these and no others.
func findElephants(ctx context.Context, w *world) error {
	before, err := w.marked(ctx)
	if err != nil {
		return err
	}
	if err := w.start(ctx); err != nil {
		return err
	}
	forward, backward, err := w.truth()
	if err != nil {
		return err
	}
	want := elephants(forward, backward)
	w.screen.say("h1 sends %d mice and %d elephants to h2, h2 sends %d elephants back; IPv4 and IPv6",
		mice, forwardElephants, backwardElephants)

	heavy := flowSet{}
	took, err := until(ctx, 30*time.Second, "sketches name the elephants", func(ctx context.Context) (bool, error) {
		if heavy, err = w.heavy(ctx); err != nil {
			return false, err
		}
		words, ok := want.verdict(heavy)
		w.screen.now("heavy flows: %s", words)
		return ok, nil
	})
	words, ok := want.verdict(heavy)
	w.check("flows that the sketches of r1 and r5 call heavy", fmt.Sprintf("the %d elephants", len(want)), words, ok)
	if err != nil {
		return err
	}
	w.screen.say("found after %.1f s", took.Seconds())

	instrumented := flowSet{}
	_, err = until(ctx, 20*time.Second, "the loop instruments the elephants", func(ctx context.Context) (bool, error) {
		if instrumented, err = listed(ctx, w.agents["r1"], "elephants"); err != nil {
			return false, err
		}
		_, ok := want.verdict(instrumented)
		return ok, nil
	})
	words, ok = want.verdict(instrumented)
	w.check("flows that r1 was told to mark", fmt.Sprintf("the %d elephants", len(want)), words, ok)
	if err != nil {
		return err
	}
	w.check("packets marked before that", "0", fmt.Sprint(before), before == 0)

	seen := flowSet{}
	_, err = until(ctx, 20*time.Second, "postcards of every elephant", func(ctx context.Context) (bool, error) {
		if seen, err = w.traced(ctx); err != nil {
			return false, err
		}
		found, _ := want.compare(seen)
		return found == len(want), nil
	})
	words, ok = want.verdict(seen)
	w.check("flows that postcards came for", fmt.Sprintf("the %d elephants", len(want)), words, ok)
	return err
}

// marked counts the packets on which the heads put a mark.
func (w *world) marked(ctx context.Context) (uint64, error) {
	var sum uint64
	for _, head := range []string{"r1", "r5"} {
		n, err := w.agents[head].Uint(ctx, policyPath("elephants")+"/state/packets-marked")
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}

// heavy reads the flows that any sketch calls heavy.
func (w *world) heavy(ctx context.Context) (flowSet, error) {
	r, err := w.flows.ListHeavyFlows(ctx, connect.NewRequest(&openifitv1.ListHeavyFlowsRequest{Policy: "heavy"}))
	if err != nil {
		return nil, fmt.Errorf("list heavy flows: %w", err)
	}
	set := flowSet{}
	for _, h := range r.Msg.GetHeavyFlows() {
		f, err := fromKey(h.GetKey())
		if err != nil {
			return nil, err
		}
		set[f] = true
	}
	return set, nil
}

// traced reads the flows that have a path.
func (w *world) traced(ctx context.Context) (flowSet, error) {
	r, err := w.paths.ListPaths(ctx, connect.NewRequest(&openifitv1.ListPathsRequest{}))
	if err != nil {
		return nil, fmt.Errorf("list paths: %w", err)
	}
	set := flowSet{}
	for _, p := range r.Msg.GetPaths() {
		f, err := fromKey(p.GetKey())
		if err != nil {
			return nil, err
		}
		set[f] = true
	}
	return set, nil
}
