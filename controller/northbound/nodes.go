package northbound

import (
	"context"

	"connectrpc.com/connect"

	"github.com/openifit/openifit/controller/inventory"
	openifitv1 "github.com/openifit/openifit/gen/openifit/v1"
)

type nodeService struct{ c *Controller }

// ListNodes returns every node of the inventory.
func (s *nodeService) ListNodes(context.Context, *connect.Request[openifitv1.ListNodesRequest]) (*connect.Response[openifitv1.ListNodesResponse], error) {
	out := &openifitv1.ListNodesResponse{}
	for _, n := range s.c.Inventory.Nodes() {
		out.Nodes = append(out.Nodes, node(&n))
	}
	return connect.NewResponse(out), nil
}

// GetNode returns one node.
func (s *nodeService) GetNode(_ context.Context, r *connect.Request[openifitv1.GetNodeRequest]) (*connect.Response[openifitv1.GetNodeResponse], error) {
	n, ok := s.c.Inventory.Node(r.Msg.GetName())
	if !ok {
		return nil, notFound("there is no node %q", r.Msg.GetName())
	}
	return connect.NewResponse(&openifitv1.GetNodeResponse{Node: node(&n)}), nil
}

// WatchNodes follows nodes.
func (s *nodeService) WatchNodes(ctx context.Context, _ *connect.Request[openifitv1.WatchNodesRequest], stream *connect.ServerStream[openifitv1.WatchNodesResponse]) error {
	sub := s.c.Nodes.Subscribe(watchRoom)
	defer sub.Close()
	for _, n := range s.c.Inventory.Nodes() {
		if err := stream.Send(&openifitv1.WatchNodesResponse{Change: openifitv1.Change_CHANGE_PRESENT, Node: node(&n)}); err != nil {
			return err
		}
	}
	if err := stream.Send(&openifitv1.WatchNodesResponse{Change: openifitv1.Change_CHANGE_SYNCHRONIZED}); err != nil {
		return err
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case n := <-sub.C:
			if err := stream.Send(&openifitv1.WatchNodesResponse{
				Change: openifitv1.Change_CHANGE_UPDATED, Node: node(&n), Dropped: sub.Dropped(),
			}); err != nil {
				return err
			}
		}
	}
}

func node(n *inventory.Node) *openifitv1.Node {
	out := &openifitv1.Node{
		Name: n.Name, Address: n.Address, NodeId: n.NodeID, ObservationDomainId: n.DomainID,
		Session:            openifitv1.SessionState(openifitv1.SessionState_value["SESSION_STATE_"+string(n.Session)]),
		SessionSinceUnixNs: n.Since, LastError: n.LastError,
		Techniques: n.Techniques, AgentVersion: n.AgentVersion, KernelRelease: n.KernelRelease,
		ActivePolicies: uint32(n.ActivePolicies()),
	}
	if n.ExportKnown {
		out.ExportOctetsPerSecond = &n.ExportRate
	}
	for _, i := range n.Interfaces {
		role := openifitv1.InterfaceRole_INTERFACE_ROLE_UNSPECIFIED
		if i.Role != "" {
			role = openifitv1.InterfaceRole(openifitv1.InterfaceRole_value["INTERFACE_ROLE_"+i.Role])
		}
		out.Interfaces = append(out.Interfaces, &openifitv1.Interface{
			Name: i.Name, Ifindex: i.Ifindex, Role: role, OperUp: i.OperUp, MtuOctets: i.MTU,
			PeerNode: i.Peer.Node, PeerInterface: i.Peer.Interface,
		})
	}
	return out
}
