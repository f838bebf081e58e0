// Package northbound serves the controller's Connect services (gRPC, gRPC-Web
// and JSON on one port) over TLS 1.3 with client certificates.
package northbound

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"

	"connectrpc.com/connect"

	"github.com/openifit/openifit/controller/events"
	"github.com/openifit/openifit/controller/flows"
	"github.com/openifit/openifit/controller/inventory"
	"github.com/openifit/openifit/controller/journal"
	"github.com/openifit/openifit/controller/loop"
	"github.com/openifit/openifit/controller/paths"
	"github.com/openifit/openifit/controller/push"
	"github.com/openifit/openifit/controller/watch"
	"github.com/openifit/openifit/gen/openifit/v1/openifitv1connect"
)

const (
	// maxRequest bounds a request: a policy with a thousand flows.
	maxRequest = 4 << 20
	// watchRoom is the number of changes that wait for a slow client.
	watchRoom = 1024
	// shutdownGrace is how long calls may go on when the server ends.
	shutdownGrace = 2 * time.Second
)

// Controller is what the services show and steer.
type Controller struct {
	Inventory *inventory.Inventory
	Pusher    *push.Pusher
	Flows     *flows.Flows
	Paths     *paths.Paths
	Events    *events.Events
	Engine    *loop.Engine
	Journal   *journal.Journal
	// Nodes passes on nodes that changed, Policies the names of policies.
	Nodes    *watch.Hub[inventory.Node]
	Policies *watch.Hub[string]
}

// Handler returns the handler of all services.
func (c *Controller) Handler() http.Handler {
	mux := http.NewServeMux()
	limit := connect.WithReadMaxBytes(maxRequest)
	mux.Handle(openifitv1connect.NewNodeServiceHandler(&nodeService{c: c}, limit))
	mux.Handle(openifitv1connect.NewPolicyServiceHandler(&policyService{c: c}, limit))
	mux.Handle(openifitv1connect.NewFlowServiceHandler(&flowService{c: c}, limit))
	mux.Handle(openifitv1connect.NewPathServiceHandler(&pathService{c: c}, limit))
	mux.Handle(openifitv1connect.NewEventServiceHandler(&eventService{c: c}, limit))
	mux.Handle(openifitv1connect.NewLoopServiceHandler(&loopService{c: c}, limit))
	mux.Handle(openifitv1connect.NewDecisionServiceHandler(&decisionService{c: c}, limit))
	return mux
}

// Server serves a handler until its context ends.
type Server struct {
	listener net.Listener
	http     *http.Server
}

// Listen opens the port. The configuration has to ask for client certificates.
func Listen(address netip.AddrPort, config *tls.Config, handler http.Handler, log *slog.Logger) (*Server, error) {
	if config.ClientAuth != tls.RequireAndVerifyClientCert || config.MinVersion < tls.VersionTLS13 {
		return nil, errors.New("listen for the northbound: it takes TLS 1.3 and client certificates")
	}
	listener, err := net.Listen("tcp", address.String())
	if err != nil {
		return nil, fmt.Errorf("listen for the northbound: %w", err)
	}
	return &Server{
		listener: listener,
		http: &http.Server{
			Handler: handler, TLSConfig: config,
			ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
			// Strangers who knock without a certificate shall not fill the log.
			ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		},
	}, nil
}

// Address is where the server listens.
func (s *Server) Address() net.Addr { return s.listener.Addr() }

// Close gives the port of a server that does not run free.
func (s *Server) Close() error {
	if err := s.listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("close the northbound: %w", err)
	}
	return nil
}

// Run serves until the context ends.
func (s *Server) Run(ctx context.Context) error {
	s.http.BaseContext = func(net.Listener) context.Context { return ctx }
	done := make(chan error, 1)
	go func() { done <- s.http.ServeTLS(s.listener, "", "") }()
	select {
	case err := <-done:
		return fmt.Errorf("serve the northbound: %w", err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownGrace)
	defer cancel()
	if err := s.http.Shutdown(grace); err != nil {
		_ = s.http.Close()
	}
	<-done
	return nil
}

// limitOf applies the rules for the size of a list.
func limitOf(asked uint32) int {
	const usual, most = 1000, 10_000
	switch {
	case asked == 0:
		return usual
	case asked > most:
		return most
	}
	return int(asked)
}

func invalid(format string, args ...any) error {
	return connect.NewError(connect.CodeInvalidArgument, fmt.Errorf(format, args...))
}

func notFound(format string, args ...any) error {
	return connect.NewError(connect.CodeNotFound, fmt.Errorf(format, args...))
}
