//go:build linux

// Package demo runs the whole loop on real packets, explains what it sees and
// holds every step against the generator's truth or the kernel's counters.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/openifit/openifit/lab"
)

// Options of a run.
type Options struct {
	// Lab to raise; its topology has to be line5.
	Lab lab.Options
	// Out is told what happens.
	Out io.Writer
	// Seed of the traffic.
	Seed uint64
	// Keep leaves the lab up at the end, for a look around.
	Keep bool
}

// ErrFailed says that a check of the demo did not hold.
var ErrFailed = errors.New("the demo failed")

// stepTimeout bounds each step; none takes a quarter of it when all is well.
const stepTimeout = 90 * time.Second

// step is a letter of the demo.
type step struct {
	letter, title string
	run           func(ctx context.Context, w *world) error
}

func steps() []step {
	return []step{
		{"a", "six agents and a controller; policies pushed over gNMI", raise},
		{"b", "20,000 mice and 8 elephants: who is who?", findElephants},
		{"c", "the elephants' paths, hop by hop", drawPaths},
		{"d", "a queue at r3: event, more samples where it matters, and back", congest},
		{"e", "the route moves to r6", moveRoute},
		{"f", "100 hot swaps under traffic", swapPrograms},
		{"g", "r3's agent is killed under traffic", killAgent},
		{"h", "the controller is killed during a raise", killController},
	}
}

// Run runs the demo and takes the lab down again, whatever happens. The error
// matches ErrFailed when a check did not hold.
func Run(ctx context.Context, opts Options) error {
	if os.Geteuid() != 0 {
		return errors.New("the demo makes network namespaces and loads eBPF programs: run it as root")
	}
	w := newWorld(opts)
	failed := ""
	for _, s := range steps() {
		w.letter = s.letter
		w.screen.step(s.letter, s.title)
		if err := w.run(ctx, s); err != nil {
			failed = s.letter
			w.check("step completes", "no error", err.Error(), false)
			break
		}
	}
	w.letter = "i"
	w.screen.step("i", "everything is removed")
	// What was raised is removed even when the user interrupts the run.
	cleanup, cancel := context.WithTimeout(context.WithoutCancel(ctx), stepTimeout)
	defer cancel()
	if err := w.remove(cleanup); err != nil {
		w.check("step completes", "no error", err.Error(), false)
	}

	fmt.Fprintln(opts.Out)
	if _, err := w.report.WriteTo(opts.Out); err != nil {
		return fmt.Errorf("print the report: %w", err)
	}
	if n := w.report.Failed(); n > 0 {
		if failed != "" {
			fmt.Fprintf(opts.Out, "\nStep %s could not go on, those behind it did not run.\n", failed)
		}
		if w.logs != "" {
			fmt.Fprintf(opts.Out, "The logs of agents and controller are kept in %s.\n", w.logs)
		}
		return fmt.Errorf("%w: %d of %d checks did not hold", ErrFailed, n, len(w.report.Checks))
	}
	fmt.Fprintf(opts.Out, "\nAll %d checks hold, after %.0f s.\n", len(w.report.Checks), time.Since(w.screen.start).Seconds())
	return nil
}

func (w *world) run(ctx context.Context, s step) error {
	ctx, cancel := context.WithTimeout(ctx, stepTimeout)
	defer cancel()
	return s.run(ctx, w)
}
