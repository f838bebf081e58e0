package target_test

import (
	"context"
	"crypto/tls"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/openifit/openifit/controller/policy"
	"github.com/openifit/openifit/controller/target"
	"github.com/openifit/openifit/controller/target/gnmitest"
)

func dial(t *testing.T, address string, config *tls.Config) *target.Target {
	t.Helper()
	n, err := target.New("r1", address, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.Close() })
	return n
}

func TestSet(t *testing.T) {
	var got *gnmi.SetRequest
	answer := error(nil)
	address, client := gnmitest.Start(t, &gnmitest.Server{OnSet: func(r *gnmi.SetRequest) error {
		got = r
		return answer
	}})
	n := dial(t, address, client)
	changes := []policy.Change{
		{Op: policy.Delete, Path: policy.Path("a")},
		{Op: policy.Replace, Path: policy.Path("b"), Value: []byte(`{"name":"b"}`)},
		{Op: policy.Update, Path: policy.Path("c") + "/config/lifetime", Value: []byte(`10`)},
	}
	if err := n.Set(t.Context(), changes); err != nil {
		t.Fatal(err)
	}
	if len(got.GetDelete()) != 1 || len(got.GetReplace()) != 1 || string(got.GetUpdate()[0].GetVal().GetJsonIetfVal()) != "10" {
		t.Errorf("request %v", got)
	}
	for _, tt := range []struct {
		name    string
		changes []policy.Change
		answer  error
		want    error
		text    string
	}{
		{"refused", changes, status.Error(codes.InvalidArgument, "no such interface"), target.ErrRefused, "no such interface"},
		{"not built", changes, status.Error(codes.Unimplemented, "not built"), target.ErrRefused, "not built"},
		{"away", changes, status.Error(codes.Unavailable, "gone"), target.ErrUnreachable, "gone"},
		{"odd operation", []policy.Change{{Op: "MOVE", Path: "/ifit"}}, nil, nil, `"MOVE"`},
		{"odd path", []policy.Change{{Op: policy.Delete, Path: "/ifit["}}, nil, nil, "/ifit["},
	} {
		answer = tt.answer
		err := n.Set(t.Context(), tt.changes)
		if err == nil || !strings.Contains(err.Error(), tt.text) || !strings.Contains(err.Error(), "r1") || tt.want != nil && !errors.Is(err, tt.want) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	stranger, _ := gnmitest.TLS(t)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := dial(t, address, stranger).Set(ctx, changes); !errors.Is(err, target.ErrUnreachable) {
		t.Errorf("a certificate of another authority: %v", err)
	}
}

func TestGet(t *testing.T) {
	address, client := gnmitest.Start(t, &gnmitest.Server{OnGet: func(r *gnmi.GetRequest) (*gnmi.GetResponse, error) {
		switch e := r.GetPath()[0].GetElem(); e[len(e)-1].GetName() {
		case "absent":
			return nil, status.Error(codes.NotFound, "nothing there")
		case "policies":
			return &gnmi.GetResponse{Notification: []*gnmi.Notification{{Update: []*gnmi.Update{{
				Path: r.GetPath()[0],
				Val: gnmitest.JSON(`{"openifit-agent:policy": [{"name": "p", "config": {"name": "p", "technique": "openifit-types:PBT_M"},
					"state": {"generation": 4, "a-leaf-of-tomorrow": 1}}]}`),
			}}}}}, nil
		}
		return nil, status.Error(codes.Internal, "broken")
	}})
	n := dial(t, address, client)
	device, err := n.Get(t.Context(), "/ifit/policies", "/ifit/absent")
	if err != nil {
		t.Fatal(err)
	}
	if p := device.GetIfit().GetPolicies().GetPolicy("p"); p.GetState().GetGeneration() != 4 {
		t.Errorf("policy %+v", p)
	}
	if _, err := n.Get(t.Context(), "/ifit/state"); err == nil || !strings.Contains(err.Error(), "broken") {
		t.Errorf("error %v", err)
	}
}

func TestSubscribe(t *testing.T) {
	var asked *gnmi.SubscriptionList
	address, client := gnmitest.Start(t, &gnmitest.Server{OnSubscribe: func(l *gnmi.SubscriptionList, s gnmi.GNMI_SubscribeServer) error {
		asked = l
		prefix := gnmitest.Path(t, "/ifit/policies/policy[name=p]")
		for _, r := range []*gnmi.SubscribeResponse{
			gnmitest.Response(5, prefix,
				gnmitest.Leaf(t, "state/generation", gnmitest.Uint(3)),
				gnmitest.Leaf(t, "state/leaf-of-tomorrow", gnmitest.Uint(3)),
				gnmitest.Leaf(t, "state/oper-status", gnmitest.String("ACTIVE"))),
			gnmitest.Synchronized(),
			{Response: &gnmi.SubscribeResponse_Update{Update: &gnmi.Notification{Delete: []*gnmi.Path{prefix}}}},
		} {
			if err := s.Send(r); err != nil {
				return err
			}
		}
		<-s.Context().Done()
		return s.Context().Err()
	}})
	n := dial(t, address, client)
	var got []target.Update
	err := n.Subscribe(t.Context(), []target.Subscription{{Path: "/ifit/events"}, {Path: "/ifit/state", Sample: time.Second}},
		50*time.Millisecond, func(u target.Update) error {
			got = append(got, u)
			return nil
		})
	if !errors.Is(err, target.ErrUnreachable) || !strings.Contains(err.Error(), "nothing arrived") {
		t.Errorf("a silent node: %v", err)
	}
	if len(got) != 3 || got[0].Synchronized || !got[1].Synchronized || got[0].Time != 5 || len(got[2].Deleted) != 1 || got[2].Deleted[0] != policy.Path("p") {
		t.Fatalf("updates %+v", got)
	}
	if s := got[0].Device.GetIfit().GetPolicies().GetPolicy("p").GetState(); s.GetGeneration() != 3 || s.GetOperStatus().String() != "ACTIVE" {
		t.Errorf("state %+v", s)
	}
	if s := asked.GetSubscription(); len(s) != 2 || s[0].GetMode() != gnmi.SubscriptionMode_ON_CHANGE || s[1].GetSampleInterval() != 1e9 {
		t.Errorf("asked for %v", asked)
	}
	stop := errors.New("enough")
	if err := n.Subscribe(t.Context(), []target.Subscription{{Path: "/ifit/events"}}, time.Minute, func(target.Update) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("a handler that has enough: %v", err)
	}
}
