package gnmi_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openifit/openifit/agent/gnmi"
)

// authority is a certificate authority of a test.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	ca   string // file
}

// identity is a certificate with its key, in files.
type identity struct {
	cert, key string
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{cert, key, writePEM(t, "CERTIFICATE", der)}
}

func (a *authority) issue(t *testing.T, name string) identity {
	t.Helper()
	return a.issueUntil(t, name, time.Now().Add(time.Hour))
}

func (a *authority) issueExpired(t *testing.T, name string) identity {
	t.Helper()
	return a.issueUntil(t, name, time.Now().Add(-time.Minute))
}

func (a *authority) issueUntil(t *testing.T, name string, end time.Time) identity {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore:   time.Now().Add(-time.Hour), NotAfter: end,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return identity{writePEM(t, "CERTIFICATE", der), writePEM(t, "PRIVATE KEY", pkcs8)}
}

func writePEM(t *testing.T, kind string, der []byte) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file.pem")
	if err := os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, text, 0o600); err != nil {
		t.Fatal(err)
	}
	// Seen as new even where file times are coarse.
	later := time.Now().Add(time.Second)
	if err := os.Chtimes(to, later, later); err != nil {
		t.Fatal(err)
	}
}

func (a *authority) copyTo(t *testing.T, other *authority) { t.Helper(); copyFile(t, a.ca, other.ca) }

func (i identity) copyTo(t *testing.T, other identity) {
	t.Helper()
	copyFile(t, i.cert, other.cert)
	copyFile(t, i.key, other.key)
}

func (i identity) clientConfig(t *testing.T, trust *authority) *tls.Config {
	t.Helper()
	cert, err := tls.LoadX509KeyPair(i.cert, i.key)
	if err != nil {
		t.Fatal(err)
	}
	c := i.without(t, trust)
	c.Certificates = []tls.Certificate{cert}
	return c
}

func (i identity) without(t *testing.T, trust *authority) *tls.Config {
	t.Helper()
	pool := x509.NewCertPool()
	pool.AddCert(trust.cert)
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
}

func (i identity) tls12(t *testing.T, trust *authority) *tls.Config {
	t.Helper()
	c := i.clientConfig(t, trust)
	c.MaxVersion = tls.VersionTLS12
	return c
}

// serveTLS serves the node on a socket of the loopback interface as well, and
// returns its address.
func (n *node) serveTLS(t *testing.T, a *authority, id identity) string {
	t.Helper()
	cfg, err := gnmi.TLSFiles{Cert: id.cert, Key: id.key, CA: a.ca}.Config()
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := n.server.NewGRPC(cfg)
	served := make(chan error, 1)
	go func() { served <- g.Serve(listener) }()
	t.Cleanup(func() {
		g.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return listener.Addr().String()
}

func TestTLSFilesRefused(t *testing.T) {
	a := newAuthority(t)
	id, other := a.issue(t, "agent"), a.issue(t, "other")
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name  string
		files gnmi.TLSFiles
		part  string
	}{
		{"no files", gnmi.TLSFiles{}, "no such file"},
		{"missing key", gnmi.TLSFiles{Cert: id.cert, Key: id.key + ".gone", CA: a.ca}, id.key + ".gone"},
		{"key of another", gnmi.TLSFiles{Cert: id.cert, Key: other.key, CA: a.ca}, other.key},
		{"empty authority", gnmi.TLSFiles{Cert: id.cert, Key: id.key, CA: empty}, empty},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := tt.files.Config(); err == nil || !strings.Contains(err.Error(), tt.part) {
				t.Errorf("got %v, want %s", err, tt.part)
			}
		})
	}
}
