//go:build linux

package labcmd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openifit/openifit/lab"
	"github.com/openifit/openifit/lab/impair"
	"github.com/openifit/openifit/lab/testenv"
	"github.com/openifit/openifit/lab/traffic"
)

// shell runs commands on a lab of its own.
type shell struct {
	t    *testing.T
	args []string
}

func newShell(t *testing.T) shell {
	t.Helper()
	testenv.NeedRoot(t)
	n := rand.Uint32()
	s := shell{t, []string{
		"--prefix", fmt.Sprintf("c%07x-", n&0xfffffff), "--management", fmt.Sprintf("198.19.%d.0/24", byte(n)),
		"--run-dir", filepath.Join(t.TempDir(), "lab"), "--pin-root", fmt.Sprintf("/sys/fs/bpf/labcmd-test-%x", n),
	}}
	t.Cleanup(func() {
		if _, err := s.try(context.WithoutCancel(t.Context()), "down"); err != nil {
			t.Error(err)
		}
	})
	return s
}

func (s shell) try(ctx context.Context, args ...string) (string, error) {
	cmd := New()
	var out bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	cmd.SilenceUsage, cmd.SilenceErrors = true, true
	cmd.SetArgs(append(args, s.args...))
	err := cmd.ExecuteContext(ctx)
	return out.String(), err
}

func (s shell) run(args ...string) string {
	s.t.Helper()
	out, err := s.try(s.t.Context(), args...)
	if err != nil {
		s.t.Fatalf("%v: %v\n%s", args, err, out)
	}
	return out
}

// decode runs a command that prints JSON.
func (s shell) decode(v any, args ...string) {
	s.t.Helper()
	out := s.run(append(args, "-o", "json")...)
	if err := json.Unmarshal([]byte(out), v); err != nil {
		s.t.Fatalf("%v: %v\n%s", args, err, out)
	}
}

func (s shell) refuse(want string, args ...string) {
	s.t.Helper()
	if out, err := s.try(s.t.Context(), args...); err == nil || !strings.Contains(err.Error(), want) {
		s.t.Errorf("%v: %v, want an error with %q\n%s", args, err, want, out)
	}
}

func TestCommands(t *testing.T) {
	s := newShell(t)
	if out := s.run("status"); out != "the lab is down\n" {
		t.Errorf("status says %q", out)
	}
	for _, args := range [][]string{{"traffic"}, {"route"}, {"link", "r1", "to-r2", "up"}, {"impair", "show", "r1", "to-r2"}} {
		if _, err := s.try(t.Context(), args...); !errors.Is(err, lab.ErrDown) {
			t.Errorf("%v without a lab: %v", args, err)
		}
	}
	bad := filepath.Join(t.TempDir(), "bad.yaml")
	if err := os.WriteFile(bad, []byte("name: x\nnodes: [{name: h1, kind: hub}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.refuse("nodes[0].kind", "up", "--no-agents", "--topology", bad)
	s.refuse("make build", "up", "--bin-dir", t.TempDir())
	out := s.run("up", "--no-agents")
	for _, verb := range []string{"status", "traffic --from h1 --to h2 --mice 1000 --elephants 4", "down"} {
		if want := "lab " + verb + " " + strings.Join(s.args, " ") + "\n"; !strings.Contains(out, want) {
			t.Errorf("no hint %q: %s", want, out)
		}
	}
	if strings.Contains(out, "node list") {
		t.Errorf("a hint needs a controller: %s", out)
	}

	s.refuse("want up or down", "link", "r1", "to-r2", "sideways")
	s.refuse(`no interface "to-r9"`, "impair", "queue", "r3", "to-r9")
	s.refuse("two different nodes", "traffic", "--from", "h1", "--to", "h1", "--packets", "1")
	s.refuse("--family", "traffic", "--family", "ipx")
	s.refuse("share", "traffic", "--share", "2")

	var st lab.Status
	s.decode(&st, "status")
	if !st.Up || len(st.Nodes) != 9 {
		t.Errorf("status: %+v", st)
	}

	s.run("impair", "loss", "r3", "to-r4", "--drop", "0.1")
	s.run("impair", "queue", "r3", "to-r4", "--rate", "100000000")
	var r traffic.Report
	s.decode(&r, "traffic", "--constant", "4", "--rate", "2000", "--packets", "250", "--delays", "--flows")
	var cleared impairments
	s.decode(&cleared, "impair", "clear", "r3", "to-r4")
	if cleared.Loss == nil || cleared.Queue == nil || *cleared.Loss != (impair.Counts{Packets: 1000, Dropped: r.Totals.Lost}) || r.Totals.Lost == 0 {
		t.Errorf("lost %d, link %+v", r.Totals.Lost, cleared.Loss)
	}
	if len(r.Flows) != 4 || r.Totals.SentPackets != 1000 {
		t.Errorf("%+v", r.Totals)
	}

	s.run("route", "--avoid", "r3")
	s.run("link", "r3", "to-r4", "down")
	if out := s.run("traffic", "--mice", "10", "--elephants", "1", "--rate", "500", "--duration", "100ms"); !strings.Contains(out, "packets sent") {
		t.Errorf("traffic says %s", out)
	}
	var truth traffic.StreamTruth
	s.decode(&truth, "traffic", "tcp", "--octets", "100000")
	if truth.ReceivedOctets != 100000 {
		t.Errorf("%+v", truth)
	}
	s.run("link", "r3", "to-r4", "up")
	s.run("down")
	if out := s.run("status"); out != "the lab is down\n" {
		t.Errorf("status says %q", out)
	}
}

func TestWhich(t *testing.T) {
	usual := flags{lab.DefaultPrefix, lab.DefaultManagement, lab.DefaultRunDir, lab.DefaultPinRoot}
	if got := usual.which(); got != "" {
		t.Errorf("the usual lab is named: %q", got)
	}
	odd := usual
	odd.prefix, odd.runDir = "x-", "/var/run/it's mine"
	if got, want := odd.which(), ` --prefix x- --run-dir '/var/run/it'\''s mine'`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
