//go:build linux

package demo

import (
	"context"
	"embed"
	"fmt"
	"time"

	"connectrpc.com/connect"

	"github.com/openifit/openifit/dataplane/probe"
	openifitv1 "github.com/openifit/openifit/gen/openifit/v1"
	"github.com/openifit/openifit/lab"
	"github.com/openifit/openifit/lab/traffic"
)

//go:embed policies
var policyFiles embed.FS

// baseline are the policies of the demo, in the order in which they are
// applied.
var baseline = []string{"flows", "heavy", "elephants", "watch"}

// raise brings the lab up and pushes the baseline policies.
func raise(ctx context.Context, w *world) error {
	var err error
	if w.earlier, err = probe.Loaded(); err != nil {
		return err
	}
	opts := w.opts.Lab
	opts.Progress = func(line string) { w.screen.now("%s", line) }
	l, err := lab.Up(ctx, opts)
	if err != nil {
		return err
	}
	w.lab = l
	if err := w.connect(); err != nil {
		return err
	}
	for host, name := range map[string]string{"h1": "to-r1", "h2": "to-r5"} {
		ns, err := l.Node(host).Namespace()
		if err != nil {
			return err
		}
		if w.captures[host], err = traffic.NewCapture(ns, name, nil); err != nil {
			return err
		}
	}
	w.screen.picture(
		"                r6",
		"               /  \\",
		"h1 --- r1 --- r2   r4 --- r5 --- h2",
		"               \\  /",
		"                r3",
	)
	for _, name := range baseline {
		if err := w.apply(ctx, name); err != nil {
			return err
		}
	}
	var f force
	_, err = until(ctx, 20*time.Second, "baseline policies in force", func(ctx context.Context) (bool, error) {
		f, err = w.inForce(ctx)
		w.screen.now("policies in force: %s", f)
		return f == allInForce, err
	})
	w.check("baseline policies in force, asked of each agent over gNMI", allInForce.String(), f.String(), err == nil)
	return err
}

// apply gives one policy to the controller, as "ifitctl policy apply" does.
func (w *world) apply(ctx context.Context, name string) error {
	data, err := policyFiles.ReadFile("policies/" + name + ".json")
	if err != nil {
		return fmt.Errorf("read policy %s: %w", name, err)
	}
	_, err = w.policies.ApplyPolicy(ctx, connect.NewRequest(&openifitv1.ApplyPolicyRequest{JsonIetf: string(data)}))
	if err != nil {
		return fmt.Errorf("apply policy %s: %w", name, err)
	}
	w.screen.now("policy %s applied", name)
	return nil
}

// force counts how agents stand to the baseline policies.
type force struct{ active, idle int }

// allInForce: on-path telemetry and events concern every agent, flows and
// sketches only the two that see traffic enter the domain.
var allInForce = force{active: 2*6 + 2*2, idle: 2 * 4}

func (f force) String() string {
	return fmt.Sprintf("%d measuring, %d with nothing to do", f.active, f.idle)
}

// inForce asks every agent for the baseline policies.
func (w *world) inForce(ctx context.Context) (force, error) {
	var f force
	var last error
	for node, agent := range w.agents {
		for _, name := range baseline {
			var status string
			if err := agent.Get(ctx, policyPath(name)+"/state/oper-status", &status); err != nil {
				last = fmt.Errorf("%s: %w", node, err)
				continue
			}
			switch status {
			case "ACTIVE":
				f.active++
			case "INACTIVE":
				f.idle++
			}
		}
	}
	return f, last
}

func policyPath(name string) string {
	return fmt.Sprintf("/ifit/policies/policy[name=%s]", name)
}
