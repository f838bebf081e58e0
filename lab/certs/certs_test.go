package certs

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/netip"
	"os"
	"testing"
)

var (
	server = Leaf{Name: "r1", DNS: []string{"r1"}, Addresses: []netip.Addr{netip.MustParseAddr("127.0.0.1")}}
	client = Leaf{Name: "operator"}
)

func ensure(t *testing.T, dir string, leaves ...Leaf) {
	t.Helper()
	if err := Ensure(dir, leaves); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// handshake connects with certificates of two directories.
func handshake(t *testing.T, serverDir, clientDir string) error {
	t.Helper()
	own, err := In(serverDir, "r1").Config()
	if err != nil {
		t.Fatal(err)
	}
	own.ClientCAs, own.ClientAuth = own.RootCAs, tls.RequireAndVerifyClientCert
	l, err := tls.Listen("tcp", "127.0.0.1:0", own)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	result := make(chan error, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			result <- err
			return
		}
		defer c.Close()
		result <- c.(*tls.Conn).Handshake()
	}()
	cfg, err := In(clientDir, "operator").Config()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	cfg.ServerName = "127.0.0.1"
	if err := tls.Client(raw, cfg).Handshake(); err != nil {
		raw.Close()
		return errors.Join(err, <-result)
	}
	return <-result
}

func TestMutualTrust(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	ensure(t, a, server, client)
	ensure(t, b, server, client)
	if err := handshake(t, a, a); err != nil {
		t.Errorf("same authority: %v", err)
	}
	if err := handshake(t, a, b); err == nil {
		t.Error("certificates of another authority were accepted")
	}
}

func TestEnsureKeepsWhatIsGood(t *testing.T) {
	dir := t.TempDir()
	ensure(t, dir, server, client)
	before := read(t, In(dir, "r1").Cert)
	ensure(t, dir, server, client)
	if read(t, In(dir, "r1").Cert) != before {
		t.Error("a good certificate was issued anew")
	}

	moved := server
	moved.Addresses = []netip.Addr{netip.MustParseAddr("127.0.0.2")}
	ensure(t, dir, moved)
	if read(t, In(dir, "r1").Cert) == before {
		t.Error("a certificate for another address was kept")
	}

	before = read(t, In(dir, "operator").Cert)
	if err := os.Remove(In(dir, "ca").Key); err != nil {
		t.Fatal(err)
	}
	ensure(t, dir, server, client)
	if read(t, In(dir, "operator").Cert) == before {
		t.Error("a certificate of a lost authority was kept")
	}
}

func TestKeysArePrivateAndUsagesNarrow(t *testing.T) {
	dir := t.TempDir()
	ensure(t, dir, server, client)
	for _, name := range []string{"ca", "r1", "operator"} {
		info, err := os.Stat(In(dir, name).Key)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("key of %s: %v, %v", name, info.Mode(), err)
		}
	}
	p, err := load(In(dir, "operator"))
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range p.cert.ExtKeyUsage {
		if u == x509.ExtKeyUsageServerAuth {
			t.Error("a client's certificate may act as a server")
		}
	}
	if p.cert.IsCA {
		t.Error("a client's certificate may issue others")
	}
}
