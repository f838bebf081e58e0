package gnmi_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/openconfig/ygot/ygot"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	"github.com/openifit/openifit/agent/gnmi"
	"github.com/openifit/openifit/agent/intent"
	"github.com/openifit/openifit/agent/intent/schema"
	"github.com/openifit/openifit/agent/state"
)

// applier is an Applier that remembers what it was told, and fails on demand.
type applier struct {
	mu      sync.Mutex
	trace   []string
	last    *intent.Snapshot // committed last
	prepare func(*intent.Snapshot) error
	commit  func(*intent.Snapshot) error
}

func (a *applier) Prepare(_ context.Context, next *intent.Snapshot) (gnmi.Change, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.trace = append(a.trace, "prepare")
	if a.prepare != nil {
		if err := a.prepare(next); err != nil {
			return nil, err
		}
	}
	return &change{a, next}, nil
}

func (a *applier) take() (trace string, last *intent.Snapshot) {
	a.mu.Lock()
	defer a.mu.Unlock()
	trace = strings.Join(a.trace, " ")
	a.trace = nil
	return trace, a.last
}

type change struct {
	a    *applier
	next *intent.Snapshot
}

func (c *change) Commit() error {
	c.a.mu.Lock()
	defer c.a.mu.Unlock()
	c.a.trace = append(c.a.trace, "commit")
	if c.a.commit != nil {
		if err := c.a.commit(c.next); err != nil {
			return err
		}
	}
	c.a.last = c.next
	return nil
}

func (c *change) Abort() {
	c.a.mu.Lock()
	defer c.a.mu.Unlock()
	c.a.trace = append(c.a.trace, "abort")
}

// node is an agent's gNMI server with a client.
type node struct {
	client  gpb.GNMIClient
	server  *gnmi.Server
	state   *state.Store
	applier *applier
	dir     string
}

var sch = mustLoad()

func mustLoad() *schema.Schema {
	s, err := schema.Load()
	if err != nil {
		panic(err)
	}
	return s
}

func start(t testing.TB) *node {
	t.Helper()
	return startIn(t, t.TempDir())
}

func startIn(t testing.TB, dir string) *node {
	t.Helper()
	return startWith(t, dir, nil)
}

func startWith(t testing.TB, dir string, prepare func(*intent.Snapshot) error) *node {
	t.Helper()
	return startAt(t, dir, time.Now, prepare)
}

func startAt(t testing.TB, dir string, now func() time.Time, prepare func(*intent.Snapshot) error) *node {
	t.Helper()
	cfg, err := intent.Open(dir, sch, now)
	if err != nil {
		t.Fatal(err)
	}
	n := &node{state: state.New(time.Now(), 1024), applier: &applier{prepare: prepare}, dir: dir}
	n.server, err = gnmi.New(gnmi.Options{
		Schema: sch, Intent: cfg, State: n.state, Applier: n.applier,
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Now: now,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := n.server.Restore(t.Context()); err != nil {
		t.Fatal(err)
	}
	if prepare == nil {
		n.applier.take()
	}
	listener := bufconn.Listen(1 << 20)
	g := n.server.NewGRPC(nil)
	served := make(chan error, 1)
	go func() { served <- g.Serve(listener) }()
	conn, err := grpc.NewClient("passthrough:///agent",
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(256<<20)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = conn.Close()
		g.Stop()
		if err := <-served; err != nil && !errors.Is(err, grpc.ErrServerStopped) {
			t.Errorf("serve: %v", err)
		}
	})
	n.client = gpb.NewGNMIClient(conn)
	return n
}

func path(t testing.TB, text string) *gpb.Path {
	t.Helper()
	p, err := ygot.StringToStructuredPath(text)
	if err != nil {
		t.Fatalf("path %s: %v", text, err)
	}
	return p
}

func ietf(text string) *gpb.TypedValue {
	return &gpb.TypedValue{Value: &gpb.TypedValue_JsonIetfVal{JsonIetfVal: []byte(text)}}
}

func update(t testing.TB, at, text string) *gpb.Update {
	t.Helper()
	return &gpb.Update{Path: path(t, at), Val: ietf(text)}
}

func (n *node) set(t testing.TB, req *gpb.SetRequest) (*gpb.SetResponse, error) {
	t.Helper()
	return n.client.Set(t.Context(), req)
}

func (n *node) mustSet(t testing.TB, updates ...*gpb.Update) {
	t.Helper()
	if _, err := n.set(t, &gpb.SetRequest{Update: updates}); err != nil {
		t.Fatal(err)
	}
}

// get returns the only value at a path, as JSON of RFC 7951.
func (n *node) get(t testing.TB, at string) string {
	t.Helper()
	resp, err := n.client.Get(t.Context(), &gpb.GetRequest{Path: []*gpb.Path{path(t, at)}, Encoding: gpb.Encoding_JSON_IETF})
	if err != nil {
		return status.Code(err).String()
	}
	if len(resp.Notification) != 1 || len(resp.Notification[0].Update) != 1 {
		t.Fatalf("get %s: %v", at, resp)
	}
	return string(resp.Notification[0].Update[0].Val.GetJsonIetfVal())
}

// files returns the content of the state directory, temporary files included,
// the reserve of numbers left out.
func (n *node) files(t testing.TB) string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(n.dir, func(p string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == "numbers.json" {
			return err
		}
		text, err := os.ReadFile(p)
		rel, _ := filepath.Rel(n.dir, p)
		out = append(out, rel+": "+string(text))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(out)
	return strings.Join(out, "\n")
}

// fill sets what most tests need: two interfaces, a mark, a collector c and a
// policy x with a rule.
func (n *node) fill(t testing.TB) {
	t.Helper()
	n.mustSet(t,
		update(t, "/ifit/domain", `{"config":{"name":"lab","node-name":"r1","observation-domain-id":1},
			"marks":{"mark":[{"name":"red","config":{"field":"DSCP"},"values":{"value":[{"unmarked":0,"config":{"marked":3}}]}}]}}`),
		update(t, "/ifit/interfaces/interface", `[{"name":"eth0","config":{"role":"EDGE"}},{"name":"eth1","config":{"name":"eth1","role":"CORE"}}]`),
		update(t, "/ifit/collectors/collector[name=c]/config/address", `"192.0.2.1"`),
		update(t, "/ifit/policies/policy[name=x]", policyX))
	n.applier.take()
}

const policyX = `{
	"config": {"technique": "openifit-types:FLOW_METERING"},
	"flow-selection": {"rules": {"rule": [{"sequence-id": 10, "config": {"destination-port": "1000..2000", "source-prefix": "2001:db8::/32"}}]}},
	"packet-selection": {"config": {"algorithm": "UNIFORM_PROBABILISTIC", "probability": "0.25"}},
	"data-export": {"config": {"collector": ["c"]}}
}`

func wantCode(t testing.TB, err error, code codes.Code, parts ...string) {
	t.Helper()
	if status.Code(err) != code {
		t.Errorf("got %v, want %v", err, code)
		return
	}
	for _, p := range parts {
		if !strings.Contains(err.Error(), p) {
			t.Errorf("error %q does not mention %q", err, p)
		}
	}
}

// same compares long texts and shows where they part.
func same(t testing.TB, what, got, want string) {
	t.Helper()
	if got == want {
		return
	}
	i := 0
	for i < min(len(got), len(want)) && got[i] == want[i] {
		i++
	}
	cut := func(s string) string { return s[max(0, i-40):min(len(s), i+80)] }
	t.Errorf("%s changed: ...%s..., want ...%s...", what, cut(got), cut(want))
}
