//go:build linux

package demo

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	openifitv1 "github.com/openifit/openifit/gen/openifit/v1"
)

// adaptiveLoop is the loop that moves sampling rates.
const adaptiveLoop = "adaptive"

func (w *world) loop(ctx context.Context) (*openifitv1.Loop, error) {
	r, err := w.loops.GetLoop(ctx, connect.NewRequest(&openifitv1.GetLoopRequest{Name: adaptiveLoop}))
	if err != nil {
		return nil, fmt.Errorf("read loop %s: %w", adaptiveLoop, err)
	}
	return r.Msg.GetLoop(), nil
}

// explain prints the loop's decisions with their causes, and checks that each
// has a cause and an inverse.
func (w *world) explain(ctx context.Context, since time.Time) error {
	r, err := w.decisions.ListDecisions(ctx, connect.NewRequest(&openifitv1.ListDecisionsRequest{
		Filter: &openifitv1.DecisionFilter{Loop: adaptiveLoop, SinceUnixNs: proto.Int64(since.UnixNano())},
	}))
	if err != nil {
		return fmt.Errorf("list decisions: %w", err)
	}
	complete := 0
	list := r.Msg.GetDecisions()
	slices.SortFunc(list, func(a, b *openifitv1.Decision) int { return cmp.Compare(a.GetId(), b.GetId()) })
	for _, d := range list {
		if d.GetCause().GetSummary() != "" && d.GetInverse().GetSummary() != "" {
			complete++
		}
		if d.GetAction().GetKind() != openifitv1.ActionKind_ACTION_KIND_RENEW {
			w.screen.say("decision %d: %s, because %s", d.GetId(), d.GetAction().GetSummary(), d.GetCause().GetSummary())
		}
	}
	n := len(list)
	w.check("decisions logged with cause and inverse", "all, at least 1", fmt.Sprintf("%d of %d", complete, n), n > 0 && complete == n)
	return nil
}
