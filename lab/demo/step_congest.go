//go:build linux

package demo

import (
	"context"
	"fmt"
	"time"

	openifitv1 "github.com/openifit/openifit/gen/openifit/v1"
	"github.com/openifit/openifit/lab/impair"
)

const (
	raisePolicy = "elephants.raise"
	// raiseLifetime is the longest that a raise lasts by itself.
	raiseLifetime = 10 * time.Second
	// queueRate, in bits per second, is below what the elephants send from h1
	// to h2, so that a queue stands; queueLimit bounds it to a second.
	queueRate  = 20_000_000
	queueLimit = 2_500_000
	queueBurst = 10_000
)

// buildQueue puts a bottleneck on r3's interface towards r4 and returns what
// takes it away.
func (w *world) buildQueue() (func() error, error) {
	ns, err := w.lab.Node("r3").Namespace()
	if err != nil {
		return nil, err
	}
	if err := impair.TBF(ns, "to-r4", impair.Queue{Rate: queueRate, Burst: queueBurst, Limit: queueLimit}); err != nil {
		return nil, err
	}
	return func() error { return impair.ClearTBF(ns, "to-r4") }, nil
}

// congest shows that a queue is named, that sampling rises for the flows that
// meet it and for no others, and that it falls back.
func congest(ctx context.Context, w *world) error {
	forward, backward, err := w.truth()
	if err != nil {
		return err
	}
	affected, spared := elephants(forward), elephants(backward)
	loop, err := w.loop(ctx)
	if err != nil {
		return err
	}
	budget := float64(loop.GetBudget().GetMaxExportOctetsPerSecond())
	meter, err := w.startExportMeter(ctx)
	if err != nil {
		return err
	}
	defer meter.stop()
	calm, err := meter.next(ctx)
	if err != nil {
		return err
	}

	since := time.Now()
	remove, err := w.buildQueue()
	if err != nil {
		return err
	}
	removed := false
	defer func() {
		if !removed {
			if err := remove(); err != nil {
				w.screen.say("the queue stays: %v", err)
			}
		}
	}()
	w.screen.say("r3's link to r4 has %d Mbit/s now, less than the elephants need", queueRate/1_000_000)

	var first *openifitv1.Event
	took, err := until(ctx, 10*time.Second, "event of the queue", func(ctx context.Context) (bool, error) {
		events, err := w.eventsSince(ctx, since, openifitv1.EventMetric_EVENT_METRIC_TRANSIT_DELAY)
		for _, e := range events {
			if e.GetPhase() == openifitv1.EventPhase_EVENT_PHASE_RAISED {
				first = e
				return true, nil
			}
		}
		return false, err
	})
	point := first.GetObservationPoint()
	w.check("first event names the place", "r3 to-r4, within 1 s",
		fmt.Sprintf("%s %s, after %.2f s", point.GetNode(), point.GetInterface(), took.Seconds()),
		point.GetNode() == "r3" && point.GetInterface() == "to-r4" && took < time.Second)
	if err != nil {
		return err
	}
	w.screen.say("%s waits %s at %s of %s", first.GetKey().GetSourceAddress(), short(int64(first.GetValue())), point.GetInterface(), point.GetNode())

	raised := flowSet{}
	_, err = until(ctx, 15*time.Second, "raise for the affected elephants", func(ctx context.Context) (bool, error) {
		raised, err = listed(ctx, w.agents["r1"], raisePolicy)
		found, _ := affected.compare(raised)
		w.screen.now("sampling is raised for %d of %d affected elephants", found, len(affected))
		return found == len(affected), err
	})
	found, _ := affected.compare(raised)
	unaffected, _ := spared.compare(raised)
	w.check("elephants whose sampling rises", fmt.Sprintf("%d through the queue, 0 others", len(affected)),
		fmt.Sprintf("%d, and %d others", found, unaffected), found == len(affected) && unaffected == 0)
	if err != nil {
		return err
	}
	peak := 0.0
	for range 4 {
		rate, err := meter.next(ctx)
		if err != nil {
			return err
		}
		peak = max(peak, rate)
		w.screen.now("export %.0f kB/s of %.0f", rate/1000, budget/1000)
	}
	w.check("export rises", fmt.Sprintf("above %.0f kB/s", calm/1000), fmt.Sprintf("%.0f kB/s", peak/1000), peak > calm)
	w.check("export stays under the loop's budget", fmt.Sprintf("at most %.0f kB/s", budget/1000), fmt.Sprintf("%.0f kB/s", peak/1000), peak <= budget)

	removed = true
	if err := remove(); err != nil {
		return err
	}
	gone := time.Now()
	w.screen.say("the queue is gone")
	_, err = until(ctx, 25*time.Second, "raise ends", func(ctx context.Context) (bool, error) {
		n, err := w.holding(ctx, raisePolicy)
		w.screen.now("the raise is in force on %d agents", n)
		return n == 0 && err == nil, err
	})
	w.check("sampling falls back by itself", fmt.Sprintf("within %v", 2*raiseLifetime),
		fmt.Sprintf("%.1f s", time.Since(gone).Seconds()), err == nil && time.Since(gone) < 2*raiseLifetime)
	if err != nil {
		return err
	}
	// The first interval still holds what was sampled before.
	if _, err := meter.next(ctx); err != nil {
		return err
	}
	after, err := meter.next(ctx)
	if err != nil {
		return err
	}
	halfway := (calm + peak) / 2
	w.check("export falls back", fmt.Sprintf("below %.0f kB/s", halfway/1000), fmt.Sprintf("%.0f kB/s", after/1000), after < halfway)
	return w.explain(ctx, since)
}
