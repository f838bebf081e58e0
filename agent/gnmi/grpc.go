package gnmi

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/peer"
)

// Limits of the gRPC server.
const (
	maxMessage    = 16 << 20 // octets of one request
	maxStreams    = 4096     // concurrent RPCs of one connection
	handshakeTime = 10 * time.Second
	// deadAfter is how long a silent client may be gone before its
	// connection is closed: two keepalive periods.
	keepaliveTime = 30 * time.Second
)

// NewGRPC returns a gRPC server with the gNMI service registered, which takes
// only what the TLS configuration admits. A nil configuration serves without
// TLS and is for in-process listeners of tests.
func (s *Server) NewGRPC(t *tls.Config) *grpc.Server {
	opts := []grpc.ServerOption{
		grpc.ForceServerCodecV2(newCodec()),
		grpc.ChainUnaryInterceptor(s.recoverUnary),
		grpc.ChainStreamInterceptor(s.recoverStream),
		grpc.MaxRecvMsgSize(maxMessage),
		// Who stops the server takes away what handlers work with, and a Set
		// must not end between the kernel and the disk.
		grpc.WaitForHandlers(true),
		grpc.MaxConcurrentStreams(maxStreams),
		grpc.ConnectionTimeout(handshakeTime),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: keepaliveTime, Timeout: keepaliveTime}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 5 * time.Second, PermitWithoutStream: true}),
	}
	if t != nil {
		opts = append(opts, grpc.Creds(credentials.NewTLS(t)))
	}
	g := grpc.NewServer(opts...)
	gpb.RegisterGNMIServer(g, s)
	return g
}

// TLSFiles name the PEM files of the server's identity and of the authorities
// whose clients are let in.
type TLSFiles struct {
	Cert, Key, CA string
}

// Config returns a configuration that demands TLS 1.3 and a client
// certificate. Files that are replaced count from the next handshake on; what
// was loaded last goes on counting while they cannot be loaded.
func (f TLSFiles) Config() (*tls.Config, error) {
	l := &tlsLoader{files: f}
	if _, err := l.load(); err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion:         tls.VersionTLS13,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return l.load() },
		// Never used for a handshake, but says to gRPC what is spoken.
		NextProtos: []string{"h2"},
	}, nil
}

// tlsLoader loads the files again when one of them has changed.
type tlsLoader struct {
	files TLSFiles

	mu      sync.Mutex
	stamp   string
	current *tls.Config
}

func (l *tlsLoader) load() (*tls.Config, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	stamp, err := l.files.stamp()
	if err == nil && stamp == l.stamp {
		return l.current, nil
	}
	var next *tls.Config
	if err == nil {
		next, err = l.files.read()
	}
	if err != nil {
		if l.current != nil {
			return l.current, nil
		}
		return nil, err
	}
	l.current, l.stamp = next, stamp
	return next, nil
}

func (f TLSFiles) stamp() (string, error) {
	var b strings.Builder
	for _, name := range []string{f.Cert, f.Key, f.CA} {
		info, err := os.Stat(name)
		if err != nil {
			return "", fmt.Errorf("TLS: %w", err)
		}
		fmt.Fprintf(&b, "%d %d ", info.ModTime().UnixNano(), info.Size())
	}
	return b.String(), nil
}

func (f TLSFiles) read() (*tls.Config, error) {
	cert, err := tls.LoadX509KeyPair(f.Cert, f.Key)
	if err != nil {
		return nil, fmt.Errorf("TLS: load certificate %s and key %s: %w", f.Cert, f.Key, err)
	}
	text, err := os.ReadFile(f.CA)
	if err != nil {
		return nil, fmt.Errorf("TLS: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, errors.New("TLS: no certificate of an authority in " + f.CA)
	}
	return &tls.Config{
		MinVersion:   tls.VersionTLS13,
		Certificates: []tls.Certificate{cert},
		ClientAuth:   tls.RequireAndVerifyClientCert,
		ClientCAs:    pool,
		NextProtos:   []string{"h2"},
	}, nil
}

// certificateNames returns the names in a client's certificate.
func certificateNames(p *peer.Peer) string {
	info, ok := p.AuthInfo.(credentials.TLSInfo)
	if !ok || len(info.State.PeerCertificates) == 0 {
		return ""
	}
	cert := info.State.PeerCertificates[0]
	if len(cert.DNSNames) > 0 {
		return strings.Join(cert.DNSNames, ",")
	}
	return cert.Subject.CommonName
}
