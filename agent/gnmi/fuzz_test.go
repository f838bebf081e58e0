package gnmi_test

import (
	"testing"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// FuzzSet gives the server whole SetRequests: none may be answered with an
// internal error, and what is accepted must survive a restart.
func FuzzSet(f *testing.F) {
	n := start(f)
	n.fill(f)
	for _, req := range []*gpb.SetRequest{
		{Update: []*gpb.Update{update(f, "/ifit/policies/policy[name=y]", policyX)}},
		{Replace: []*gpb.Update{update(f, "/ifit/policies/policy", `[{"name":"z","config":{"technique":"EVENT_MONITOR"}}]`)}},
		{Delete: []*gpb.Path{path(f, "/ifit/.../rule[sequence-id=*]")}},
		{UnionReplace: []*gpb.Update{update(f, "/", `{"ifit":{}}`)}},
		{Prefix: path(f, "/ifit/limits"), Update: []*gpb.Update{{Path: path(f, "config/max-events"), Val: &gpb.TypedValue{Value: &gpb.TypedValue_UintVal{UintVal: 99}}}}},
		{Update: []*gpb.Update{{Path: path(f, atX+"/packet-selection/config/probability"), Val: &gpb.TypedValue{Value: &gpb.TypedValue_DoubleVal{DoubleVal: 0.3}}}}},
	} {
		text, err := proto.Marshal(req)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var req gpb.SetRequest
		if proto.Unmarshal(text, &req) != nil {
			return
		}
		_, err := n.server.Set(t.Context(), &req)
		if status.Code(err) == codes.Internal || status.Code(err) == codes.Unknown {
			t.Fatal(err)
		}
		if err == nil {
			same(t, "the tree after a restart", startIn(t, n.dir).get(t, "/ifit"), n.get(t, "/ifit"))
		}
	})
}
