package gnmi

import (
	"slices"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/openifit/openifit/agent/intent/schema"
)

// request is the prefix of a request, as far as answers repeat it.
type request struct {
	schema *schema.Schema
	prefix *gpb.Path
	// below is the node that the prefix leads to, when answers can be
	// relative to it; else the root.
	below *schema.Node
}

func newRequest(s *schema.Schema, prefix *gpb.Path) (request, error) {
	r := request{s, prefix, s.Root}
	if err := checkOrigin(prefix.GetOrigin()); err != nil {
		return r, err
	}
	if err := checkElement(prefix); err != nil {
		return r, err
	}
	if ps, err := s.Resolve(prefix.GetElem()); err == nil && len(ps) == 1 {
		if _, exact := ps[0].Exact(); exact {
			r.below = ps[0].Node
		}
	}
	return r, nil
}

// checkOrigin refuses origins under which another tree is expected.
func checkOrigin(origin string) error {
	switch origin {
	case "", "openifit", "openconfig", "rfc7951":
		return nil
	}
	return status.Errorf(codes.InvalidArgument, "origin %q is not served; use none, openifit or openconfig", origin)
}

// checkElement refuses paths in the notation that gNMI gave up. Clients may
// send it beside the present one.
func checkElement(p *gpb.Path) error {
	if len(p.GetElement()) > 0 && len(p.GetElem()) == 0 { //nolint:staticcheck // deprecated, refused
		return status.Error(codes.InvalidArgument, "the field element of a path is obsolete, use elem")
	}
	return nil
}

// elems returns the elements of the prefix and a path.
func (r request) elems(p *gpb.Path) ([]*gpb.PathElem, error) {
	if err := checkElement(p); err != nil {
		return nil, err
	}
	if p.GetTarget() != "" {
		return nil, status.Errorf(codes.InvalidArgument, "path: target %q belongs into the prefix", p.GetTarget())
	}
	if p.GetOrigin() != "" && r.prefix.GetOrigin() != "" {
		return nil, status.Error(codes.InvalidArgument, "origin is given in both prefix and path")
	}
	if err := checkOrigin(p.GetOrigin()); err != nil {
		return nil, err
	}
	return slices.Concat(r.prefix.GetElem(), p.GetElem()), nil
}

// resolve finds what a path of the request means.
func (r request) resolve(p *gpb.Path) ([]schema.Pattern, error) {
	elems, err := r.elems(p)
	if err != nil {
		return nil, err
	}
	ps, err := r.schema.Resolve(elems)
	if err != nil {
		return nil, requestError(err, codes.Unimplemented)
	}
	return schema.Outermost(ps), nil
}

// answerPrefix returns the prefix for answers whose paths are relative to the
// request's.
func (r request) answerPrefix() *gpb.Path {
	if r.prefix == nil {
		return nil
	}
	p := &gpb.Path{Origin: r.prefix.GetOrigin(), Target: r.prefix.GetTarget()}
	if r.below != r.schema.Root {
		p.Elem = r.prefix.GetElem()
	}
	return p
}

// prefixAt returns the prefix for answers whose paths are relative to one
// place in the tree.
func (r request) prefixAt(at schema.Path) *gpb.Path {
	return &gpb.Path{
		Origin: r.prefix.GetOrigin(), Target: r.prefix.GetTarget(),
		Elem: at.Elems(r.schema.Root),
	}
}
