// Package gnmitest is the far side of a gNMI session, for tests of those who
// speak with agents: a server with mutual TLS that answers what it is told to.
package gnmitest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"testing"
	"time"

	"github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
)

// Server answers with its functions. Those that are nil are not called.
type Server struct {
	gnmi.UnimplementedGNMIServer
	OnSet       func(*gnmi.SetRequest) error
	OnGet       func(*gnmi.GetRequest) (*gnmi.GetResponse, error)
	OnSubscribe func(*gnmi.SubscriptionList, gnmi.GNMI_SubscribeServer) error
}

// Set answers a Set.
func (s *Server) Set(_ context.Context, r *gnmi.SetRequest) (*gnmi.SetResponse, error) {
	if err := s.OnSet(r); err != nil {
		return nil, err
	}
	return &gnmi.SetResponse{}, nil
}

// Get answers a Get.
func (s *Server) Get(_ context.Context, r *gnmi.GetRequest) (*gnmi.GetResponse, error) {
	return s.OnGet(r)
}

// Subscribe answers a Subscribe.
func (s *Server) Subscribe(stream gnmi.GNMI_SubscribeServer) error {
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	return s.OnSubscribe(first.GetSubscribe(), stream)
}

// Start serves on a port of the loopback interface until the test ends, and
// returns the address and what a client needs.
func Start(t testing.TB, s *Server) (address string, client *tls.Config) {
	t.Helper()
	client, server := TLS(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := grpc.NewServer(grpc.Creds(credentials.NewTLS(server)))
	gnmi.RegisterGNMIServer(g, s)
	done := make(chan error, 1)
	go func() { done <- g.Serve(listener) }()
	t.Cleanup(func() {
		g.Stop()
		<-done
	})
	return listener.Addr().String(), client
}

// TLS returns configurations of a client and of a server on the loopback
// interface that trust one another.
func TLS(t testing.TB) (client, server *tls.Config) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(certificate)
	pair := []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}
	return &tls.Config{MinVersion: tls.VersionTLS13, Certificates: pair, RootCAs: pool},
		&tls.Config{MinVersion: tls.VersionTLS13, Certificates: pair, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert}
}

// Leaf is an update of one leaf under a path.
func Leaf(t testing.TB, path string, value *gnmi.TypedValue) *gnmi.Update {
	t.Helper()
	return &gnmi.Update{Path: Path(t, path), Val: value}
}
