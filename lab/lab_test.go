//go:build linux

package lab

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/openifit/openifit/gen/yang"
	"github.com/openifit/openifit/lab/certs"
	"github.com/openifit/openifit/lab/fabric"
	"github.com/openifit/openifit/lab/namespace"
	"github.com/openifit/openifit/lab/testenv"
	"github.com/openifit/openifit/lab/topology"
)

// TestMain lets the test program stand in for the project's programs.
func TestMain(m *testing.M) {
	switch filepath.Base(os.Args[0]) {
	case "ifit-agent":
		standIn("agent")
	case "ifit-controller":
		standIn("controller")
	}
	os.Exit(m.Run())
}

// standIn listens where its configuration says, with the certificates that
// it names; an agent pins a file.
func standIn(kind string) {
	if err := serveAs(kind, os.Args[2]); err != nil {
		fmt.Println("cannot start:", err)
		os.Exit(1)
	}
}

func serveAs(kind, file string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var agent agentConfig
	var controller controllerConfig
	address, tlsFiles := &agent.Listen, &agent.TLS
	if kind == "agent" {
		if err := yaml.Unmarshal(data, &agent); err != nil {
			return err
		}
		if _, err := os.Stat(filepath.Join(filepath.Dir(os.Args[0]), "broken")); err == nil {
			return errors.New("this agent is broken")
		}
		if err := os.MkdirAll(filepath.Join(agent.PinDir, "maps"), 0o700); err != nil {
			return err
		}
	} else {
		if err := yaml.Unmarshal(data, &controller); err != nil {
			return err
		}
		address, tlsFiles = &controller.Northbound, &controller.TLS
	}
	config, err := certs.Files{Cert: tlsFiles.Cert, Key: tlsFiles.Key, CA: tlsFiles.CA}.Config()
	if err != nil {
		return err
	}
	config.ClientCAs, config.ClientAuth = config.RootCAs, tls.RequireAndVerifyClientCert
	l, err := tls.Listen("tcp", address.String(), config)
	if err != nil {
		return err
	}
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go answer(c.(*tls.Conn))
	}
}

// answer holds a connection until the client ends it: one that closes first
// may reset what the client has not read yet.
func answer(c *tls.Conn) {
	defer c.Close()
	if c.Handshake() == nil {
		_, _ = io.Copy(io.Discard, c)
	}
}

// testOptions are those of a lab that runs beside any other.
func testOptions(t *testing.T) Options {
	t.Helper()
	testenv.NeedRoot(t)
	n, dir := rand.Uint32(), t.TempDir()
	if err := mountBPF(); err != nil {
		t.Fatal(err)
	}
	o := Options{
		Names: fabric.Names{
			Prefix:     fmt.Sprintf("l%07x-", n&0xfffffff),
			Management: netip.PrefixFrom(netip.AddrFrom4([4]byte{198, 19, byte(n), 0}), 24),
		},
		RunDir: filepath.Join(dir, "lab"), PinRoot: fmt.Sprintf("/sys/fs/bpf/lab-test-%x", n),
		BinDir: filepath.Join(dir, "bin"),
	}
	must(t, os.Mkdir(o.BinDir, 0o755))
	self, err := os.Executable()
	must(t, err)
	for _, name := range []string{"ifit-agent", "ifit-controller"} {
		must(t, os.Symlink(self, filepath.Join(o.BinDir, name)))
	}
	t.Cleanup(func() {
		if err := Down(context.WithoutCancel(t.Context()), o); err != nil {
			t.Error(err)
		}
	})
	return o
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// expectNothing checks that no trace of a lab is left.
func expectNothing(t *testing.T, o Options) {
	t.Helper()
	if left := fabric.Namespaces(o.Names); len(left) > 0 {
		t.Errorf("namespaces left: %v", left)
	}
	for _, path := range []string{o.RunDir, o.lockPath(), o.PinRoot} {
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is left: %v", path, err)
		}
	}
	links, err := os.ReadDir("/sys/class/net")
	must(t, err)
	for _, l := range links {
		if strings.HasPrefix(l.Name(), o.Names.Prefix) {
			t.Errorf("interface %s is left", l.Name())
		}
	}
}

