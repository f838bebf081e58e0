package northcmd

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	openifitv1 "github.com/openifit/openifit/gen/openifit/v1"
	"github.com/openifit/openifit/gen/openifit/v1/openifitv1connect"
)

func hop(node string, link, own int64) *openifitv1.Hop {
	h := &openifitv1.Hop{Node: node, TransitDelayNs: &own, IngressInterface: "in", EgressInterface: "out", HopLimit: 60}
	if link != 0 {
		h.DelayFromPreviousHopNs = &link
	}
	return h
}

func TestDrawPath(t *testing.T) {
	suspect := hop("r3", -1500, 900)
	suspect.ClockSuspect = true
	for _, tt := range []struct {
		name        string
		path        *openifitv1.Path
		want, names string
	}{
		{"nothing", &openifitv1.Path{}, "", ""},
		{"whole", &openifitv1.Path{Hops: []*openifitv1.Hop{hop("r1", 0, 3710), hop("r2", 1910, 1_250_000)}},
			"r1[3.71us] -1.91us- r2[1.25ms]", "r1 r2"},
		{"clocks disagree", &openifitv1.Path{Hops: []*openifitv1.Hop{hop("r2", 0, 10), suspect}}, "r2[10ns] -!- r3[900ns]", "r2 r3"},
		{"gaps", &openifitv1.Path{
			Hops:        []*openifitv1.Hop{hop("r2", 0, 10), hop("r4", 0, 20)},
			MissingHops: []*openifitv1.MissingHop{{ExpectedNode: "r1"}, {Position: 1}, {Position: 2, ExpectedNode: "r5"}},
		}, "(r1) r2[10ns] (?) r4[20ns] (r5)", "(r1) r2 (?) r4 (r5)"},
	} {
		if got := drawPath(tt.path); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
		if got := namesOf(tt.path); got != tt.names {
			t.Errorf("%s: names %q, want %q", tt.name, got, tt.names)
		}
	}
	if got := slowest(&openifitv1.Path{Hops: []*openifitv1.Hop{hop("r1", 0, 5), hop("r2", 9000, 6)}}); got != "r1 to r2 9 us" {
		t.Errorf("slowest %q", got)
	}
}

