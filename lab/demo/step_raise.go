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
	active := 0
	_, err = until(ctx, 20*time.Second, "baseline policies active", func(ctx context.Context) (bool, error) {
		active, err = w.active(ctx)
		return active == len(baseline)*len(w.agents), err
	})
	w.check("baseline policies in force, asked of each agent over gNMI",
		fmt.Sprintf("%d on %d agents", len(baseline), len(w.agents)),
		fmt.Sprintf("%d of %d", active, len(baseline)*len(w.agents)), err == nil)
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

// active counts the baseline policies that agents have in force.
func (w *world) active(ctx context.Context) (int, error) {
	n := 0
	var last error
	for node, agent := range w.agents {
		for _, name := range baseline {
			var status string
			if err := agent.Get(ctx, policyPath(name)+"/state/oper-status", &status); err != nil {
				last = fmt.Errorf("%s: %w", node, err)
				continue
			}
			if status == "ACTIVE" {
				n++
			}
		}
	}
	return n, last
}

func policyPath(name string) string {
	return fmt.Sprintf("/ifit/policies/policy[name=%s]", name)
}
