package northbound

import (
	"context"

	"connectrpc.com/connect"

	"github.com/openifit/openifit/controller/journal"
	openifitv1 "github.com/openifit/openifit/gen/openifit/v1"
)

type decisionService struct{ c *Controller }

func matchesDecision(f *openifitv1.DecisionFilter, d *journal.Decision) bool {
	switch {
	case f.GetLoop() != "" && f.GetLoop() != d.Loop:
	case f.GetPolicy() != "" && f.GetPolicy() != d.Action.Policy:
	case f != nil && f.SinceUnixNs != nil && d.Time < *f.SinceUnixNs:
	case d.ID <= f.GetAfterId():
	default:
		return true
	}
	return false
}

// ListDecisions returns decisions, newest first.
func (s *decisionService) ListDecisions(_ context.Context, r *connect.Request[openifitv1.ListDecisionsRequest]) (*connect.Response[openifitv1.ListDecisionsResponse], error) {
	found := s.c.Journal.List(func(d *journal.Decision) bool { return matchesDecision(r.Msg.GetFilter(), d) })
	out := &openifitv1.ListDecisionsResponse{Matched: uint64(len(found))}
	for i := range found[:min(len(found), limitOf(r.Msg.GetLimit()))] {
		out.Decisions = append(out.Decisions, decision(&found[i]))
	}
	return connect.NewResponse(out), nil
}

// GetDecision returns one decision.
func (s *decisionService) GetDecision(_ context.Context, r *connect.Request[openifitv1.GetDecisionRequest]) (*connect.Response[openifitv1.GetDecisionResponse], error) {
	found := s.c.Journal.List(func(d *journal.Decision) bool { return d.ID == r.Msg.GetId() })
	if len(found) == 0 {
		return nil, notFound("there is no decision %d", r.Msg.GetId())
	}
	return connect.NewResponse(&openifitv1.GetDecisionResponse{Decision: decision(&found[0])}), nil
}

// WatchDecisions follows decisions, and their results.
func (s *decisionService) WatchDecisions(ctx context.Context, r *connect.Request[openifitv1.WatchDecisionsRequest], stream *connect.ServerStream[openifitv1.WatchDecisionsResponse]) error {
	sub := s.c.Journal.Hub.Subscribe(watchRoom)
	defer sub.Close()
	for {
		select {
		case <-ctx.Done():
			return nil
		case d := <-sub.C:
			if !matchesDecision(r.Msg.GetFilter(), &d) {
				continue
			}
			if err := stream.Send(&openifitv1.WatchDecisionsResponse{Decision: decision(&d), Dropped: sub.Dropped()}); err != nil {
				return err
			}
		}
	}
}

func decision(d *journal.Decision) *openifitv1.Decision {
	out := &openifitv1.Decision{
		Id: d.ID, TimeUnixNs: d.Time, Loop: d.Loop,
		Cause: &openifitv1.Cause{
			EventIds: d.Cause.Events, Measurements: measurements(d.Cause.Measurements), Summary: d.Cause.Summary,
		},
		Evidence: evidence(d.Evidence),
		Action:   action(&d.Action), Inverse: action(&d.Inverse),
		Policy: d.Action.Policy, Generation: d.Generation,
		State: openifitv1.DecisionState(openifitv1.DecisionState_value["DECISION_STATE_"+string(d.State)]),
	}
	for _, r := range d.Results {
		out.Results = append(out.Results, &openifitv1.NodeResult{
			Node: r.Node, Applied: r.Applied, Error: r.Error, AnsweredAtUnixNs: r.At,
		})
	}
	if d.Lifetime > 0 {
		out.ExpiresAtUnixNs = ptr(d.Time + int64(d.Lifetime))
	}
	return out
}

func action(a *journal.Action) *openifitv1.Action {
	out := &openifitv1.Action{
		Kind:   openifitv1.ActionKind(openifitv1.ActionKind_value["ACTION_KIND_"+string(a.Kind)]),
		Policy: a.Policy, Summary: a.Summary,
	}
	for _, c := range a.Changes {
		out.Changes = append(out.Changes, &openifitv1.ConfigChange{
			Operation: openifitv1.ConfigOperation(openifitv1.ConfigOperation_value["CONFIG_OPERATION_"+string(c.Op)]),
			Path:      c.Path, JsonIetf: string(c.Value),
		})
	}
	return out
}
