//go:build linux

package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/openifit/openifit/dataplane/probe"
	"github.com/openifit/openifit/lab"
	"github.com/openifit/openifit/lab/traffic"
)

// remove ends the traffic, looks at what the hosts have seen and takes the
// lab down.
func (w *world) remove(ctx context.Context) error {
	errs := []error{w.lookBack(ctx), w.close()}
	if w.report.Failed() > 0 {
		errs = append(errs, w.keepLogs())
	}
	if w.opts.Keep {
		w.screen.say("the lab stays up: \"ifitctl lab down\" removes it")
		return errors.Join(errs...)
	}
	running, err := probe.Loaded()
	if err != nil {
		return errors.Join(append(errs, err)...)
	}
	if err := lab.Down(ctx, w.opts.Lab); err != nil {
		return errors.Join(append(errs, err)...)
	}
	errs = append(errs, w.checkGone(ctx, running))
	return errors.Join(errs...)
}

// lookBack checks that no host has ever seen what telemetry adds to packets.
func (w *world) lookBack(ctx context.Context) error {
	for _, s := range []*traffic.Session{w.forward, w.backward} {
		if s != nil {
			if err := s.Stop(ctx, time.Second); err != nil {
				return err
			}
		}
	}
	for _, host := range []string{"h1", "h2"} {
		c := w.captures[host]
		if c == nil {
			continue
		}
		seen, missed := c.Seen()
		// Hosts send DSCP 0 here, and the kernel's own neighbour discovery too.
		n := seen.Instrumented(0)
		w.check("marks and headers of ours seen by "+host, fmt.Sprintf("0 in %d packets", seen.IPv4+seen.IPv6),
			fmt.Sprintf("%d, %d packets not looked at", n, missed), n == 0 && missed == 0)
	}
	return nil
}

// checkGone checks that nothing of the lab is left, of the programs neither
// that ran.
func (w *world) checkGone(ctx context.Context, ran map[uint32]string) error {
	prefix, pins := lab.DefaultPrefix, lab.DefaultPinRoot
	if w.opts.Lab.Names.Prefix != "" {
		prefix = w.opts.Lab.Names.Prefix
	}
	if w.opts.Lab.PinRoot != "" {
		pins = w.opts.Lab.PinRoot
	}
	namespaces := 0
	entries, err := os.ReadDir("/var/run/netns")
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("list namespaces: %w", err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), prefix) {
			namespaces++
		}
	}
	w.check("namespaces left", "0", fmt.Sprint(namespaces), namespaces == 0)
	_, err = os.Stat(pins)
	gone := errors.Is(err, os.ErrNotExist)
	left := "none"
	if !gone {
		left = pins
	}
	w.check("pins left", "none", left, gone)
	var programs []string
	// The kernel frees programs a moment after their last reference.
	_, err = until(ctx, 20*time.Second, "programs unloaded", func(context.Context) (bool, error) {
		programs, err = w.left(ran)
		return len(programs) == 0, err
	})
	own := 0
	for id := range ran {
		if _, earlier := w.earlier[id]; !earlier {
			own++
		}
	}
	w.check(fmt.Sprintf("programs left of %d", own), "none", orNone(programs), err == nil)
	return nil
}

// left lists those of the programs that are still loaded, and were not
// before the demo.
func (w *world) left(ran map[uint32]string) ([]string, error) {
	now, err := probe.Loaded()
	if err != nil {
		return nil, err
	}
	var names []string
	for id, name := range ran {
		_, earlier := w.earlier[id]
		if _, still := now[id]; still && !earlier {
			names = append(names, name)
		}
	}
	return names, nil
}

func orNone(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, " ")
}

// keepLogs copies the logs out of the lab's directory, which goes with it.
func (w *world) keepLogs() error {
	if w.lab == nil {
		return nil
	}
	dir, err := os.MkdirTemp("", "openifit-demo-")
	if err != nil {
		return fmt.Errorf("keep logs: %w", err)
	}
	w.logs = dir
	var errs []error
	for _, name := range append(agentNames(w.lab), "ctl") {
		path, err := w.lab.Node(name).Log()
		if err != nil {
			errs = append(errs, err)
			continue
		}
		data, err := os.ReadFile(path)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name+".log"), data, 0o600)
		}
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, fmt.Errorf("keep log of %s: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

func agentNames(l *lab.Lab) []string {
	var names []string
	for _, a := range l.Topology().Agents() {
		names = append(names, a.Name)
	}
	return names
}
