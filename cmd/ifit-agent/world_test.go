//go:build linux

package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/openifit/openifit/lab/certs"
	"github.com/openifit/openifit/lab/namespace"
	"github.com/openifit/openifit/lab/testenv"
	"github.com/openifit/openifit/lab/traffic"
	"github.com/openifit/openifit/proto/ipfix"
	"github.com/openifit/openifit/proto/ipfix/ie"
	"github.com/openifit/openifit/proto/ipfix/records"
)

// asAgent makes the test program behave as the command itself, so that tests
// can run it in a namespace and kill it.
const asAgent = "OPENIFIT_TEST_RUN_AGENT"

func TestMain(m *testing.M) {
	if os.Getenv(asAgent) != "" {
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

const (
	gnmiAddress   = "127.0.0.1:9339"
	enterprise    = 32473
	patience      = 30 * time.Second
	trafficPort   = 5001
	collectorPort = 4739
)

// world is two hosts and the router between them, with an agent on it.
type world struct {
	router, left, right *namespace.NS
	dir, pinDir         string
	// arguments of the agent beside those that each needs.
	arguments []string
	agent     *exec.Cmd
	log       *lockedBuffer
}

func newWorld(t testing.TB) *world {
	t.Helper()
	testenv.NeedKernel(t, 6, 6)
	w := &world{router: testenv.NewNetNS(t), left: testenv.NewNetNS(t), right: testenv.NewNetNS(t), dir: t.TempDir()}
	w.pinDir = filepath.Join("/sys/fs/bpf", "openifit-test-"+rand.Text())
	for _, name := range []string{"net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding"} {
		testenv.Sysctl(t, w.router, name, "1")
	}
	w.connect(t, w.left, "left", 1)
	w.connect(t, w.right, "right", 2)
	leaves := []certs.Leaf{{Name: "agent", Addresses: []netip.Addr{netip.MustParseAddr("127.0.0.1")}}, {Name: "operator"}}
	if err := certs.Ensure(w.dir, leaves); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		w.kill(t)
		if err := os.RemoveAll(w.pinDir); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Log("agent said:\n" + w.log.String())
		}
	})
	w.log = new(lockedBuffer)
	return w
}

// connect links a host to the router: net 10.0.n.0/24 and fd00:n::/64.
func (w *world) connect(t testing.TB, host *namespace.NS, name string, n int) {
	t.Helper()
	testenv.VethPair(t,
		testenv.End{NS: w.router, Name: name, Addresses: []string{fmt.Sprintf("10.0.%d.1/24", n), fmt.Sprintf("fd00:%d::1/64", n)}},
		testenv.End{NS: host, Name: "up", Addresses: []string{fmt.Sprintf("10.0.%d.2/24", n), fmt.Sprintf("fd00:%d::2/64", n)}})
	h := testenv.Netlink(t, host)
	link, err := h.LinkByName("up")
	if err != nil {
		t.Fatal(err)
	}
	for _, gateway := range []string{fmt.Sprintf("10.0.%d.1", n), fmt.Sprintf("fd00:%d::1", n)} {
		if err := h.RouteAdd(defaultRoute(link.Attrs().Index, gateway)); err != nil {
			t.Fatalf("default route by %s: %v", gateway, err)
		}
	}
	// One buffer is one packet.
	if err := h.LinkSetGSOMaxSegs(link, 1); err != nil {
		t.Fatal(err)
	}
}

// pairs are the addresses of traffic from left to right.
func pairs() []traffic.Pair {
	return []traffic.Pair{
		{Source: netip.MustParseAddr("10.0.1.2"), Destination: netip.MustParseAddr("10.0.2.2")},
		{Source: netip.MustParseAddr("fd00:1::2"), Destination: netip.MustParseAddr("fd00:2::2")},
	}
}

// command is the agent, not started yet.
func (w *world) command(t testing.TB) *exec.Cmd {
	t.Helper()
	files := certs.In(w.dir, "agent")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, append(w.arguments,
		"--listen", gnmiAddress, "--state-dir", filepath.Join(w.dir, "state"), "--pin-dir", w.pinDir,
		"--tls-cert", files.Cert, "--tls-key", files.Key, "--tls-ca", files.CA)...)
	cmd.Env = append(os.Environ(), asAgent+"=1")
	cmd.Stdout, cmd.Stderr = w.log, w.log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

// start runs the agent in the router and waits until it answers.
func (w *world) start(t testing.TB) {
	t.Helper()
	cmd := w.command(t)
	// A child is born into the namespace of the thread that starts it.
	if err := w.router.Do(cmd.Start); err != nil {
		t.Fatal(err)
	}
	w.agent = cmd
	wait(t, "the agent answers", func() bool {
		if err := cmd.Process.Signal(syscall.Signal(0)); err != nil {
			t.Fatal("the agent has ended")
		}
		conn, err := w.dialTCP(t.Context())
		if err != nil {
			return false
		}
		return conn.Close() == nil
	})
}

