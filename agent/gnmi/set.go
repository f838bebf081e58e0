package gnmi

import (
	"context"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"github.com/openifit/openifit/agent/intent"
)

// Set carries out deletes, replaces and updates, in this order, all or none of
// them, and answers when the kernel has.
func (s *Server) Set(ctx context.Context, req *gpb.SetRequest) (*gpb.SetResponse, error) {
	if err := refuseExtensions(req.GetExtension()); err != nil {
		return nil, err
	}
	r, err := newRequest(s.schema, req.GetPrefix())
	if err != nil {
		return nil, err
	}
	ops, results, err := operations(r, req)
	if err != nil {
		return nil, err
	}
	err = s.apply(ctx, ops)
	s.log.Info("set", "peer", peerName(ctx), "operations", len(results), "error", err)
	if err != nil {
		return nil, err
	}
	return &gpb.SetResponse{Prefix: req.GetPrefix(), Response: results, Timestamp: s.now().UnixNano()}, nil
}

func (s *Server) apply(ctx context.Context, ops []intent.Op) error {
	if len(ops) == 0 {
		return nil
	}
	s.setting.Lock()
	defer s.setting.Unlock()
	if err := ctx.Err(); err != nil {
		return status.FromContextError(err).Err()
	}
	proposal, err := s.intent.Propose(ops)
	if err != nil {
		return requestError(err, codes.NotFound)
	}
	return s.transact(ctx, proposal)
}

// operations lists the operations of a request in the order in which they are
// carried out, and their results.
func operations(r request, req *gpb.SetRequest) ([]intent.Op, []*gpb.UpdateResult, error) {
	union := req.GetUnionReplace()
	n := len(req.GetDelete()) + len(req.GetReplace()) + len(req.GetUpdate())
	if len(union) > 0 && n > 0 {
		return nil, nil, status.Error(codes.InvalidArgument, "union_replace stands alone in a request")
	}
	if n+len(union) > maxPaths {
		return nil, nil, status.Errorf(codes.ResourceExhausted, "%d operations are more than %d", n+len(union), maxPaths)
	}
	var ops []intent.Op
	var results []*gpb.UpdateResult
	add := func(kind intent.OpKind, as gpb.UpdateResult_Operation, p *gpb.Path, v *gpb.TypedValue) error {
		elems, err := r.elems(p)
		if err != nil {
			return err
		}
		ops = append(ops, intent.Op{Kind: kind, Elems: elems, Value: v})
		results = append(results, &gpb.UpdateResult{Path: p, Op: as})
		return nil
	}
	for _, p := range req.GetDelete() {
		if err := add(intent.Delete, gpb.UpdateResult_DELETE, p, nil); err != nil {
			return nil, nil, err
		}
	}
	for _, u := range req.GetReplace() {
		if err := add(intent.Replace, gpb.UpdateResult_REPLACE, u.GetPath(), u.GetVal()); err != nil {
			return nil, nil, err
		}
	}
	for _, u := range req.GetUpdate() {
		if err := add(intent.Update, gpb.UpdateResult_UPDATE, u.GetPath(), u.GetVal()); err != nil {
			return nil, nil, err
		}
	}
	if len(union) > 0 {
		// The whole configuration becomes the union of the values.
		ops = append(ops, intent.Op{Kind: intent.Delete})
		for _, u := range union {
			if err := add(intent.Update, gpb.UpdateResult_UNION_REPLACE, u.GetPath(), u.GetVal()); err != nil {
				return nil, nil, err
			}
		}
	}
	return ops, results, nil
}

func peerName(ctx context.Context) string {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return ""
	}
	if names := certificateNames(p); names != "" {
		return names + " " + p.Addr.String()
	}
	return p.Addr.String()
}
