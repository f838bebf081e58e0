package northbound

import (
	"context"
	"slices"
	"strconv"

	"connectrpc.com/connect"

	"github.com/openifit/openifit/controller/correlate"
	"github.com/openifit/openifit/controller/measure"
	openifitv1 "github.com/openifit/openifit/gen/openifit/v1"
)

type pathService struct{ c *Controller }

// ListPaths returns the latest path of each flow, or all that are kept.
func (s *pathService) ListPaths(_ context.Context, r *connect.Request[openifitv1.ListPathsRequest]) (*connect.Response[openifitv1.ListPathsResponse], error) {
	filter, err := readFlowFilter(r.Msg.GetFilter())
	if err != nil {
		return nil, err
	}
	list := s.c.Paths.Latest()
	if r.Msg.GetHistory() {
		list = s.c.Paths.History()
	}
	ids := nodeIDs(s.c.Inventory.Nodes())
	out := &openifitv1.ListPathsResponse{}
	limit := limitOf(r.Msg.GetLimit())
	for _, p := range list {
		if !filter.path(p) || r.Msg.GetIncompleteOnly() && p.Complete {
			continue
		}
		out.Matched++
		if len(out.Paths) < limit {
			out.Paths = append(out.Paths, path(p, ids))
		}
	}
	return connect.NewResponse(out), nil
}

func (f *flowFilter) path(p *correlate.Path) bool {
	crosses := f.node == "" || slices.ContainsFunc(p.Hops, func(h correlate.Hop) bool { return h.Node == f.node })
	return crosses && (f.policy == "" || f.policy == p.Policy) && f.matches(p.Flow)
}

// GetPath returns one path.
func (s *pathService) GetPath(_ context.Context, r *connect.Request[openifitv1.GetPathRequest]) (*connect.Response[openifitv1.GetPathResponse], error) {
	id, err := strconv.ParseUint(r.Msg.GetId(), 10, 64)
	if err != nil {
		return nil, invalid("id %q is no number", r.Msg.GetId())
	}
	p := s.c.Paths.Path(id)
	if p == nil {
		return nil, notFound("there is no path %d, or it has been forgotten", id)
	}
	return connect.NewResponse(&openifitv1.GetPathResponse{Path: path(p, nodeIDs(s.c.Inventory.Nodes()))}), nil
}

// WatchPaths follows paths as their correlation ends.
func (s *pathService) WatchPaths(ctx context.Context, r *connect.Request[openifitv1.WatchPathsRequest], stream *connect.ServerStream[openifitv1.WatchPathsResponse]) error {
	filter, err := readFlowFilter(r.Msg.GetFilter())
	if err != nil {
		return err
	}
	sub := s.c.Paths.Hub.Subscribe(watchRoom)
	defer sub.Close()
	// routes remembers what was sent of a flow; it forgets all when a flood of
	// flows would fill the memory.
	const most = 65_536
	routes := make(map[measure.Flow]uint64)
	for {
		select {
		case <-ctx.Done():
			return nil
		case p := <-sub.C:
			if !filter.path(p) {
				continue
			}
			if r.Msg.GetChangesOnly() {
				if !p.Complete || routes[p.Flow] == p.Route {
					continue
				}
				if len(routes) >= most {
					clear(routes)
				}
				routes[p.Flow] = p.Route
			}
			ids := nodeIDs(s.c.Inventory.Nodes())
			if err := stream.Send(&openifitv1.WatchPathsResponse{Path: path(p, ids), Dropped: sub.Dropped()}); err != nil {
				return err
			}
		}
	}
}

func path(p *correlate.Path, ids map[string]uint32) *openifitv1.Path {
	out := &openifitv1.Path{
		Id: strconv.FormatUint(p.ID, 10), Key: tuple(p.Flow), PacketId: p.PacketID,
		Policy: p.Policy, Generation: p.Generation,
		Completeness: openifitv1.Completeness_COMPLETENESS_INCOMPLETE,
		Duplicates:   p.Duplicates, TimeUnixNs: p.Time, RouteId: p.Route,
		RouteChanges: p.RouteChanges, PacketsOnRoute: p.PacketsOnRoute,
	}
	if p.Complete {
		out.Completeness = openifitv1.Completeness_COMPLETENESS_COMPLETE
	}
	if p.Delay.Known && !p.Delay.Suspect {
		out.PathDelayNs = ptr(p.Delay.Nanoseconds)
	}
	for i := range p.Hops {
		out.Hops = append(out.Hops, hop(&p.Hops[i], ids))
	}
	for _, m := range p.Missing {
		missing := &openifitv1.MissingHop{Position: uint32(m.Position), ExpectedNode: m.Node}
		if m.HopLimit != 0 {
			missing.HopLimit = ptr(uint32(m.HopLimit))
		}
		out.MissingHops = append(out.MissingHops, missing)
	}
	return out
}

func hop(h *correlate.Hop, ids map[string]uint32) *openifitv1.Hop {
	out := &openifitv1.Hop{
		Node: h.Node, NodeId: ids[h.Node],
		IngressInterface: h.IngressInterface, EgressInterface: h.EgressInterface, HopLimit: uint32(h.HopLimit),
		IngressUnixNs: known(h.Ingress), EgressUnixNs: known(h.Egress),
		ClockSuspect: h.LinkDelay.Suspect || h.NodeDelay.Suspect,
		Duplicates:   h.Duplicates, Generation: h.Generation, Provenance: provenance(h.Authenticated),
	}
	if h.NodeDelay.Known && !h.NodeDelay.Suspect {
		out.TransitDelayNs = ptr(h.NodeDelay.Nanoseconds)
	}
	if h.LinkDelay.Known {
		out.DelayFromPreviousHopNs = ptr(h.LinkDelay.Nanoseconds)
	}
	return out
}
