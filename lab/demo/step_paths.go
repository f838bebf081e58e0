//go:build linux

package demo

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"connectrpc.com/connect"

	openifitv1 "github.com/openifit/openifit/gen/openifit/v1"
)

var (
	throughR3 = []string{"r1", "r2", "r3", "r4", "r5"}
	throughR6 = []string{"r1", "r2", "r6", "r4", "r5"}
)

// drawPaths shows the elephants' paths, hop by hop with delays.
func drawPaths(ctx context.Context, w *world) error {
	paths, err := w.checkPaths(ctx, throughR3)
	if err != nil {
		return err
	}
	for _, p := range paths {
		w.screen.picture(drawn(p)...)
	}
	return nil
}

// checkPaths waits until every elephant's path is the one given, in the
// flow's own direction, and complete.
func (w *world) checkPaths(ctx context.Context, route []string) ([]*openifitv1.Path, error) {
	forward, backward, err := w.truth()
	if err != nil {
		return nil, err
	}
	want := map[flowID][]string{}
	for f := range elephants(forward) {
		want[f] = route
	}
	for f := range elephants(backward) {
		back := slices.Clone(route)
		slices.Reverse(back)
		want[f] = back
	}
	var right []*openifitv1.Path
	_, err = until(ctx, 20*time.Second, "paths", func(ctx context.Context) (bool, error) {
		r, err := w.paths.ListPaths(ctx, connect.NewRequest(&openifitv1.ListPathsRequest{}))
		if err != nil {
			return false, fmt.Errorf("list paths: %w", err)
		}
		right = nil
		for _, p := range r.Msg.GetPaths() {
			f, err := fromKey(p.GetKey())
			if err != nil {
				return false, err
			}
			if p.GetCompleteness() == openifitv1.Completeness_COMPLETENESS_COMPLETE && slices.Equal(nodesOf(p), want[f]) {
				right = append(right, p)
			}
		}
		w.screen.now("right and complete: %d of %d", len(right), len(want))
		return len(right) == len(want), nil
	})
	w.check("elephants whose path is "+strings.Join(route, " ")+" (or back)",
		fmt.Sprint(len(want)), fmt.Sprint(len(right)), len(right) == len(want))
	return right, err
}

// nodesOf lists the nodes of a path in order.
func nodesOf(p *openifitv1.Path) []string {
	var nodes []string
	for _, h := range p.GetHops() {
		nodes = append(nodes, h.GetNode())
	}
	return nodes
}

// drawn draws a path in one line under its flow.
func drawn(p *openifitv1.Path) []string {
	f, err := fromKey(p.GetKey())
	if err != nil {
		return []string{err.Error()}
	}
	var b strings.Builder
	for i, h := range p.GetHops() {
		if i > 0 {
			between := "?"
			if h.DelayFromPreviousHopNs != nil {
				between = short(h.GetDelayFromPreviousHopNs())
			}
			fmt.Fprintf(&b, " -%s-> ", between)
		}
		b.WriteString(h.GetNode())
		if h.TransitDelayNs != nil {
			fmt.Fprintf(&b, "(%s)", short(h.GetTransitDelayNs()))
		}
	}
	return []string{f.String(), "   " + b.String()}
}

// short writes nanoseconds as a few characters.
func short(ns int64) string {
	switch d := time.Duration(ns); {
	case d < 10*time.Microsecond:
		return fmt.Sprintf("%.1fus", float64(d)/1e3)
	case d < 10*time.Millisecond:
		return fmt.Sprintf("%.0fus", float64(d)/1e3)
	default:
		return fmt.Sprintf("%.0fms", float64(d)/1e6)
	}
}