func TestUpAndDown(t *testing.T) {
	o := testOptions(t)
	l, err := Up(t.Context(), o)
	must(t, err)
	defer l.Close()
	r3, err := l.Node("r3").Process()
	must(t, err)

	again, err := Up(t.Context(), o)
	must(t, err)
	again.Close()
	if p, err := l.Node("r3").Process(); err != nil || p != r3 {
		t.Errorf("agent of r3 is %v after the second Up, was %v, %v", p, r3, err)
	}

	st, err := Examine(t.Context(), o)
	must(t, err)
	if !st.Up || len(st.Nodes) != 9 {
		t.Errorf("up %v with %d nodes, want 9", st.Up, len(st.Nodes))
	}
	for _, n := range st.Nodes {
		if !n.Present || n.Service != nil && (!n.Service.Alive || !n.Service.Reachable) {
			t.Errorf("node %s: %+v, service %+v", n.Name, n, n.Service)
		}
	}

	t.Run("kill and start", func(t *testing.T) {
		must(t, l.Node("r3").Kill())
		if r3.Alive() {
			t.Error("alive after Kill")
		}
		must(t, l.Node("r3").Start(t.Context()))
		if p, err := l.Node("r3").Process(); err != nil || p == r3 || !p.Alive() {
			t.Errorf("new agent %v, %v", p, err)
		}
	})

	t.Run("Up revives what died", func(t *testing.T) {
		for _, name := range []string{topology.ControllerNode, "r3"} {
			n := l.Node(name)
			before, err := n.Process()
			must(t, err)
			must(t, n.Kill())
			again, err := Up(t.Context(), o)
			must(t, err)
			again.Close()
			if p, err := n.Process(); err != nil || p == before || !p.Alive() {
				t.Errorf("%s runs as %v after Up, %v; before the kill as %v", name, p, err, before)
			}
		}
		st, err := Examine(t.Context(), o)
		must(t, err)
		for _, n := range st.Nodes {
			if n.Service != nil && !n.Service.Reachable {
				t.Errorf("the service of %s does not answer", n.Name)
			}
		}
	})

	t.Run("other topology", func(t *testing.T) {
		other := o
		other.Topology = topology.Line5()
		other.Topology.ECMP = true
		if _, err := Up(t.Context(), other); err == nil || !strings.Contains(err.Error(), "another topology") {
			t.Errorf("error %v", err)
		}
	})

	t.Run("route survives Up", func(t *testing.T) {
		must(t, l.Route(t.Context(), "r3"))
		again, err := Up(t.Context(), o)
		must(t, err)
		defer again.Close()
		if !slices.Equal(again.Avoiding(), []string{"r3"}) {
			t.Errorf("avoiding %v, want r3", again.Avoiding())
		}
	})

	p, err := l.Node("ctl").Process()
	must(t, err)
	must(t, Down(t.Context(), o))
	if p.Alive() {
		t.Error("the controller outlived the lab")
	}
	expectNothing(t, o)
	must(t, Down(t.Context(), o))
	if _, err := Open(o); !errors.Is(err, ErrDown) {
		t.Errorf("Open of a lab that is down: %v", err)
	}
}

func TestUpFailsWhole(t *testing.T) {
	t.Run("agent", func(t *testing.T) {
		o := testOptions(t)
		must(t, os.WriteFile(filepath.Join(o.BinDir, "broken"), nil, 0o644))
		_, err := Up(t.Context(), o)
		if err == nil || !strings.Contains(err.Error(), "this agent is broken") {
			t.Errorf("error %v, want the agent's own words", err)
		}
		expectNothing(t, o)
	})
	t.Run("binary", func(t *testing.T) {
		o := testOptions(t)
		o.BinDir = t.TempDir()
		_, err := Up(t.Context(), o)
		if err == nil || !strings.Contains(err.Error(), "make build") {
			t.Errorf("error %v", err)
		}
		expectNothing(t, o)
	})
	t.Run("network", func(t *testing.T) {
		o := testOptions(t)
		o.NoAgents = true
		l, err := Up(t.Context(), o)
		must(t, err)
		l.Close()
		other := testOptions(t)
		other.NoAgents, other.Names.Management = true, o.Names.Management
		if _, err := Up(t.Context(), other); err == nil {
			t.Error("two labs share a management network")
		}
		expectNothing(t, other)
	})
}

