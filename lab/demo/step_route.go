//go:build linux

package demo

import (
	"context"
	"fmt"
	"time"

	openifitv1 "github.com/openifit/openifit/gen/openifit/v1"
)

// moveRoute shows that a change of route is told and drawn.
func moveRoute(ctx context.Context, w *world) error {
	since := time.Now()
	if err := w.lab.Route(ctx, "r3"); err != nil {
		return err
	}
	w.screen.say("all routes go around r3 now")
	nodes := map[string]bool{}
	took, err := until(ctx, 10*time.Second, "PATH_CHANGE events", func(ctx context.Context) (bool, error) {
		events, err := w.eventsSince(ctx, since, openifitv1.EventMetric_EVENT_METRIC_PATH_CHANGE)
		for _, e := range events {
			nodes[e.GetNode()] = true
		}
		// r2 sends elsewhere, and r4 receives from elsewhere.
		return nodes["r2"] && nodes["r4"], err
	})
	w.check("PATH_CHANGE events of r2 and r4", "both", fmt.Sprintf("r2 %t, r4 %t, after %.1f s", nodes["r2"], nodes["r4"], took.Seconds()), err == nil)
	if err != nil {
		return err
	}
	paths, err := w.checkPaths(ctx, throughR6)
	if err != nil {
		return err
	}
	w.screen.picture(drawn(paths[0])...)

	if err := w.lab.Route(ctx); err != nil {
		return err
	}
	w.screen.say("the routes go through r3 again")
	_, err = w.checkPaths(ctx, throughR3)
	return err
}
