package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/vishvananda/netlink"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/openifit/openifit/agent"
	"github.com/openifit/openifit/agent/gnmi"
	"github.com/openifit/openifit/lab/certs"
	"github.com/openifit/openifit/lab/namespace"
)

// agentDir, when set in the environment, makes this program an agent that
// keeps its files there: an agent works in the namespace of all its threads,
// so that it needs a process of its own.
const agentDir = "OPENIFIT_BENCH_AGENT"

const (
	agentAddress = "127.0.0.1:9339"
	agentStart   = 10 * time.Second
)

// serveAgent is that agent. It ends with SIGTERM.
func serveAgent(dir string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	listener, err := net.Listen("tcp", agentAddress)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	a, err := agent.New(ctx, agent.Config{
		StateDir: filepath.Join(dir, "state"), PinDir: pinDir(dir),
		Listener: listener, TLS: gnmi.TLSFiles(certs.In(dir, "agent")), Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	return a.Run(ctx)
}

// pinDir is as unique as the directory.
func pinDir(dir string) string {
	return filepath.Join("/sys/fs/bpf", "openifit-bench-"+filepath.Base(dir))
}

// node is a namespace with a veth pair, "near" and "far", and an agent.
type node struct {
	ns      *namespace.NS
	dir     string
	process *exec.Cmd
	conn    *grpc.ClientConn
}

func newNode(ctx context.Context) (_ *node, err error) {
	n := &node{dir: filepath.Join(os.TempDir(), "openifit-bench-"+rand.Text())}
	defer func() {
		if err != nil {
			err = errors.Join(err, n.close())
		}
	}()
	if err := n.connectInterfaces(); err != nil {
		return nil, err
	}
	leaves := []certs.Leaf{{Name: "agent", Addresses: []netip.Addr{netip.MustParseAddr("127.0.0.1")}}, {Name: "operator"}}
	if err := certs.Ensure(n.dir, leaves); err != nil {
		return nil, err
	}
	n.process = exec.Command("/proc/self/exe")
	n.process.Env = append(os.Environ(), agentDir+"="+n.dir)
	n.process.Stderr = os.Stderr
	if err := n.ns.Do(n.process.Start); err != nil {
		return nil, fmt.Errorf("start agent: %w", err)
	}
	config, err := certs.In(n.dir, "operator").Config()
	if err != nil {
		return nil, err
	}
	n.conn, err = grpc.NewClient("passthrough:///"+agentAddress,
		grpc.WithTransportCredentials(credentials.NewTLS(config)), grpc.WithContextDialer(n.dial))
	if err != nil {
		return nil, fmt.Errorf("connect to agent: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, agentStart)
	defer cancel()
	_, err = gpb.NewGNMIClient(n.conn).Capabilities(ctx, &gpb.CapabilityRequest{}, grpc.WaitForReady(true))
	if err != nil {
		return nil, fmt.Errorf("wait for agent: %w", err)
	}
	return n, nil
}

func (n *node) connectInterfaces() (err error) {
	if n.ns, err = namespace.New(); err != nil {
		return err
	}
	h, err := n.ns.Netlink()
	if err != nil {
		return err
	}
	defer h.Close()
	attrs := netlink.NewLinkAttrs()
	attrs.Name = "near"
	if err := h.LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: "far"}); err != nil {
		return fmt.Errorf("create veth pair: %w", err)
	}
	for _, name := range []string{"lo", "near", "far"} {
		link, err := h.LinkByName(name)
		if err != nil {
			return fmt.Errorf("find %s: %w", name, err)
		}
		if err := h.LinkSetUp(link); err != nil {
			return fmt.Errorf("set %s up: %w", name, err)
		}
	}
	return nil
}

func (n *node) dial(ctx context.Context, _ string) (conn net.Conn, err error) {
	err = n.ns.Do(func() error {
		var d net.Dialer
		conn, err = d.DialContext(ctx, "tcp", agentAddress)
		return err
	})
	return conn, err
}

// close removes everything.
func (n *node) close() error {
	var errs []error
	if n.conn != nil {
		errs = append(errs, n.conn.Close())
	}
	if n.process != nil && n.process.Process != nil {
		errs = append(errs, n.process.Process.Signal(syscall.SIGTERM), n.process.Wait())
	}
	errs = append(errs, agent.Remove(pinDir(n.dir)), os.RemoveAll(n.dir))
	if n.ns != nil {
		errs = append(errs, n.ns.Close())
	}
	return errors.Join(errs...)
}
