package controller_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/openconfig/gnmi/proto/gnmi"
	"github.com/openconfig/ygot/ygot"

	"github.com/openifit/openifit/controller"
	"github.com/openifit/openifit/controller/config"
	"github.com/openifit/openifit/controller/store"
	"github.com/openifit/openifit/controller/target/gnmitest"
	openifitv1 "github.com/openifit/openifit/gen/openifit/v1"
	"github.com/openifit/openifit/gen/openifit/v1/openifitv1connect"
	"github.com/openifit/openifit/proto/ipfix"
	"github.com/openifit/openifit/proto/ipfix/ie"
	"github.com/openifit/openifit/proto/ipfix/records"
)

// agent is the far side of one session: it remembers what was set, and tells
// who it is.
type agent struct {
	mu  sync.Mutex
	set []string
}

func (a *agent) paths() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return strings.Join(a.set, "\n")
}

func (a *agent) server(t *testing.T) *gnmitest.Server {
	return &gnmitest.Server{
		OnSet: func(r *gnmi.SetRequest) error {
			a.mu.Lock()
			defer a.mu.Unlock()
			for _, u := range append(r.GetUpdate(), r.GetReplace()...) {
				path, err := ygot.PathToString(u.GetPath())
				if err != nil {
					return err
				}
				a.set = append(a.set, path)
			}
			return nil
		},
		OnGet: func(*gnmi.GetRequest) (*gnmi.GetResponse, error) { return &gnmi.GetResponse{}, nil },
		OnSubscribe: func(_ *gnmi.SubscriptionList, s gnmi.GNMI_SubscribeServer) error {
			for _, r := range []*gnmi.SubscribeResponse{
				gnmitest.Response(1, gnmitest.Path(t, "/ifit"),
					gnmitest.Leaf(t, "domain/state/observation-domain-id", gnmitest.Uint(9)),
					gnmitest.Leaf(t, "interfaces/interface[name=in]/state/ifindex", gnmitest.Uint(2)),
					gnmitest.Leaf(t, "interfaces/interface[name=out]/state/ifindex", gnmitest.Uint(3))),
				gnmitest.Synchronized(),
			} {
				if err := s.Send(r); err != nil {
					return err
				}
			}
			<-s.Context().Done()
			return nil
		},
	}
}

