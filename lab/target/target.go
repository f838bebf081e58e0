// Package target reads and writes an agent's tree over gNMI, as an operator
// without any client of ours would.
package target

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/openconfig/gnmi/proto/gnmi"
	"github.com/openconfig/ygot/ygot"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"
)

// Target is an agent's gNMI port.
type Target struct {
	conn   *grpc.ClientConn
	client gnmi.GNMIClient
}

// ErrAbsent says that the path is valid and has no value.
var ErrAbsent = errors.New("no value")

// Dial prepares a connection; the first call connects.
func Dial(address string, config *tls.Config) (*Target, error) {
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(credentials.NewTLS(config)))
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", address, err)
	}
	return &Target{conn: conn, client: gnmi.NewGNMIClient(conn)}, nil
}

// Close ends the connection.
func (t *Target) Close() error { return t.conn.Close() }

// Get decodes the JSON_IETF value of one path into v. The error matches
// ErrAbsent when the path has no value.
func (t *Target) Get(ctx context.Context, path string, v any) error {
	p, err := ygot.StringToStructuredPath(path)
	if err != nil {
		return fmt.Errorf("parse path %s: %w", path, err)
	}
	r, err := t.client.Get(ctx, &gnmi.GetRequest{Path: []*gnmi.Path{p}, Encoding: gnmi.Encoding_JSON_IETF})
	if status.Code(err) == codes.NotFound {
		return fmt.Errorf("get %s: %w", path, ErrAbsent)
	}
	if err != nil {
		return fmt.Errorf("get %s: %w", path, err)
	}
	for _, n := range r.GetNotification() {
		if len(n.GetUpdate()) == 0 {
			continue
		}
		if err := json.Unmarshal(n.GetUpdate()[0].GetVal().GetJsonIetfVal(), v); err != nil {
			return fmt.Errorf("decode %s: %w", path, err)
		}
		return nil
	}
	return fmt.Errorf("get %s: %w", path, ErrAbsent)
}

// Uint reads a counter: RFC 7951 writes 64-bit numbers as strings.
func (t *Target) Uint(ctx context.Context, path string) (uint64, error) {
	var raw json.RawMessage
	if err := t.Get(ctx, path, &raw); err != nil {
		return 0, err
	}
	var n uint64
	if _, err := fmt.Sscan(strings.Trim(string(raw), `"`), &n); err != nil {
		return 0, fmt.Errorf("decode %s of %s: %w", raw, path, err)
	}
	return n, nil
}

// Replace sets one path to a value, given as what JSON_IETF makes of it.
func (t *Target) Replace(ctx context.Context, path string, v any) error {
	u, err := update(path, v)
	if err != nil {
		return err
	}
	if _, err := t.client.Set(ctx, &gnmi.SetRequest{Replace: []*gnmi.Update{u}}); err != nil {
		return fmt.Errorf("set %s: %w", path, err)
	}
	return nil
}

// Update lays a value over what is under one path.
func (t *Target) Update(ctx context.Context, path string, v any) error {
	u, err := update(path, v)
	if err != nil {
		return err
	}
	if _, err := t.client.Set(ctx, &gnmi.SetRequest{Update: []*gnmi.Update{u}}); err != nil {
		return fmt.Errorf("set %s: %w", path, err)
	}
	return nil
}

func update(path string, v any) (*gnmi.Update, error) {
	p, err := ygot.StringToStructuredPath(path)
	if err != nil {
		return nil, fmt.Errorf("parse path %s: %w", path, err)
	}
	data, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode value of %s: %w", path, err)
	}
	return &gnmi.Update{Path: p, Val: &gnmi.TypedValue{Value: &gnmi.TypedValue_JsonIetfVal{JsonIetfVal: data}}}, nil
}

// Delete removes what is under one path.
func (t *Target) Delete(ctx context.Context, path string) error {
	p, err := ygot.StringToStructuredPath(path)
	if err != nil {
		return fmt.Errorf("parse path %s: %w", path, err)
	}
	if _, err := t.client.Set(ctx, &gnmi.SetRequest{Delete: []*gnmi.Path{p}}); err != nil {
		return fmt.Errorf("delete %s: %w", path, err)
	}
	return nil
}
