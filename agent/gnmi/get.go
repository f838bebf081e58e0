package gnmi

import (
	"context"
	"slices"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/openifit/openifit/agent/intent/schema"
)

// maxPaths bounds the paths of one Get or Subscribe and the operations of one
// Set.
const maxPaths = 10_000

// maxAnswer bounds the answer to a Get in octets: the same subtree can be asked
// for by each of its paths.
const maxAnswer = 128 << 20

// Get answers with one notification per path, all of one moment as far as the
// configuration goes.
func (s *Server) Get(ctx context.Context, req *gpb.GetRequest) (*gpb.GetResponse, error) {
	if err := refuseExtensions(req.GetExtension()); err != nil {
		return nil, err
	}
	enc, err := newEncoder(req.GetEncoding())
	if err != nil {
		return nil, err
	}
	content, err := contentOf(req.GetType())
	if err != nil {
		return nil, err
	}
	if err := checkModels(req.GetUseModels()); err != nil {
		return nil, err
	}
	if len(req.GetPath()) == 0 {
		return nil, status.Error(codes.InvalidArgument, "no path is given")
	}
	if len(req.GetPath()) > maxPaths {
		return nil, status.Errorf(codes.ResourceExhausted, "%d paths are more than %d", len(req.GetPath()), maxPaths)
	}
	r, err := newRequest(s.schema, req.GetPrefix())
	if err != nil {
		return nil, err
	}
	wanted := make([][]schema.Pattern, len(req.GetPath()))
	for i, p := range req.GetPath() {
		if wanted[i], err = r.resolve(p); err != nil {
			return nil, err
		}
	}
	view := s.tree.view(slices.Concat(wanted...), true)
	resp := &gpb.GetResponse{}
	size := 0
	for i, patterns := range wanted {
		if err := ctx.Err(); err != nil {
			return nil, status.FromContextError(err).Err()
		}
		n := &gpb.Notification{Timestamp: s.now().UnixNano(), Prefix: r.answerPrefix()}
		origin := req.GetPath()[i].GetOrigin()
		wild := false
		for _, p := range patterns {
			if _, exact := p.Exact(); !exact || len(patterns) > 1 {
				wild = true
			}
			for _, l := range s.schema.Find(p, view) {
				n.Update = append(n.Update, enc.updates(l, content, r, origin)...)
			}
		}
		if len(n.Update) == 0 && !wild && !present(s.schema, patterns[0], view, content) {
			return nil, status.Errorf(codes.NotFound, "%v: there is nothing of the requested type", patterns[0])
		}
		if len(n.Update) == 0 && !wild && enc.json() {
			// A container without content exists all the same.
			l := s.schema.Find(patterns[0], view)[0]
			n.Update = append(n.Update, &gpb.Update{Path: relative(l.Path, r, origin), Val: enc.raw([]byte("{}"))})
		}
		if size += proto.Size(n); size > maxAnswer {
			return nil, status.Errorf(codes.ResourceExhausted, "the answer is longer than %d octets; ask for less at a time", maxAnswer)
		}
		resp.Notification = append(resp.Notification, n)
	}
	return resp, nil
}

// present reports whether an exact pattern names a container that exists, even
// without content. Containers exist as soon as the list entries above them.
func present(s *schema.Schema, p schema.Pattern, view schema.View, c schema.Content) bool {
	if p.Node.Kind != schema.Container || c == schema.Config && !p.Node.Config {
		return false
	}
	return len(s.Find(p, view)) > 0
}

func contentOf(t gpb.GetRequest_DataType) (schema.Content, error) {
	switch t {
	case gpb.GetRequest_ALL:
		return schema.All, nil
	case gpb.GetRequest_CONFIG:
		return schema.Config, nil
	case gpb.GetRequest_STATE:
		return schema.State, nil
	case gpb.GetRequest_OPERATIONAL:
		return schema.Operational, nil
	}
	return 0, status.Errorf(codes.InvalidArgument, "type %d is not defined", t)
}

// checkModels verifies that the models which a request restricts itself to are
// served. All data lie in one model, so there is nothing to leave out.
func checkModels(use []*gpb.ModelData) error {
	if len(use) == 0 {
		return nil
	}
	served, err := modelData()
	if err != nil {
		return status.Error(codes.Internal, err.Error())
	}
	for _, u := range use {
		i := slices.IndexFunc(served, func(m *gpb.ModelData) bool { return m.Name == u.GetName() })
		switch {
		case i < 0:
			return status.Errorf(codes.InvalidArgument, "model %q is not served", u.GetName())
		case u.GetVersion() != "" && u.GetVersion() != served[i].Version:
			return status.Errorf(codes.InvalidArgument, "model %s is served in version %s, not %q", u.GetName(), served[i].Version, u.GetVersion())
		}
	}
	if !slices.ContainsFunc(use, func(m *gpb.ModelData) bool { return m.GetName() == "openifit-agent" }) {
		return status.Error(codes.NotFound, "the models that were asked for define no data; use openifit-agent")
	}
	return nil
}
