//go:build linux

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/openifit/openifit/lab/certs"
	"github.com/openifit/openifit/lab/testenv"
	"github.com/openifit/openifit/lab/traffic"
)

func TestRefusedSetsChangeNothing(t *testing.T) {
	w := newWorld(t)
	w.named(t, "r1")
	w.start(t)
	c := w.client(t)
	set(t, c, append(base(collectorPort), update(policyM, metering), update("/ifit/domain/config/node-name", `"r1"`))...)
	tree := func() string {
		return string(get(t, c, "/ifit/policies/policy[name=m]/config")) + string(get(t, c, "/ifit/domain"))
	}
	before, program, disk := tree(), ids(t, string(get(t, c, policyM+"/state/programs"))), w.disk(t)
	tests := []struct {
		name   string
		set    *gpb.SetRequest
		code   codes.Code
		reason string
	}{
		{"unknown path", replace("/ifit/policies/policy[name=m]/config/colour", `"red"`), codes.NotFound, "colour"},
		{"wrong type", replace("/ifit/policies/policy[name=m]/config/priority", `"high"`), codes.InvalidArgument, "priority"},
		{"name of another node", replace("/ifit/domain/config/node-name", `"r9"`), codes.InvalidArgument, "r9 is not this node: its agent was started as r1"},
		{"raise of nothing", replace("/ifit/policies/policy[name=x.raise]", `{"name": "x.raise", "config": {"name": "x.raise", "technique": "FLOW_METERING", "lifetime": 10}}`),
			codes.InvalidArgument, "/ifit/policies/policy[name=x.raise]/config/name: a raise needs the policy that it raises"},
		{"technique not built", replace("/ifit/policies/policy[name=x]", `{"name": "x", "config": {"name": "x", "technique": "IOAM_TRACE"}}`), codes.InvalidArgument, "not built in this release"},
		{"contradiction", replace(policyM+"/flow-selection/rules/rule[sequence-id=2]", `{"sequence-id": 2, "config": {"sequence-id": 2, "protocol": 17, "destination-port": 5001, "action": "DENY"}}`), codes.InvalidArgument, "contradicts rule 1"},
		{"dangling collector", replace(policyM+"/data-export/config/collector", `["nobody"]`), codes.InvalidArgument, "nobody"},
		{"dangling interface", replace(policyM+"/observation-points/observation-point[name=in]/config/interface", `"eth9"`), codes.InvalidArgument, "eth9"},
		{"interface that the kernel lacks", &gpb.SetRequest{Update: []*gpb.Update{
			update("/ifit/interfaces/interface[name=eth9]", `{"name": "eth9", "config": {"name": "eth9", "role": "EDGE"}}`),
			update(policyM+"/observation-points/observation-point[name=in]/config/interface", `"eth9"`),
		}}, codes.NotFound, "the kernel has no interface eth9"},
		{"half of it is good", &gpb.SetRequest{Update: []*gpb.Update{
			update("/ifit/domain/config/name", `"other"`), update(policyM+"/config/technique", `"HYBRID_TWO_STEP"`),
		}}, codes.InvalidArgument, "HYBRID_TWO_STEP"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := c.Set(t.Context(), tt.set)
			if status.Code(err) != tt.code || !strings.Contains(err.Error(), tt.reason) {
				t.Errorf("answer %v, want %v with %q", err, tt.code, tt.reason)
			}
			if after := tree(); after != before {
				t.Errorf("tree\n%s\nbefore\n%s", after, before)
			}
			if after := ids(t, string(get(t, c, policyM+"/state/programs"))); after != program {
				t.Errorf("program %s, before %s", after, program)
			}
			if after := w.disk(t); after != disk {
				t.Errorf("files\n%s\nbefore\n%s", after, disk)
			}
		})
	}
}