// kill ends the agent at once, whatever it is doing.
func (w *world) kill(t testing.TB) {
	t.Helper()
	w.end(t, os.Kill)
}

func (w *world) end(t testing.TB, signal os.Signal) {
	t.Helper()
	if w.agent == nil {
		return
	}
	if err := w.agent.Process.Signal(signal); err != nil {
		t.Error(err)
	}
	err := w.agent.Wait()
	w.agent = nil
	if signal == syscall.SIGTERM && err != nil {
		t.Errorf("the agent ended with %v", err)
	}
}

func (w *world) dialTCP(ctx context.Context) (conn net.Conn, err error) {
	err = w.router.Do(func() error {
		var d net.Dialer
		conn, err = d.DialContext(ctx, "tcp", gnmiAddress)
		return err
	})
	return conn, err
}

// client opens a gNMI client as the operator.
func (w *world) client(t testing.TB) gpb.GNMIClient {
	t.Helper()
	tlsConfig, err := certs.In(w.dir, "operator").Config()
	if err != nil {
		t.Fatal(err)
	}
	conn, err := grpc.NewClient("passthrough:///"+gnmiAddress,
		grpc.WithTransportCredentials(credentials.NewTLS(tlsConfig)),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return w.dialTCP(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return gpb.NewGNMIClient(conn)
}

// path parses the short form "/a/b[k=v]/c".
func path(s string) *gpb.Path {
	out := &gpb.Path{}
	for _, elem := range strings.Split(strings.Trim(s, "/"), "/") {
		name, keys, _ := strings.Cut(elem, "[")
		e := &gpb.PathElem{Name: name}
		for _, kv := range strings.Split(strings.TrimSuffix(keys, "]"), "][") {
			if k, v, ok := strings.Cut(kv, "="); ok {
				if e.Key == nil {
					e.Key = make(map[string]string)
				}
				e.Key[k] = v
			}
		}
		out.Elem = append(out.Elem, e)
	}
	return out
}

func update(at, value string) *gpb.Update {
	return &gpb.Update{Path: path(at), Val: &gpb.TypedValue{Value: &gpb.TypedValue_JsonIetfVal{JsonIetfVal: []byte(value)}}}
}

func set(t testing.TB, c gpb.GNMIClient, updates ...*gpb.Update) {
	t.Helper()
	if _, err := c.Set(t.Context(), &gpb.SetRequest{Update: updates}); err != nil {
		t.Fatal(err)
	}
}

func remove(t testing.TB, c gpb.GNMIClient, at string) {
	t.Helper()
	if _, err := c.Set(t.Context(), &gpb.SetRequest{Delete: []*gpb.Path{path(at)}}); err != nil {
		t.Fatal(err)
	}
}

// get reads a path as JSON_IETF; absent is nil.
func get(t testing.TB, c gpb.GNMIClient, at string) json.RawMessage {
	t.Helper()
	r, err := c.Get(t.Context(), &gpb.GetRequest{Path: []*gpb.Path{path(at)}, Encoding: gpb.Encoding_JSON_IETF})
	if err != nil || len(r.GetNotification()) == 0 || len(r.GetNotification()[0].GetUpdate()) == 0 {
		return nil
	}
	return r.GetNotification()[0].GetUpdate()[0].GetVal().GetJsonIetfVal()
}

// number reads a counter, 0 when it is absent.
func number(t testing.TB, c gpb.GNMIClient, at string) uint64 {
	t.Helper()
	var n json.Number
	text := bytes.Trim(get(t, c, at), `"`)
	if len(text) == 0 {
		return 0
	}
	n = json.Number(text)
	v, err := n.Int64()
	if err != nil {
		t.Fatalf("%s is %s", at, text)
	}
	return uint64(v)
}

// base is what the router's agent is told first.
func base(collector int) []*gpb.Update {
	return []*gpb.Update{
		update("/ifit/domain/config", fmt.Sprintf(`{"observation-domain-id": 7, "enterprise-number": %d}`, enterprise)),
		update("/ifit/interfaces", `{"interface": [
			{"name": "left", "config": {"name": "left", "role": "EDGE"}}, {"name": "right", "config": {"name": "right", "role": "EDGE"}}]}`),
		update("/ifit/collectors/collector[name=c]", fmt.Sprintf(`{"name": "c", "config": {"name": "c", "address": "127.0.0.1", "port": %d}}`, collector)),
	}
}

// metering counts the generator's flows from left to right.
const metering = `{"name": "m", "config": {"name": "m", "technique": "FLOW_METERING"},
	"observation-points": {"observation-point": [{"name": "in", "config": {"name": "in", "interface": "left", "direction": "INGRESS"}}]},
	"flow-selection": {"rules": {"rule": [{"sequence-id": 1, "config": {"sequence-id": 1, "protocol": 17, "destination-port": 5001}}]}},
	"data-export": {"config": {"collector": ["c"], "drain-interval": 50, "active-timeout": 500, "idle-timeout": 200, "batch-timeout": 20}}}`

const policyM = "/ifit/policies/policy[name=m]"

// collecting decodes what a collector at the router's loopback receives.
type collecting struct {
	mu      sync.Mutex
	flows   map[records.Tuple]*records.Flow
	records []records.Flow
	cards   []records.Postcard
	events  []records.Event
	drops   []records.Drop
	errs    []error
	session *ipfix.Session
	reader  *records.Reader
}

func (w *world) collect(t testing.TB, port int) *collecting {
	t.Helper()
	c := &collecting{flows: make(map[records.Tuple]*records.Flow), session: ipfix.NewSession(ie.NewModel(enterprise), ipfix.UDP, ipfix.Limits{})}
	var err error
	if c.reader, err = records.NewReader(records.Visitor{
		Flow:     func(_ ipfix.Header, f *records.Flow) { c.add(f) },
		Postcard: func(_ ipfix.Header, p *records.Postcard) { c.cards = append(c.cards, *p) },
		Event:    func(_ ipfix.Header, e *records.Event) { c.events = append(c.events, *e) },
		Drop:     func(_ ipfix.Header, d *records.Drop) { c.drops = append(c.drops, *d) },
	}); err != nil {
		t.Fatal(err)
	}
	w.receive(t, c, port)
	return c
}

// receive has what arrives at a port decoded.
func (w *world) receive(t testing.TB, c *collecting, port int) {
	t.Helper()
	var conn *net.UDPConn
	err := w.router.Do(func() (err error) {
		conn, err = net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.SetReadBuffer(8 << 20)
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 65535)
		for {
			n, err := conn.Read(buf)
			if err != nil {
				return
			}
			c.mu.Lock()
			if err := c.session.Decode(time.Now(), buf[:n], c.reader.Read); err != nil {
				c.errs = append(c.errs, err)
			}
			c.mu.Unlock()
		}
	}()
	t.Cleanup(func() {
		_ = conn.Close()
		<-done
	})
}

func (c *collecting) add(f *records.Flow) {
	c.records = append(c.records, *f)
	sum := c.flows[f.Tuple]
	if sum == nil {
		sum = &records.Flow{Start: f.Start, MinimumHopLimit: 255}
		c.flows[f.Tuple] = sum
	}
	sum.Packets += f.Packets
	sum.Octets += f.Octets
	sum.Start, sum.End = min(sum.Start, f.Start), max(sum.End, f.End)
	sum.IngressInterface = f.IngressInterface
	sum.MinimumHopLimit = min(sum.MinimumHopLimit, f.MinimumHopLimit)
	if f.DelayPackets > 0 && (sum.DelayPackets == 0 || f.DelayMin < sum.DelayMin) {
		sum.DelayMin = f.DelayMin
	}
	sum.DelayMax = max(sum.DelayMax, f.DelayMax)
	sum.DelaySum += f.DelaySum
	sum.DelayPackets += f.DelayPackets
}

func (c *collecting) packets() (n uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, f := range c.flows {
		n += f.Packets
	}
	return n
}

// send drives traffic from left to right and returns the truth about it.
func (w *world) send(t testing.TB, p traffic.Constant) traffic.Report {
	t.Helper()
	s := w.traffic(t, p)
	<-s.Done()
	return w.report(t, s)
}

// drive is a traffic session that may be closed twice.
type drive struct {
	*traffic.Session
	once sync.Once
}

func (d *drive) close(t testing.TB) {
	d.once.Do(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
}

func (w *world) traffic(t testing.TB, p traffic.Constant) *drive {
	t.Helper()
	p.Pairs, p.Port = pairs(), trafficPort
	profile, err := p.Profile()
	if err != nil {
		t.Fatal(err)
	}
	s, err := traffic.NewSession(t.Context(), traffic.Ends{From: w.left, To: w.right, Interface: "up"}, profile, traffic.SessionOptions{})
	if err != nil {
		t.Fatal(err)
	}
	d := &drive{Session: s}
	t.Cleanup(func() { d.close(t) })
	return d
}

// report ends a session and returns the truth about it.
func (w *world) report(t testing.TB, s *drive) traffic.Report {
	t.Helper()
	if err := s.Stop(t.Context(), 5*time.Second); err != nil {
		t.Fatal(err)
	}
	r, err := s.Report()
	if err != nil {
		t.Fatal(err)
	}
	if r.Totals.Lost > 0 || r.Totals.Refused > 0 {
		t.Fatalf("the network itself lost packets: %+v", r.Totals)
	}
	s.close(t)
	return r
}

// wait polls until a condition holds.
func wait(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

// lockedBuffer keeps what a process writes.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// ids lists the program numbers in a policy's state.
func ids(t testing.TB, programs string) (out string) {
	t.Helper()
	var list struct {
		Program []struct {
			ID uint32 `json:"id"`
		} `json:"openifit-agent:program"`
	}
	if err := json.Unmarshal([]byte(programs), &list); err != nil {
		t.Fatalf("%v in %s", err, programs)
	}
	for _, p := range list.Program {
		out += fmt.Sprint(p.ID, " ")
	}
	return out
}
