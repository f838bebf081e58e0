// Package gnmibench measures the gNMI server on a large tree, apart from the
// kernel: what it applies is nothing.
package gnmibench

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"github.com/openifit/openifit/agent/gnmi"
	"github.com/openifit/openifit/agent/intent"
	"github.com/openifit/openifit/agent/intent/schema"
	"github.com/openifit/openifit/agent/state"
)

// The tree that is measured.
const (
	Policies   = 1000
	Rules      = 10 // of each policy
	interfaces = 16
)

// Node is a server with the tree, and a client of it.
type Node struct {
	conn   *grpc.ClientConn
	client gpb.GNMIClient
	server *grpc.Server
	served chan error
}

// noApplier accepts every configuration and does nothing.
type noApplier struct{}

func (noApplier) Prepare(context.Context, *intent.Snapshot) (gnmi.Change, error) {
	return noApplier{}, nil
}
func (noApplier) Commit() error { return nil }
func (noApplier) Abort()        {}

// New starts a node that saves its configuration in a directory.
func New(ctx context.Context, dir string) (*Node, error) {
	sch, err := schema.Load()
	if err != nil {
		return nil, err
	}
	cfg, err := intent.Open(dir, sch, time.Now)
	if err != nil {
		return nil, err
	}
	s, err := gnmi.New(gnmi.Options{
		Schema: sch, Intent: cfg, State: state.New(time.Now(), 1024), Applier: noApplier{},
		Log: slog.New(slog.DiscardHandler), Now: time.Now,
	})
	if err != nil {
		return nil, err
	}
	listener := bufconn.Listen(1 << 20)
	n := &Node{server: s.NewGRPC(nil), served: make(chan error, 1)}
	go func() { n.served <- n.server.Serve(listener) }()
	n.conn, err = grpc.NewClient("passthrough:///node",
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, err
	}
	n.client = gpb.NewGNMIClient(n.conn)
	if err := n.fill(ctx); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	return n, nil
}

// Close stops the node.
func (n *Node) Close() error {
	err := n.conn.Close()
	n.server.Stop()
	return errors.Join(err, <-n.served)
}

func (n *Node) fill(ctx context.Context) error {
	var list []string
	for i := range interfaces {
		list = append(list, fmt.Sprintf(`{"name":"eth%d","config":{"role":"CORE"}}`, i))
	}
	req := &gpb.SetRequest{Update: []*gpb.Update{
		update(fmt.Sprintf("[%s]", strings.Join(list, ",")), elem("interfaces"), elem("interface")),
		update(`"192.0.2.1"`, elem("collectors"), entry("collector", "c"), elem("config"), elem("address")),
	}}
	for i := range Policies {
		var rules []string
		for r := range Rules {
			rules = append(rules, fmt.Sprintf(`{"sequence-id":%d,"config":{"source-prefix":"10.%d.%d.0/24","protocol":6,"destination-port":%d}}`,
				r+1, i/250, i%250, r+1000))
		}
		req.Update = append(req.Update, update(fmt.Sprintf(`{
			"config":{"technique":"FLOW_METERING","owner":"bench"},
			"observation-points":{"observation-point":[{"name":"o","config":{"interface":"eth%d","direction":"INGRESS"}}]},
			"flow-selection":{"rules":{"rule":[%s]}},
			"packet-selection":{"config":{"algorithm":"UNIFORM_PROBABILISTIC","probability":"0.5"}},
			"data-export":{"config":{"collector":["c"]}}}`, i%interfaces, strings.Join(rules, ",")), policy(i)...))
	}
	_, err := n.client.Set(ctx, req)
	return err
}

func elem(name string) *gpb.PathElem { return &gpb.PathElem{Name: name} }

func entry(list, name string) *gpb.PathElem {
	return &gpb.PathElem{Name: list, Key: map[string]string{"name": name}}
}

func policy(i int) []*gpb.PathElem {
	return []*gpb.PathElem{elem("policies"), entry("policy", fmt.Sprintf("p%d", i%Policies))}
}

func path(elems ...*gpb.PathElem) *gpb.Path {
	return &gpb.Path{Elem: append([]*gpb.PathElem{elem("ifit")}, elems...)}
}

func update(text string, elems ...*gpb.PathElem) *gpb.Update {
	return &gpb.Update{Path: path(elems...), Val: &gpb.TypedValue{Value: &gpb.TypedValue_JsonIetfVal{JsonIetfVal: []byte(text)}}}
}
