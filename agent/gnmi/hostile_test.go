package gnmi_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/openconfig/ygot/ygot"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/openifit/openifit/gen/yang"
)

// TestSlowReader stops reading a stream: the values that wait are merged and
// counted, the newest one arrives, and nobody else is held up.
func TestSlowReader(t *testing.T) {
	n := start(t)
	n.fill(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stream, err := n.client.Subscribe(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(with(onChange(t, "/ifit/policies/policy[name=x]/state/last-error"), func(*gpb.SubscriptionList) {})); err != nil {
		t.Fatal(err)
	}
	if r, err := stream.Recv(); err != nil || !r.GetSyncResponse() {
		t.Fatalf("got %v, %v", r, err)
	}
	// Far more than any buffer on the way takes.
	const changes, size = 4000, 8 << 10
	text := strings.Repeat("e", size)
	for i := range changes {
		n.state.SetPolicy("x", func(st *yang.Policy_State) { st.LastError = ygot.String(fmt.Sprint(i, text)) })
	}
	quick := n.subscribe(t, onChange(t, "/ifit/limits/config"))
	quick.sync()
	n.mustSet(t, update(t, "/ifit/limits/config/max-events", "99"))
	quick.until("/ifit/limits/config/max-events=99")

	seen, duplicates := 0, 0
	for {
		r, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		u := r.GetUpdate().GetUpdate()[0]
		seen++
		duplicates += int(u.GetDuplicates())
		if strings.HasPrefix(valueString(u.Val), fmt.Sprintf(`"%d`, changes-1)) {
			break
		}
	}
	if seen+duplicates != changes {
		t.Errorf("%d values and %d duplicates account for %d changes", seen, duplicates, changes)
	}
	if duplicates == 0 {
		t.Error("nothing was merged: the reader was not slow")
	}
}

// TestStoppedReader never reads: what waits for it stays bounded, and then it
// is cut off.
func TestStoppedReader(t *testing.T) {
	n := start(t)
	n.fill(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stream, err := n.client.Subscribe(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(with(onChange(t, "/ifit/events"), func(*gpb.SubscriptionList) {})); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("t", 512)
	event := func() {
		n.state.AppendEvent(&yang.Event_State{Trigger: ygot.String(long), Policy: ygot.String("x"), Value: ygot.Uint64(1)})
	}
	for range 50_000 {
		event()
	}
	heap := inUse()
	for range 150_000 {
		event()
	}
	if more := int64(inUse()) - int64(heap); more > 64<<20 {
		t.Errorf("another 150,000 events took %d octets", more)
	}
	for {
		if _, err := stream.Recv(); err != nil {
			wantCode(t, err, codes.ResourceExhausted, "too slow")
			return
		}
	}
}

func inUse() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse
}

// TestManySubscribers has one event seen by all of many subscribers.
func TestManySubscribers(t *testing.T) {
	n := start(t)
	n.fill(t)
	const many = 500
	var watchers []*watcher
	for range many {
		watchers = append(watchers, n.subscribe(t, onChange(t, "/ifit/events")))
	}
	for _, w := range watchers {
		w.sync()
	}
	n.state.AppendEvent(&yang.Event_State{Policy: ygot.String("x")})
	var wg sync.WaitGroup
	for _, w := range watchers {
		wg.Go(func() {
			if r, ok := <-w.ch; !ok || len(r.GetUpdate().GetUpdate()) != 3 {
				t.Errorf("a subscriber got %v", r)
			}
		})
	}
	wg.Wait()
}

// TestManyPaths asks for more than anybody needs: an error comes at once, or
// the answer.
func TestManyPaths(t *testing.T) {
	n := start(t)
	n.fill(t)
	deep := &gpb.Path{}
	for range 1000 {
		deep.Elem = append(deep.Elem, &gpb.PathElem{Name: "..."})
	}
	req := &gpb.GetRequest{}
	for range 100_000 {
		req.Path = append(req.Path, &gpb.Path{Elem: []*gpb.PathElem{{Name: "..."}}})
	}
	_, err := n.client.Get(t.Context(), req)
	wantCode(t, err, codes.ResourceExhausted)
	_, err = n.client.Get(t.Context(), &gpb.GetRequest{Path: []*gpb.Path{deep}})
	wantCode(t, err, codes.Unimplemented, "elements")
	deep.Elem = deep.Elem[:40]
	if _, err := n.client.Get(t.Context(), &gpb.GetRequest{Path: []*gpb.Path{deep}}); err != nil {
		t.Errorf("a path of 40 wildcards: %v", err)
	}
	n.mustSet(t, update(t, atX+"/config/priority", "5"))
}

// TestTransport checks what the port lets in, on a real socket.
func TestTransport(t *testing.T) {
	files := newAuthority(t)
	server, client := files.issue(t, "agent"), files.issue(t, "operator")
	stranger := newAuthority(t).issue(t, "stranger")
	address := start(t).serveTLS(t, files, server)
	call := func(creds credentials.TransportCredentials) error {
		conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(creds))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_, err = gpb.NewGNMIClient(conn).Capabilities(t.Context(), &gpb.CapabilityRequest{})
		return err
	}
	good := func() error { return call(credentials.NewTLS(client.clientConfig(t, files))) }
	if err := good(); err != nil {
		t.Fatalf("a client with a certificate: %v", err)
	}
	for name, creds := range map[string]credentials.TransportCredentials{
		"no TLS":              insecure.NewCredentials(),
		"no certificate":      credentials.NewTLS(client.without(t, files)),
		"somebody else's CA":  credentials.NewTLS(stranger.clientConfig(t, files)),
		"TLS 1.2":             credentials.NewTLS(client.tls12(t, files)),
		"server not trusted":  credentials.NewTLS(client.clientConfig(t, newAuthority(t))),
		"expired certificate": credentials.NewTLS(files.issueExpired(t, "late").clientConfig(t, files)),
	} {
		if err := call(creds); status.Code(err) != codes.Unavailable {
			t.Errorf("%s: got %v", name, err)
		}
	}

	// Garbage on the port harms nobody else.
	for range 20 {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		junk := make([]byte, 4096)
		_, _ = rand.Read(junk)
		_, _ = c.Write(junk)
		_ = c.Close()
	}
	if err := good(); err != nil {
		t.Errorf("after garbage: %v", err)
	}

	// A certificate that is replaced counts from the next connection on.
	next := newAuthority(t)
	renewed := next.issue(t, "agent")
	next.copyTo(t, files)
	renewed.copyTo(t, server)
	if err := good(); err == nil {
		t.Error("the old authority still counts")
	}
	if err := call(credentials.NewTLS(next.issue(t, "operator").clientConfig(t, next))); err != nil {
		t.Errorf("after the renewal: %v", err)
	}
}

// TestPanic has a defect behind every RPC: it is answered and counted, and the
// agent goes on.
func TestPanic(t *testing.T) {
	n := start(t)
	n.fill(t)
	broken := true
	n.state.OnReadNode(func(*yang.State) {
		if broken {
			panic("boom")
		}
	})
	_, err := n.client.Get(t.Context(), &gpb.GetRequest{Path: []*gpb.Path{path(t, "/ifit/state")}, Encoding: gpb.Encoding_JSON_IETF})
	wantCode(t, err, codes.Internal, "defect of the agent")
	stream, err := n.client.Subscribe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(with(&gpb.SubscriptionList{
		Mode: gpb.SubscriptionList_ONCE, Subscription: []*gpb.Subscription{{Path: path(t, "/ifit/state")}},
	}, func(*gpb.SubscriptionList) {})); err != nil {
		t.Fatal(err)
	}
	_, err = stream.Recv()
	wantCode(t, err, codes.Internal, "defect of the agent")
	if got := n.server.Panics(); got != 2 {
		t.Errorf("%d panics are counted, want 2", got)
	}
	broken = false
	n.get(t, "/ifit/state")
	n.mustSet(t, update(t, atX+"/config/priority", "1"))
}

// TestHugeAnswer asks ten thousand times for the whole tree: the answer is
// refused before it fills the memory.
func TestHugeAnswer(t *testing.T) {
	n := start(t)
	n.fill(t)
	n.state.SetPolicy("x", func(st *yang.Policy_State) { st.LastError = ygot.String(strings.Repeat("e", 64<<10)) })
	req := &gpb.GetRequest{Encoding: gpb.Encoding_JSON_IETF}
	for range 10_000 {
		req.Path = append(req.Path, path(t, "/ifit"))
	}
	_, err := n.client.Get(t.Context(), req)
	wantCode(t, err, codes.ResourceExhausted, "ask for less")
}
