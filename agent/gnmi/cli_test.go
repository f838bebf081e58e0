package gnmi_test

import (
	"bufio"
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openconfig/ygot/ygot"

	"github.com/openifit/openifit/gen/yang"
	"github.com/openifit/openifit/lab/testenv"
)

// gnmiCLI returns the path of OpenConfig's own client.
func gnmiCLI(t *testing.T) string {
	t.Helper()
	if p, err := exec.LookPath("../../.ci/bin/gnmi_cli"); err == nil {
		abs, err := filepath.Abs(p)
		if err != nil {
			t.Fatal(err)
		}
		return abs
	}
	return testenv.NeedTool(t, "gnmi_cli")
}

// TestGNMICLI lets an independent client read, set and subscribe.
func TestGNMICLI(t *testing.T) {
	program := gnmiCLI(t)
	n := start(t)
	n.fill(t)
	n.state.SetPolicy("x", func(st *yang.Policy_State) { st.OperStatus = yang.PolicyOperStatus_ACTIVE })
	n.state.OnReadPolicy(func(_ string, p *yang.Policy) { p.GetOrCreateState().PacketsObserved = ygot.Uint64(42) })
	files := newAuthority(t)
	client := files.issue(t, "operator")
	address := n.serveTLS(t, files, files.issue(t, "agent"))
	args := func(more ...string) []string {
		return append([]string{"-address", address, "-ca_crt", files.ca, "-client_crt", client.cert, "-client_key", client.key}, more...)
	}
	run := func(more ...string) (string, error) {
		out, err := exec.CommandContext(t.Context(), program, args(more...)...).CombinedOutput()
		return string(out), err
	}
	const policy = `elem:<name:"ifit"> elem:<name:"policies"> elem:<name:"policy" key:<key:"name" value:"x">>`
	for _, tt := range []struct {
		name string
		args []string
		want []string
	}{
		{"capabilities", []string{"-capabilities"}, []string{"openifit-agent", "JSON_IETF"}},
		{"get", []string{"-get", "-proto", `path:<` + policy + ` elem:<name:"config">> encoding:JSON_IETF`}, []string{`openifit-types:FLOW_METERING`}},
		{"set", []string{"-set", "-proto", `update:<path:<` + policy + ` elem:<name:"packet-selection"> elem:<name:"config"> elem:<name:"probability">> val:<double_val:0.125>>`},
			[]string{"UPDATE"}},
		{"read back", []string{"-get", "-proto", `path:<` + policy + ` elem:<name:"packet-selection">> encoding:JSON_IETF`}, []string{`0.125`}},
		{"subscribe once", []string{"-qt", "once", "-q", "/ifit/policies/policy[name=x]/state"}, []string{"oper-status", "ACTIVE", "packets-observed", "42"}},
		{"subscribe once, wildcard", []string{"-qt", "once", "-q", "/ifit/collectors/collector[name=*]/config/address"}, []string{"192.0.2.1"}},
	} {
		out, err := run(tt.args...)
		if err != nil {
			t.Errorf("%s: %v: %s", tt.name, err, out)
			continue
		}
		for _, w := range tt.want {
			if !strings.Contains(out, w) {
				t.Errorf("%s: %q is missing from %s", tt.name, w, out)
			}
		}
	}
	if out, err := run("-get", "-proto", `path:<elem:<name:"nothing">>`); err == nil || !strings.Contains(out, "/nothing: no such node in the model") {
		t.Errorf("unknown path: %v: %s", err, out)
	}

	// An event reaches a client that streams.
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args("-qt", "streaming", "-dt", "single", "-q", "/ifit/events,/ifit/limits/config/max-events")...)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	sent, seen := false, false
	for scan := bufio.NewScanner(stdout); !seen && scan.Scan(); {
		// The limit is there from the start: the client listens.
		if !sent && strings.Contains(scan.Text(), "max-events") {
			n.state.AppendEvent(&yang.Event_State{Policy: ygot.String("x"), Trigger: ygot.String("slow-queue")})
			sent = true
		}
		seen = strings.Contains(scan.Text(), "slow-queue")
	}
	cancel()
	_ = cmd.Wait()
	if !seen {
		t.Error("the event did not arrive")
	}
}
