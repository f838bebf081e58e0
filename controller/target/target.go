// Package target speaks gNMI with the agents of the domain.
package target

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"time"

	"github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"

	"github.com/openifit/openifit/controller/policy"
	"github.com/openifit/openifit/gen/yang"
)

// maxMessage bounds a message of an agent: the state of a thousand policies.
const maxMessage = 64 << 20

// ErrUnreachable means that the node did not answer, so that nobody knows
// whether it did what it was asked.
var ErrUnreachable = errors.New("node cannot be reached")

// ErrRefused means that the node answered no, and that nothing changed there.
var ErrRefused = errors.New("node refused")

// Target is the gNMI server of one node. It is safe for concurrent use.
type Target struct {
	name   string
	conn   *grpc.ClientConn
	client gnmi.GNMIClient
}

// New prepares a connection with a node; the first call connects.
func New(name, address string, config *tls.Config) (*Target, error) {
	conn, err := grpc.NewClient(address,
		grpc.WithTransportCredentials(credentials.NewTLS(config)),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage)),
		// A node that restarts shall be back within seconds, not minutes.
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 2 * time.Second},
			MinConnectTimeout: 2 * time.Second,
		}))
	if err != nil {
		return nil, fmt.Errorf("node %s: connect to %s: %w", name, address, err)
	}
	return &Target{name: name, conn: conn, client: gnmi.NewGNMIClient(conn)}, nil
}

// Name is the node's name in the domain.
func (t *Target) Name() string { return t.name }

// Close ends the connection.
func (t *Target) Close() error { return t.conn.Close() }

// Set makes changes, all or none. The error matches ErrRefused or
// ErrUnreachable.
func (t *Target) Set(ctx context.Context, changes []policy.Change) error {
	req := &gnmi.SetRequest{}
	for _, c := range changes {
		path, err := parsePath(c.Path)
		if err != nil {
			return fmt.Errorf("node %s: set: %w", t.name, err)
		}
		update := &gnmi.Update{Path: path, Val: &gnmi.TypedValue{Value: &gnmi.TypedValue_JsonIetfVal{JsonIetfVal: c.Value}}}
		switch c.Op {
		case policy.Delete:
			req.Delete = append(req.Delete, path)
		case policy.Replace:
			req.Replace = append(req.Replace, update)
		case policy.Update:
			req.Update = append(req.Update, update)
		default:
			return fmt.Errorf("node %s: set %s: operation %q", t.name, c.Path, c.Op)
		}
	}
	if _, err := t.client.Set(ctx, req); err != nil {
		return t.wrap("set", err)
	}
	return nil
}

// Get reads configuration and state under the paths. What the node does not
// have is absent in the answer.
func (t *Target) Get(ctx context.Context, paths ...string) (*yang.Device, error) {
	device := &yang.Device{}
	for _, p := range paths {
		path, err := parsePath(p)
		if err != nil {
			return nil, fmt.Errorf("node %s: get: %w", t.name, err)
		}
		answer, err := t.client.Get(ctx, &gnmi.GetRequest{Path: []*gnmi.Path{path}, Encoding: gnmi.Encoding_JSON_IETF})
		if status.Code(err) == codes.NotFound {
			continue
		}
		if err != nil {
			return nil, t.wrap("get "+p, err)
		}
		for _, n := range answer.GetNotification() {
			if err := merge(device, n); err != nil {
				return nil, fmt.Errorf("node %s: get %s: %w", t.name, p, err)
			}
		}
	}
	return device, nil
}

// wrap tells refusals from failures of the way there.
func (t *Target) wrap(what string, err error) error {
	s, ok := status.FromError(err)
	if !ok {
		return fmt.Errorf("node %s: %s: %w: %w", t.name, what, ErrUnreachable, err)
	}
	switch s.Code() {
	case codes.Unavailable, codes.DeadlineExceeded, codes.Canceled, codes.Unknown:
		return fmt.Errorf("node %s: %s: %w: %s", t.name, what, ErrUnreachable, s.Message())
	}
	return fmt.Errorf("node %s: %s: %w: %s: %s", t.name, what, ErrRefused, s.Code(), s.Message())
}