func TestText(t *testing.T) {
	for want, got := range map[string]string{
		"10.0.0.1:5 > 10.0.0.2:6/udp":           flowText(&openifitv1.FlowKey{SourceAddress: "10.0.0.1", DestinationAddress: "10.0.0.2", SourcePort: proto.Uint32(5), DestinationPort: proto.Uint32(6), Protocol: proto.Uint32(17)}),
		"[2001:db8::1]:5 > [2001:db8::2]:6/tcp": flowText(&openifitv1.FlowKey{SourceAddress: "2001:db8::1", DestinationAddress: "2001:db8::2", SourcePort: proto.Uint32(5), DestinationPort: proto.Uint32(6), Protocol: proto.Uint32(6)}),
		"* > 10.0.0.2":                          flowText(&openifitv1.FlowKey{DestinationAddress: "10.0.0.2"}),
		"-":                                     flowText(nil),
		"999 ns":                                delayText(999),
		"1.5 us":                                delayText(1500),
		"-2 ms":                                 delayText(-2_000_000),
		"3.25 s":                                delayText(3_250_000_000),
		"1.5M":                                  countText(1.5e6),
		"400":                                   countText(400),
		"r1 to-h1 in":                           pointText(&openifitv1.ObservationPoint{Node: "r1", Interface: "to-h1", Direction: openifitv1.Direction_DIRECTION_INGRESS}),
		"to-r2>to-r6 ttl 61, was to-r2>to-r3 ttl 61": wayText(&openifitv1.PathChange{NewIngressInterface: "to-r2", NewEgressInterface: "to-r6", NewHopLimit: 61, OldIngressInterface: "to-r2", OldEgressInterface: "to-r3", OldHopLimit: 61}),
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestExactFlow(t *testing.T) {
	for _, bad := range []string{"", "10.0.0.1:5", "10.0.0.1:5 > 10.0.0.2:6", "10.0.0.1 > 10.0.0.2/udp", "a:5 > b:6/17", "10.0.0.1:5 > 10.0.0.2:6/999"} {
		if _, err := exactFlow(bad); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
	f, err := exactFlow("[2001:db8::1]:5 > [2001:db8::2]:6/udp")
	if err != nil || f.GetSourcePrefix() != "2001:db8::1" || f.GetDestinationPort() != 6 || f.GetProtocol() != 17 {
		t.Errorf("filter %v, %v", f, err)
	}
}

// policies answers for the controller.
type policies struct {
	openifitv1connect.UnimplementedPolicyServiceHandler
	applied string
}

func (p *policies) ApplyPolicy(_ context.Context, r *connect.Request[openifitv1.ApplyPolicyRequest]) (*connect.Response[openifitv1.ApplyPolicyResponse], error) {
	p.applied = r.Msg.GetJsonIetf()
	if strings.Contains(p.applied, "bad") {
		return nil, connect.NewError(connect.CodeInvalidArgument, context.Canceled)
	}
	return connect.NewResponse(&openifitv1.ApplyPolicyResponse{Policy: &openifitv1.Policy{Name: "p", Statuses: []*openifitv1.NodePolicyStatus{
		{Node: "r1", OperStatus: openifitv1.PolicyOperStatus_POLICY_OPER_STATUS_ACTIVE, Roles: []openifitv1.Role{openifitv1.Role_ROLE_HEAD}},
		{Node: "r2", OperStatus: openifitv1.PolicyOperStatus_POLICY_OPER_STATUS_REFUSED, LastError: "no room"},
	}}}), nil
}

// run runs a command against a server of the test, whose certificate every
// side uses.
func run(t *testing.T, handler http.Handler, stdin string, args ...string) (string, error) {
	t.Helper()
	return runUntil(t.Context(), t, handler, stdin, args...)
}

// runUntil is run with an end.
func runUntil(ctx context.Context, t *testing.T, handler http.Handler, stdin string, args ...string) (string, error) {
	t.Helper()
	server := httptest.NewTLSServer(handler)
	defer server.Close()
	dir := t.TempDir()
	settings := "controller: " + server.URL + "\ntls: {cert: " + dir + "/c, key: " + dir + "/k, ca: " + dir + "/c}\n"
	writeTLS(t, server, dir)
	file := filepath.Join(dir, "ifitctl.yaml")
	if err := os.WriteFile(file, []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	root := &cobra.Command{Use: "ifitctl", SilenceUsage: true, SilenceErrors: true}
	root.AddCommand(New()...)
	var out bytes.Buffer
	root.SetOut(&out)
	root.SetErr(&out)
	root.SetIn(strings.NewReader(stdin))
	root.SetArgs(append(args, "--config", file))
	err := root.ExecuteContext(ctx)
	return out.String(), err
}

func TestApply(t *testing.T) {
	service := &policies{}
	mux := http.NewServeMux()
	mux.Handle(openifitv1connect.NewPolicyServiceHandler(service))
	out, err := run(t, mux, `{"name": "p"}`, "policy", "apply", "-f", "-")
	if err == nil || err.Error() != "refused by r2" || service.applied != `{"name": "p"}` || !strings.Contains(out, "r1    ACTIVE   HEAD") || !strings.Contains(out, "no room") {
		t.Errorf("error %v, output\n%s", err, out)
	}
	if out, err = run(t, mux, `{"name": "p"}`, "policy", "apply", "-f", "-", "-o", "json"); err == nil || !strings.Contains(out, `"oper_status": "POLICY_OPER_STATUS_REFUSED"`) {
		t.Errorf("error %v, output\n%s", err, out)
	}
	if _, err = run(t, mux, `bad`, "policy", "apply", "-f", "-"); err == nil || err.Error() != "context canceled" {
		t.Errorf("error %v", err)
	}
	for _, args := range [][]string{{"policy", "apply"}, {"policy", "apply", "-f", "/nowhere"}, {"loop", "kill"}, {"loop", "kill", "a", "--all"}, {"event", "get", "x"}, {"flow", "get", "x"}} {
		if _, err := run(t, mux, "", args...); err == nil {
			t.Errorf("%v is accepted", args)
		}
	}
	if _, err := run(t, mux, "", "node", "list"); err == nil || !strings.Contains(err.Error(), "unimplemented") && !strings.Contains(err.Error(), "404") {
		t.Errorf("a controller without the service: %v", err)
	}
}

// silent is a controller whose watches bring nothing until they are
// interrupted.
type silent struct {
	interrupt   context.CancelFunc
	interrupted <-chan struct{}
}

func (s silent) ServeHTTP(http.ResponseWriter, *http.Request) {
	s.interrupt()
	<-s.interrupted
}

// TestInterruptedWatch interrupts watches that wait for their first message.
func TestInterruptedWatch(t *testing.T) {
	for _, noun := range []string{"node", "policy", "flow", "path", "event", "decision"} {
		t.Run(noun, func(t *testing.T) {
			ctx, interrupt := context.WithCancel(t.Context())
			defer interrupt()
			if out, err := runUntil(ctx, t, silent{interrupt, ctx.Done()}, "", noun, "watch"); err != nil || out != "" {
				t.Errorf("error %v, output %q", err, out)
			}
		})
	}
}

func TestArgumentMissing(t *testing.T) {
	for noun, what := range map[string]string{
		"node": "the NAME of a node", "policy": "the NAME of a policy", "flow": "a flow", "path": "the ID of a path",
		"event": "the ID of an event", "decision": "the ID of a decision", "loop": "the NAME of a loop",
	} {
		if _, err := run(t, http.NotFoundHandler(), "", noun, "get"); err == nil || !strings.Contains(err.Error(), what) || !strings.Contains(err.Error(), "missing") {
			t.Errorf("%s get: %v", noun, err)
		}
		if _, err := run(t, http.NotFoundHandler(), "", noun, "get", "1", "2"); err == nil || !strings.Contains(err.Error(), what+" (see") {
			t.Errorf("%s get 1 2: %v", noun, err)
		}
	}
}

// TestUnknownIsNoZero expects no numbers of a node that has told none yet.
func TestUnknownIsNoZero(t *testing.T) {
	rows := statusRows([]*openifitv1.NodePolicyStatus{
		{Node: "r1", OperStatus: openifitv1.PolicyOperStatus_POLICY_OPER_STATUS_ACTIVE},
		{Node: "r2", OperStatus: openifitv1.PolicyOperStatus_POLICY_OPER_STATUS_ACTIVE, Generation: 4},
	})
	for i, want := range []string{"r1 ACTIVE - - - - - - - - -", "r2 ACTIVE - 4 0 0 0 0 0 - -"} {
		if got := strings.Join(rows.Lines[i], " "); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