// named has the agent started under a name.
func (w *world) named(t testing.TB, name string) {
	t.Helper()
	file := filepath.Join(w.dir, "agent.yaml")
	if err := os.WriteFile(file, []byte("node-name: "+name+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.arguments = []string{"--config", file}
}

func TestAnotherNameAfterARestartIsNotFatal(t *testing.T) {
	w := newWorld(t)
	w.named(t, "r1")
	w.start(t)
	set(t, w.client(t), append(base(collectorPort), update("/ifit/domain/config/node-name", `"r1"`), update(policyM, metering))...)
	w.end(t, syscall.SIGTERM)
	w.named(t, "r2")
	w.start(t)
	c := w.client(t)
	set(t, c, update(policyM+"/config/priority", "7"))
	if !strings.Contains(w.log.String(), "another node") {
		t.Error("nothing was said")
	}
	set(t, c, update("/ifit/domain/config/node-name", `"r2"`))
}

func replace(at, value string) *gpb.SetRequest {
	return &gpb.SetRequest{Replace: []*gpb.Update{update(at, value)}}
}

// disk is the content of all files of the state directory but the counters.
func (w *world) disk(t testing.TB) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(filepath.Join(w.dir, "state"), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == "counters" {
			return err
		}
		data, err := os.ReadFile(path)
		all.WriteString(path + "\n" + string(data) + "\n")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

func TestWithoutRoot(t *testing.T) {
	testenv.NeedRoot(t) // to become somebody else
	dir := t.TempDir()
	if err := certs.Ensure(dir, []certs.Leaf{{Name: "agent"}}); err != nil {
		t.Fatal(err)
	}
	files := certs.In(dir, "agent")
	for _, path := range []string{filepath.Dir(dir), dir, filepath.Dir(files.Key), files.Cert, files.Key, files.CA} {
		if err := os.Chmod(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	// The test program itself may lie where others cannot look.
	program := filepath.Join(dir, "agent.test")
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(program, self, 0o755); err != nil {
		t.Fatal(err)
	}
	foreign := filepath.Join(dir, "foreign")
	if err := os.Mkdir(foreign, 0o700); err != nil {
		t.Fatal(err)
	}
	serve := []string{"--listen", "127.0.0.1:0", "--pin-dir", "/sys/fs/bpf/openifit-test-nobody",
		"--tls-cert", files.Cert, "--tls-key", files.Key, "--tls-ca", files.CA, "--state-dir"}
	const want = "ifit-agent: loading and removing probes needs root, or CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON and CAP_SYS_ADMIN\n"
	for name, arguments := range map[string][]string{
		"serving":                      append(serve[:len(serve):len(serve)], filepath.Join(dir, "state")),
		"serving with another's state": append(serve[:len(serve):len(serve)], foreign),
		"removing":                     {"--remove", "--pin-dir", "/sys/fs/bpf/openifit-test-nobody"},
	} {
		cmd := exec.Command(program, arguments...)
		cmd.Env = append(os.Environ(), asAgent+"=1")
		cmd.Dir = "/"
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		err := cmd.Run()
		if cmd.ProcessState.ExitCode() != 1 {
			t.Errorf("%s ended with %v", name, err)
		}
		if text := stderr.String(); text != want {
			t.Errorf("%s said %q", name, text)
		}
	}
}

func TestInterfacesComeAndGo(t *testing.T) {
	w := newWorld(t)
	w.start(t)
	c := w.client(t)
	const anywhere = `{"name": "m", "config": {"name": "m", "technique": "FLOW_METERING"},
		"observation-points": {"observation-point": [
			{"name": "a", "config": {"name": "a", "interface": "left", "direction": "INGRESS"}},
			{"name": "b", "config": {"name": "b", "interface": "extra", "direction": "INGRESS"}}]},
		"data-export": {"config": {"drain-interval": 50}}}`
	w.addExtra(t)
	set(t, c, append(base(collectorPort),
		update("/ifit/interfaces/interface[name=extra]", `{"name": "extra", "config": {"name": "extra"}}`), update(policyM, anywhere))...)
	extra := "/ifit/interfaces/interface[name=extra]/state/"
	if got := string(get(t, c, extra+"probe")); !strings.Contains(got, "ingress") {
		t.Fatalf("programs %s", got)
	}
	h := testenv.Netlink(t, w.router)
	link, err := h.LinkByName("extra")
	if err != nil {
		t.Fatal(err)
	}
	if err := h.LinkDel(link); err != nil {
		t.Fatal(err)
	}
	wait(t, "the state says that the interface is gone", func() bool {
		return string(get(t, c, extra+"oper-status")) == `"NOT_PRESENT"` &&
			strings.Contains(string(get(t, c, policyM+"/state/last-error")), "no interface extra")
	})
	if got := string(get(t, c, policyM+"/state/oper-status")); got != `"ACTIVE"` {
		t.Errorf("oper-status %s with one interface left", got)
	}
	truth := w.send(t, traffic.Constant{Flows: 2, Rate: 1000, Payload: 100, Packets: 50})
	wait(t, "the policy goes on elsewhere", func() bool {
		return number(t, c, policyM+"/state/packets-observed") >= truth.Totals.SentPackets
	})
	// A Set of another leaf does not care for the interface that is away.
	set(t, c, update(policyM+"/config/priority", "7"))
	w.addExtra(t)
	wait(t, "the policy is back on the interface", func() bool {
		return strings.Contains(string(get(t, c, extra+"probe")), "ingress") && get(t, c, policyM+"/state/last-error") == nil
	})
}

func TestInitialConfigurationIsInstalledOnce(t *testing.T) {
	w := newWorld(t)
	file := filepath.Join(w.dir, "initial.json")
	w.arguments = []string{"--config", filepath.Join(w.dir, "agent.yaml")}
	write := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(filepath.Join(w.dir, "agent.yaml"), "initial-config: "+file+"\n")
	write(file, `{"domain": {"config": {"name": "first", "colour": "red"}}}`)
	cmd := w.command(t)
	if err := w.router.Do(cmd.Run); err == nil || cmd.ProcessState.ExitCode() != 1 || !strings.Contains(w.log.String(), "colour") {
		t.Fatalf("a bad initial configuration: %v", err)
	}
	// Neither did the failure use the only chance, nor is there a second one.
	write(file, `{"domain": {"config": {"name": "first"}}}`)
	w.start(t)
	const name = "/ifit/domain/config/name"
	if got := string(get(t, w.client(t), name)); got != `"first"` {
		t.Fatalf("name %s", got)
	}
	set(t, w.client(t), update(name, `"second"`))
	w.end(t, syscall.SIGTERM)
	w.start(t)
	if got := string(get(t, w.client(t), name)); got != `"second"` {
		t.Errorf("after a restart name %s", got)
	}
}

func TestManyPoliciesComeAndGoBetweenDrains(t *testing.T) {
	w := newWorld(t)
	w.start(t)
	c := w.client(t)
	set(t, c, append(base(collectorPort), update(policyM, metering), update(policyM+"/data-export/config/drain-interval", "60000"))...)
	const brief = "/ifit/policies/policy[name=brief]"
	for range 140 {
		set(t, c, update(brief, strings.ReplaceAll(metering, `"m"`, `"brief"`)), update(brief+"/data-export/config/drain-interval", "60000"))
		remove(t, c, brief)
	}
}
