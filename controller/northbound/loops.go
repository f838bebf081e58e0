package northbound

import (
	"context"
	"errors"
	"time"

	"connectrpc.com/connect"

	"github.com/openifit/openifit/controller/loop"
	openifitv1 "github.com/openifit/openifit/gen/openifit/v1"
)

type loopService struct{ c *Controller }

// ListLoops returns every loop.
func (s *loopService) ListLoops(context.Context, *connect.Request[openifitv1.ListLoopsRequest]) (*connect.Response[openifitv1.ListLoopsResponse], error) {
	return connect.NewResponse(&openifitv1.ListLoopsResponse{Loops: s.loops("*")}), nil
}

// GetLoop returns one loop.
func (s *loopService) GetLoop(_ context.Context, r *connect.Request[openifitv1.GetLoopRequest]) (*connect.Response[openifitv1.GetLoopResponse], error) {
	found := s.loops(r.Msg.GetName())
	if r.Msg.GetName() == "*" || len(found) != 1 {
		return nil, notFound("there is no loop %q", r.Msg.GetName())
	}
	return connect.NewResponse(&openifitv1.GetLoopResponse{Loop: found[0]}), nil
}

// SetLoop switches loops on and off and sets their budget.
func (s *loopService) SetLoop(ctx context.Context, r *connect.Request[openifitv1.SetLoopRequest]) (*connect.Response[openifitv1.SetLoopResponse], error) {
	mode := loop.Mode("")
	switch r.Msg.GetMode() {
	case openifitv1.LoopMode_LOOP_MODE_UNSPECIFIED:
	case openifitv1.LoopMode_LOOP_MODE_ENABLED:
		mode = loop.Enabled
	case openifitv1.LoopMode_LOOP_MODE_DISABLED:
		mode = loop.Disabled
	case openifitv1.LoopMode_LOOP_MODE_KILLED:
		mode = loop.Killed
	default:
		return nil, invalid("mode %d is none", r.Msg.GetMode())
	}
	var budget loop.Budget
	if b := r.Msg.GetBudget(); b != nil {
		budget = loop.Budget{
			ExportOctets: b.MaxExportOctetsPerSecond, Flows: b.MaxInstrumentedFlows,
			Ratio: b.MaxSamplingRatio, Changes: b.MaxChangesPerMinute,
		}
	}
	// The kill switch goes through even when who threw it has gone away.
	err := s.c.Engine.Set(context.WithoutCancel(ctx), r.Msg.GetName(), mode, budget)
	switch {
	case errors.Is(err, loop.ErrUnknownLoop):
		return nil, connect.NewError(connect.CodeNotFound, err)
	case errors.Is(err, loop.ErrBudget):
		return nil, connect.NewError(connect.CodeInvalidArgument, err)
	case err != nil:
		return nil, connect.NewError(connect.CodeInternal, err)
	}
	return connect.NewResponse(&openifitv1.SetLoopResponse{Loops: s.loops(r.Msg.GetName())}), nil
}

func (s *loopService) loops(name string) []*openifitv1.Loop {
	var out []*openifitv1.Loop
	for _, l := range s.c.Engine.Loops(time.Now()) {
		if name != "*" && name != l.Name {
			continue
		}
		m := &openifitv1.Loop{
			Name: l.Name, Description: l.Description,
			Mode: openifitv1.LoopMode(openifitv1.LoopMode_value["LOOP_MODE_"+string(l.Mode)]),
			Budget: &openifitv1.Budget{
				MaxExportOctetsPerSecond: l.Budget.ExportOctets, MaxInstrumentedFlows: l.Budget.Flows,
				MaxSamplingRatio: l.Budget.Ratio, MaxChangesPerMinute: l.Budget.Changes,
			},
			OwnedPolicies: l.Owned, Decisions: l.Decisions,
			WithheldByBudget: l.Tally.Budget, WithheldByDamping: l.Tally.Damping, Flaps: l.Tally.Flaps,
			IgnoredStale: l.Stale, IgnoredUnauthenticated: l.Unauthenticated,
			LastDecisionId: l.LastDecision, Inputs: measurements(l.Inputs),
		}
		if l.Measured {
			m.ExportOctetsPerSecond = ptr(l.ExportRate)
		}
		out = append(out, m)
	}
	return out
}