func TestDownAfterLostState(t *testing.T) {
	o := testOptions(t)
	o.NoAgents = true
	l, err := Up(t.Context(), o)
	must(t, err)
	l.Close()
	must(t, os.MkdirAll(filepath.Join(o.PinRoot, "r2"), 0o700))
	must(t, os.RemoveAll(o.RunDir))
	must(t, Down(t.Context(), o))
	expectNothing(t, o)
}

func TestNodeErrors(t *testing.T) {
	o := testOptions(t)
	o.NoAgents = true
	l, err := Up(t.Context(), o)
	must(t, err)
	defer l.Close()
	for name, want := range map[string]string{"r9": "no node", "h1": "runs no agent"} {
		if err := l.Node(name).Start(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("start agent of %s: %v", name, err)
		}
	}
	if err := l.Node("r9").Do(func() error { return nil }); err == nil {
		t.Error("ran inside a node that does not exist")
	}
	if _, err := l.Node("r1").Process(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("process of an agent that was not started: %v", err)
	}
	if err := Exec(o, "r9", []string{"true"}); err == nil || !strings.Contains(err.Error(), `no node "r9"`) {
		t.Errorf("exec in a node that does not exist: %v", err)
	}
}

func TestInitialConfiguration(t *testing.T) {
	o := Options{Topology: topology.Line5()}
	r5, _ := o.Topology.Node("r5")
	data, err := json.Marshal(o.initial(r5))
	must(t, err)
	var device yang.Device
	if err := yang.Unmarshal([]byte(`{"openifit-agent:ifit":`+string(data)+`}`), &device); err != nil {
		t.Fatalf("the model does not take it: %v", err)
	}
	domain, interfaces := device.Ifit.Domain, device.Ifit.Interfaces.Interface
	if c := domain.Config; c.GetNodeName() != "r5" || c.GetObservationDomainId() != 5 || c.GetEnterpriseNumber() != EnterpriseNumber {
		t.Errorf("domain %s", data)
	}
	if len(domain.Marks.Mark) != 1 || domain.Marks.Mark[markName].GetConfig().GetField() != yang.MarkField_DSCP {
		t.Errorf("marks %s", data)
	}
	if len(interfaces) != 2 || interfaces["to-h2"].GetConfig().GetRole() != yang.InterfaceRole_EDGE ||
		interfaces["to-r4"].GetConfig().GetRole() != yang.InterfaceRole_CORE {
		t.Errorf("interfaces %s", data)
	}
}

func TestLockWaits(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	first, err := acquire(t.Context(), path)
	must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := acquire(ctx, path); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("second holder: %v", err)
	}
	// The one who waits must not end up with the removed file.
	got := make(chan error, 1)
	go func() {
		second, err := acquire(t.Context(), path)
		if err == nil {
			_, err = os.Stat(path)
			second.release()
		}
		got <- err
	}()
	must(t, first.remove())
	first.release()
	must(t, <-got)
}

func TestOptionsRefused(t *testing.T) {
	testenv.NeedRoot(t)
	for _, c := range []struct {
		opts Options
		want string
	}{
		{Options{RunDir: "x"}, "absolute"},
		{Options{Names: fabric.Names{Prefix: "no/slash"}}, "name prefix"},
	} {
		if _, err := Up(t.Context(), c.opts); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v", c.opts, err)
		}
	}
	if _, err := namespace.Open(DefaultPrefix + "none"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("namespace that is not there: %v", err)
	}
}