// credentials writes the certificate of a client's configuration to files.
func credentials(t *testing.T, c *tls.Config) config.TLS {
	t.Helper()
	dir := t.TempDir()
	key, err := x509.MarshalPKCS8PrivateKey(c.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	out := config.TLS{Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem")}
	// The certificate is its own authority.
	out.CA = out.Cert
	for path, block := range map[string]*pem.Block{
		out.Cert: {Type: "CERTIFICATE", Bytes: c.Certificates[0].Certificate[0]}, out.Key: {Type: "PRIVATE KEY", Bytes: key},
	} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// free returns an address of the loopback interface that nobody uses.
func free(t *testing.T) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).AddrPort()
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("never: %s", what)
}

const baseline = `{"config": {"name": "paths", "technique": "PBT_M"}, "data-export": {"config": {"collector": ["controller"]}}}`

func setUp(t *testing.T, a *agent) (config.Config, *tls.Config) {
	t.Helper()
	address, client := gnmitest.Start(t, a.server(t))
	policies := t.TempDir()
	if err := os.WriteFile(filepath.Join(policies, "paths.json"), []byte(baseline), 0o600); err != nil {
		t.Fatal(err)
	}
	files := credentials(t, client)
	cfg, err := config.Parse(fmt.Appendf(nil, `
listen-ipfix: %s
northbound: %s
tls: {cert: %s, key: %s, ca: %s}
state-dir: %s
nodes: [{name: r1, address: "%s", role: head}]
collector: {name: controller, address: 127.0.0.1, port: 4739}
enterprise-number: 32473
policies-dir: %s
loops: [{name: elephants, type: elephants, policy: paths, sketch: heavy}]
`, free(t), free(t), files.Cert, files.Key, files.CA, t.TempDir(), address, policies))
	if err != nil {
		t.Fatal(err)
	}
	return cfg, client
}

// start runs a controller until the function that it returns is called.
func start(t *testing.T, cfg config.Config) (stop func()) {
	t.Helper()
	c, err := controller.New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	return sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestController(t *testing.T) {
	a := &agent{}
	cfg, client := setUp(t, a)
	stop := start(t, cfg)
	defer stop()
	const policyPath = "/ifit/policies/policy[name=paths]"
	eventually(t, "the agent gets collector and policy", func() bool { return strings.Contains(a.paths(), policyPath) })
	if got := a.paths(); strings.Index(got, "/ifit/collectors/collector[name=controller]") > strings.Index(got, policyPath) {
		t.Errorf("the policy came before what it refers to:\n%s", got)
	}
	if _, err := controller.New(cfg, slog.New(slog.DiscardHandler)); !errors.Is(err, store.ErrLocked) {
		t.Errorf("a second controller on the same directory: %v", err)
	}

	h := &http.Client{Transport: &http.Transport{TLSClientConfig: client}}
	url := "https://" + cfg.Northbound.String()
	nodes := openifitv1connect.NewNodeServiceClient(h, url)
	eventually(t, "the northbound shows the node", func() bool {
		r, err := nodes.GetNode(t.Context(), connect.NewRequest(&openifitv1.GetNodeRequest{Name: "r1"}))
		return err == nil && r.Msg.GetNode().GetSession() == openifitv1.SessionState_SESSION_STATE_UP && r.Msg.GetNode().GetObservationDomainId() == 9
	})

	sendPostcard(t, cfg.ListenIPFIX)
	paths := openifitv1connect.NewPathServiceClient(h, url)
	eventually(t, "the northbound shows the path", func() bool {
		r, err := paths.ListPaths(t.Context(), connect.NewRequest(&openifitv1.ListPathsRequest{}))
		return err == nil && len(r.Msg.GetPaths()) == 1 &&
			r.Msg.GetPaths()[0].GetCompleteness() == openifitv1.Completeness_COMPLETENESS_COMPLETE &&
			r.Msg.GetPaths()[0].GetHops()[0].GetEgressInterface() == "out"
	})

	// What an operator removes stays removed when the controller comes back.
	policies := openifitv1connect.NewPolicyServiceClient(h, url)
	if _, err := policies.DeletePolicy(t.Context(), connect.NewRequest(&openifitv1.DeletePolicyRequest{Name: "paths"})); err != nil {
		t.Fatal(err)
	}
	h.CloseIdleConnections()
	stop()
	stop = start(t, cfg)
	defer stop()
	eventually(t, "the controller is back", func() bool {
		r, err := policies.ListPolicies(t.Context(), connect.NewRequest(&openifitv1.ListPoliciesRequest{}))
		if err == nil && len(r.Msg.GetPolicies()) != 0 {
			t.Fatalf("policies %v", r.Msg.GetPolicies())
		}
		return err == nil
	})
	h.CloseIdleConnections()
}

// sendPostcard exports what a node says of one packet that crossed it alone.
func sendPostcard(t *testing.T, to netip.AddrPort) {
	t.Helper()
	conn, err := net.Dial("udp", to.String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	e, err := ipfix.NewExporter(ipfix.ExporterConfig{Domain: 9, MaxLength: 1400}, func(m ipfix.Message) error {
		_, err := conn.Write(m.Octets)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	template, err := records.PostcardTemplate(ie.NewModel(ie.ExperimentalPEN), records.IPv4)
	if err != nil {
		t.Fatal(err)
	}
	s, err := ipfix.NewStream[records.Postcard](e, template)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Write(&records.Postcard{
		Tuple:    records.Tuple{Source: netip.MustParseAddr("10.0.0.1"), Destination: netip.MustParseAddr("10.0.0.2"), Protocol: 17},
		PacketID: 1, HopLimit: 63, IngressInterface: 2, EgressInterface: 3, IngressTime: 1, EgressTime: 1000, Segments: 1,
	}), e.Flush()); err != nil {
		t.Fatal(err)
	}
}

func TestNewRefuses(t *testing.T) {
	a := &agent{}
	for name, change := range map[string]func(*config.Config){
		"no certificate":    func(c *config.Config) { c.TLS.Cert = "/nowhere" },
		"no policies":       func(c *config.Config) { c.PoliciesDir = "/nowhere" },
		"a broken baseline": func(c *config.Config) { _ = os.WriteFile(filepath.Join(c.PoliciesDir, "x.json"), []byte("{}"), 0o600) },
		"a foreign address": func(c *config.Config) { c.ListenIPFIX = netip.MustParseAddrPort("192.0.2.1:4739") },
		"no state":          func(c *config.Config) { c.StateDir = "/dev/null/state" },
	} {
		cfg, _ := setUp(t, a)
		change(&cfg)
		if _, err := controller.New(cfg, slog.New(slog.DiscardHandler)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
