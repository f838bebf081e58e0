package northbound

import (
	"context"

	"connectrpc.com/connect"

	"github.com/openifit/openifit/controller/flows"
	"github.com/openifit/openifit/controller/measure"
	openifitv1 "github.com/openifit/openifit/gen/openifit/v1"
)

type flowService struct{ c *Controller }

// ListFlows returns the flows that the controller holds.
func (s *flowService) ListFlows(_ context.Context, r *connect.Request[openifitv1.ListFlowsRequest]) (*connect.Response[openifitv1.ListFlowsResponse], error) {
	filter, err := readFlowFilter(r.Msg.GetFilter())
	if err != nil {
		return nil, err
	}
	found := s.c.Flows.List(filter.flow)
	out := &openifitv1.ListFlowsResponse{Matched: uint64(len(found))}
	for i := range found[:min(len(found), limitOf(r.Msg.GetLimit()))] {
		out.Flows = append(out.Flows, flow(&found[i]))
	}
	return connect.NewResponse(out), nil
}

func (f *flowFilter) flow(fl *flows.Flow) bool {
	return (f.node == "" || f.node == fl.Node) && (f.policy == "" || f.policy == fl.Policy) && f.matches(fl.Key.Flow)
}

// WatchFlows follows Flow Records as they are collected.
func (s *flowService) WatchFlows(ctx context.Context, r *connect.Request[openifitv1.WatchFlowsRequest], stream *connect.ServerStream[openifitv1.WatchFlowsResponse]) error {
	filter, err := readFlowFilter(r.Msg.GetFilter())
	if err != nil {
		return err
	}
	sub := s.c.Flows.Hub.Subscribe(watchRoom)
	defer sub.Close()
	for {
		select {
		case <-ctx.Done():
			return nil
		case fl := <-sub.C:
			if !filter.flow(&fl) {
				continue
			}
			if err := stream.Send(&openifitv1.WatchFlowsResponse{Flow: flow(&fl), Dropped: sub.Dropped()}); err != nil {
				return err
			}
		}
	}
}

func flow(f *flows.Flow) *openifitv1.Flow {
	d := openifitv1.Direction_DIRECTION_INGRESS
	if f.Egress {
		d = openifitv1.Direction_DIRECTION_EGRESS
	}
	out := &openifitv1.Flow{
		Key:              flowKey(f.Key),
		ObservationPoint: &openifitv1.ObservationPoint{Node: f.Node, Interface: f.Interface, Direction: d},
		Policy:           f.Policy, Generation: f.Generation,
		Packets: f.Packets, IpOctets: f.Octets, SamplingRatio: f.Ratio, TcpControlBits: uint32(f.TCPFlags),
		FirstUnixNs: f.First, LastUnixNs: f.Last,
		IngressInterface: f.IngressInterface, EgressInterface: f.EgressInterface,
		TransitDelay: delay(f.Delay), Records: f.Records, CollectedAtUnixNs: f.Collected,
		Provenance: provenance(f.Authenticated),
	}
	if f.MaximumHopLimit != 0 {
		out.MinHopLimit, out.MaxHopLimit = ptr(uint32(f.MinimumHopLimit)), ptr(uint32(f.MaximumHopLimit))
	}
	return out
}

// ListHeavyFlows returns the heavy flows that the nodes report now.
func (s *flowService) ListHeavyFlows(_ context.Context, r *connect.Request[openifitv1.ListHeavyFlowsRequest]) (*connect.Response[openifitv1.ListHeavyFlowsResponse], error) {
	out := &openifitv1.ListHeavyFlowsResponse{}
	instrumented := s.instrumented()
	for _, list := range s.c.Engine.HeavyFlows() {
		if matchesList(&list, r.Msg.GetNode(), r.Msg.GetPolicy()) {
			for _, h := range list.Flows {
				out.HeavyFlows = append(out.HeavyFlows, heavyFlow(&list, h, instrumented))
			}
		}
	}
	return connect.NewResponse(out), nil
}

func matchesList(l *measure.HeavyFlows, node, policy string) bool {
	return (node == "" || node == l.Node) && (policy == "" || policy == l.Policy)
}

// instrumented returns the flows on the lists of on-path policies.
func (s *flowService) instrumented() map[measure.Flow]bool {
	out := make(map[measure.Flow]bool)
	for _, name := range s.c.Pusher.Policies() {
		p, _, _ := s.c.Pusher.Policy(name)
		if p == nil || !p.OnPath() || !p.Enabled() || !p.HasFlowList() {
			continue
		}
		for _, f := range p.Flows() {
			out[f] = true
		}
	}
	return out
}

func heavyFlow(list *measure.HeavyFlows, h measure.HeavyFlow, instrumented map[measure.Flow]bool) *openifitv1.HeavyFlow {
	return &openifitv1.HeavyFlow{
		Key: tuple(h.Flow), Node: list.Node, Policy: list.Policy, Generation: list.Generation, Rank: h.Rank,
		Packets: h.Packets, IpOctets: h.Octets, ReportedAtUnixNs: list.Time, Instrumented: instrumented[h.Flow],
	}
}

// heavyID tells heavy flows of a watch apart.
type heavyID struct {
	node, policy string
	flow         measure.Flow
}

// WatchHeavyFlows follows heavy flows as they appear, change and go.
func (s *flowService) WatchHeavyFlows(ctx context.Context, r *connect.Request[openifitv1.WatchHeavyFlowsRequest], stream *connect.ServerStream[openifitv1.WatchHeavyFlowsResponse]) error {
	sub := s.c.Engine.Heavy.Subscribe(watchRoom)
	defer sub.Close()
	sent := make(map[heavyID]bool)
	send := func(change openifitv1.Change, list *measure.HeavyFlows) error {
		instrumented := s.instrumented()
		now := make(map[heavyID]bool)
		for _, h := range list.Flows {
			id := heavyID{list.Node, list.Policy, h.Flow}
			now[id], sent[id] = true, true
			if err := stream.Send(&openifitv1.WatchHeavyFlowsResponse{
				Change: change, HeavyFlow: heavyFlow(list, h, instrumented), Dropped: sub.Dropped(),
			}); err != nil {
				return err
			}
		}
		for id := range sent {
			if id.node != list.Node || id.policy != list.Policy || now[id] {
				continue
			}
			delete(sent, id)
			if err := stream.Send(&openifitv1.WatchHeavyFlowsResponse{
				Change: openifitv1.Change_CHANGE_REMOVED, Dropped: sub.Dropped(),
				HeavyFlow: &openifitv1.HeavyFlow{Key: tuple(id.flow), Node: id.node, Policy: id.policy},
			}); err != nil {
				return err
			}
		}
		return nil
	}
	for _, list := range s.c.Engine.HeavyFlows() {
		if matchesList(&list, r.Msg.GetNode(), r.Msg.GetPolicy()) {
			if err := send(openifitv1.Change_CHANGE_PRESENT, &list); err != nil {
				return err
			}
		}
	}
	if err := stream.Send(&openifitv1.WatchHeavyFlowsResponse{Change: openifitv1.Change_CHANGE_SYNCHRONIZED}); err != nil {
		return err
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case list := <-sub.C:
			if !matchesList(&list, r.Msg.GetNode(), r.Msg.GetPolicy()) {
				continue
			}
			if err := send(openifitv1.Change_CHANGE_UPDATED, &list); err != nil {
				return err
			}
		}
	}
}
