package northbound

import (
	"context"
	"slices"

	"connectrpc.com/connect"

	"github.com/openifit/openifit/controller/measure"
	openifitv1 "github.com/openifit/openifit/gen/openifit/v1"
)

type eventService struct{ c *Controller }

func metric(name string) openifitv1.EventMetric {
	return openifitv1.EventMetric(openifitv1.EventMetric_value["EVENT_METRIC_"+name])
}

func matchesEvent(f *openifitv1.EventFilter, e *measure.Event) bool {
	switch {
	case f.GetNode() != "" && f.GetNode() != e.Node:
	case f.GetPolicy() != "" && f.GetPolicy() != e.Policy:
	case len(f.GetMetrics()) > 0 && !slices.Contains(f.GetMetrics(), metric(e.Metric)):
	case f != nil && f.SinceUnixNs != nil && e.Time < *f.SinceUnixNs:
	case e.ID <= f.GetAfterId():
	default:
		return true
	}
	return false
}

// ListEvents returns events, newest first.
func (s *eventService) ListEvents(_ context.Context, r *connect.Request[openifitv1.ListEventsRequest]) (*connect.Response[openifitv1.ListEventsResponse], error) {
	found := s.c.Events.List(func(e *measure.Event) bool { return matchesEvent(r.Msg.GetFilter(), e) })
	out := &openifitv1.ListEventsResponse{Matched: uint64(len(found))}
	for i := range found[:min(len(found), limitOf(r.Msg.GetLimit()))] {
		out.Events = append(out.Events, event(&found[i]))
	}
	return connect.NewResponse(out), nil
}

// WatchEvents follows events as they arrive.
func (s *eventService) WatchEvents(ctx context.Context, r *connect.Request[openifitv1.WatchEventsRequest], stream *connect.ServerStream[openifitv1.WatchEventsResponse]) error {
	sub := s.c.Events.Hub.Subscribe(watchRoom)
	defer sub.Close()
	f := r.Msg.GetFilter()
	last := uint64(0)
	if f != nil && (f.SinceUnixNs != nil || f.GetAfterId() != 0) {
		found := s.c.Events.List(func(e *measure.Event) bool { return matchesEvent(f, e) })
		for _, e := range slices.Backward(found) {
			last = max(last, e.ID)
			if err := stream.Send(&openifitv1.WatchEventsResponse{Event: event(&e)}); err != nil {
				return err
			}
		}
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case e := <-sub.C:
			if e.ID <= last || !matchesEvent(f, &e) {
				continue
			}
			if err := stream.Send(&openifitv1.WatchEventsResponse{Event: event(&e), Dropped: sub.Dropped()}); err != nil {
				return err
			}
		}
	}
}

func event(e *measure.Event) *openifitv1.Event {
	out := &openifitv1.Event{
		Id: e.ID, Node: e.Node, NodeEventId: e.NodeID, Metric: metric(e.Metric),
		Policy: e.Policy, Trigger: e.Trigger, Generation: e.Generation,
		ObservationPoint: &openifitv1.ObservationPoint{Node: e.Node, Interface: e.Interface, Direction: direction(e.Direction)},
		Key:              tuple(e.Flow), Value: float64(e.Value), Threshold: float64(e.Threshold), Unit: unit(e.Metric),
		TimeUnixNs: e.Time, ReceivedAtUnixNs: e.Received, Provenance: openifitv1.Provenance_PROVENANCE_GNMI,
	}
	switch e.Phase {
	case measure.Raised:
		out.Phase = openifitv1.EventPhase_EVENT_PHASE_RAISED
	case measure.Cleared:
		out.Phase = openifitv1.EventPhase_EVENT_PHASE_CLEARED
	case measure.Momentary:
		out.Phase = openifitv1.EventPhase_EVENT_PHASE_INSTANT
	}
	if e.Metric == measure.PathChange {
		out.PathChange = &openifitv1.PathChange{
			OldIngressInterface: e.Before.Ingress, NewIngressInterface: e.Now.Ingress,
			OldEgressInterface: e.Before.Egress, NewEgressInterface: e.Now.Egress,
			OldHopLimit: uint32(e.Before.HopLimit), NewHopLimit: uint32(e.Now.HopLimit),
		}
	}
	if e.Drop != (measure.Drop{}) {
		out.Drop = &openifitv1.Drop{Reason: e.Drop.Reason, Location: e.Drop.Location}
	}
	for _, c := range e.Culprits {
		out.Culprits = append(out.Culprits, &openifitv1.Culprit{Key: tuple(c.Flow), Octets: c.Octets})
	}
	return out
}

func unit(metric string) string {
	switch metric {
	case "TRANSIT_DELAY", "PATH_DELAY":
		return "ns"
	case "QUEUE_DEPTH", "MICROBURST":
		return "octets"
	case "PACKET_DROP":
		return "packets/s"
	case "FLOW_RATE":
		return "octets/s"
	}
	return ""
}
