package northbound

import (
	"context"
	"errors"
	"fmt"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"github.com/openifit/openifit/controller/policy"
	"github.com/openifit/openifit/controller/push"
	openifitv1 "github.com/openifit/openifit/gen/openifit/v1"
)

type policyService struct{ c *Controller }

// ListPolicies returns the policies.
func (s *policyService) ListPolicies(_ context.Context, r *connect.Request[openifitv1.ListPoliciesRequest]) (*connect.Response[openifitv1.ListPoliciesResponse], error) {
	out := &openifitv1.ListPoliciesResponse{}
	for _, name := range s.c.Pusher.Policies() {
		p := s.policy(name)
		if p != nil && (r.Msg.GetOwner() == "" || r.Msg.GetOwner() == p.GetOwner()) {
			out.Policies = append(out.Policies, p)
		}
	}
	return connect.NewResponse(out), nil
}

// GetPolicy returns one policy.
func (s *policyService) GetPolicy(_ context.Context, r *connect.Request[openifitv1.GetPolicyRequest]) (*connect.Response[openifitv1.GetPolicyResponse], error) {
	p := s.policy(r.Msg.GetName())
	if p == nil {
		return nil, notFound("there is no policy %q", r.Msg.GetName())
	}
	return connect.NewResponse(&openifitv1.GetPolicyResponse{Policy: p}), nil
}

// ApplyPolicy creates or replaces a policy.
func (s *policyService) ApplyPolicy(ctx context.Context, r *connect.Request[openifitv1.ApplyPolicyRequest]) (*connect.Response[openifitv1.ApplyPolicyResponse], error) {
	want, err := policy.Parse([]byte(r.Msg.GetJsonIetf()))
	if err != nil {
		return nil, connect.NewError(connect.CodeInvalidArgument, err)
	}
	for _, name := range r.Msg.GetNodes() {
		if _, ok := s.c.Inventory.Node(name); !ok {
			return nil, invalid("nodes: there is no node %q", name)
		}
	}
	if r.Msg.GetValidateOnly() {
		return connect.NewResponse(&openifitv1.ApplyPolicyResponse{Policy: &openifitv1.Policy{
			Name: want.Name(), JsonIetf: string(want.JSON()), Nodes: r.Msg.GetNodes(), Owner: want.Owner(),
		}}), nil
	}
	// A client that goes away does not leave the push half done.
	_, err = s.c.Pusher.Apply(context.WithoutCancel(ctx), want, r.Msg.GetNodes())
	switch {
	case errors.Is(err, push.ErrRolledBack):
		return nil, connect.NewError(connect.CodeFailedPrecondition, err)
	case errors.Is(err, push.ErrUnknownNode):
		return nil, connect.NewError(connect.CodeInvalidArgument, err)
	case err != nil:
		return nil, connect.NewError(connect.CodeInternal, err)
	}
	p := s.policy(want.Name())
	if p == nil {
		return nil, connect.NewError(connect.CodeAborted, fmt.Errorf("policy %q was removed meanwhile", want.Name()))
	}
	return connect.NewResponse(&openifitv1.ApplyPolicyResponse{Policy: p}), nil
}

// DeletePolicy removes a policy from the nodes.
func (s *policyService) DeletePolicy(ctx context.Context, r *connect.Request[openifitv1.DeletePolicyRequest]) (*connect.Response[openifitv1.DeletePolicyResponse], error) {
	left, err := s.c.Pusher.Remove(context.WithoutCancel(ctx), r.Msg.GetName())
	switch {
	case errors.Is(err, push.ErrUnknownPolicy):
		return nil, notFound("there is no policy %q", r.Msg.GetName())
	case err != nil:
		return nil, connect.NewError(connect.CodeInternal, err)
	}
	out := &openifitv1.DeletePolicyResponse{}
	for _, l := range left {
		out.Remaining = append(out.Remaining, s.status(r.Msg.GetName(), l))
	}
	return connect.NewResponse(out), nil
}

// WatchPolicies follows policies and their state on the nodes.
func (s *policyService) WatchPolicies(ctx context.Context, r *connect.Request[openifitv1.WatchPoliciesRequest], stream *connect.ServerStream[openifitv1.WatchPoliciesResponse]) error {
	names, nodes := s.c.Policies.Subscribe(watchRoom), s.c.Nodes.Subscribe(watchRoom)
	defer names.Close()
	defer nodes.Close()
	sent := make(map[string]*openifitv1.Policy)
	// send tells what differs from what was sent before.
	send := func(change openifitv1.Change) error {
		present := make(map[string]bool)
		for _, name := range s.c.Pusher.Policies() {
			p := s.policy(name)
			if p == nil || r.Msg.GetName() != "" && r.Msg.GetName() != name {
				continue
			}
			present[name] = true
			if proto.Equal(sent[name], p) {
				continue
			}
			sent[name] = p
			if err := stream.Send(&openifitv1.WatchPoliciesResponse{Change: change, Policy: p}); err != nil {
				return err
			}
		}
		for name := range sent {
			if present[name] {
				continue
			}
			delete(sent, name)
			if err := stream.Send(&openifitv1.WatchPoliciesResponse{
				Change: openifitv1.Change_CHANGE_REMOVED, Policy: &openifitv1.Policy{Name: name},
			}); err != nil {
				return err
			}
		}
		return nil
	}
	if err := send(openifitv1.Change_CHANGE_PRESENT); err != nil {
		return err
	}
	if err := stream.Send(&openifitv1.WatchPoliciesResponse{Change: openifitv1.Change_CHANGE_SYNCHRONIZED}); err != nil {
		return err
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-names.C:
		case <-nodes.C:
		}
		if err := send(openifitv1.Change_CHANGE_UPDATED); err != nil {
			return err
		}
	}
}

// policy returns a policy with its state everywhere; nil when there is none.
func (s *policyService) policy(name string) *openifitv1.Policy {
	p, meant, applied := s.c.Pusher.Policy(name)
	if p == nil {
		return nil
	}
	out := &openifitv1.Policy{
		Name: name, JsonIetf: string(p.JSON()), Nodes: meant, Owner: p.Owner(), AppliedAtUnixNs: applied.UnixNano(),
	}
	for _, r := range s.c.Pusher.Results(name) {
		out.Statuses = append(out.Statuses, s.status(name, r))
	}
	return out
}

// status joins how the push went with what the node tells.
func (s *policyService) status(name string, r push.Result) *openifitv1.NodePolicyStatus {
	out := &openifitv1.NodePolicyStatus{Node: r.Node, LastError: r.Error}
	n, _ := s.c.Inventory.Node(r.Node)
	p, told := n.Policies[name]
	if told {
		out.Roles, out.Generation = roles(p.Roles), p.Generation
		out.PacketsObserved, out.PacketsSelected = p.Observed, p.Selected
		out.RecordsExported, out.RecordsDropped, out.Events = p.Records, p.Dropped, p.Events
		out.ExpiresAtUnixNs = known(p.ExpiresAt)
	}
	switch r.State {
	case push.Refused:
		out.OperStatus = openifitv1.PolicyOperStatus_POLICY_OPER_STATUS_REFUSED
	case push.Pending:
		out.OperStatus = openifitv1.PolicyOperStatus_POLICY_OPER_STATUS_PENDING
	case push.Applied:
		if told && p.OperStatus != "" {
			out.OperStatus = openifitv1.PolicyOperStatus(openifitv1.PolicyOperStatus_value["POLICY_OPER_STATUS_"+p.OperStatus])
			out.LastError = p.LastError
		}
	}
	return out
}
