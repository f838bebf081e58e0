package signature_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openifit/openifit/dataplane/probe/custom/signature"
)

func TestWhoIsTrusted(t *testing.T) {
	dir := t.TempDir()
	own, trusted := filepath.Join(dir, "alice.key"), filepath.Join(dir, "alice.pub")
	if err := signature.Generate(own, trusted); err != nil {
		t.Fatal(err)
	}
	private, err := signature.LoadPrivate(own)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(own); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the private key is there for %v: %v", info.Mode(), err)
	}
	_, stranger, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := signature.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	object := []byte("an object")
	good := signature.Sign(private, object)
	for name, c := range map[string]struct {
		keys   signature.Keys
		object []byte
		sig    []byte
		want   string
	}{
		"no key":         {signature.Keys{}, object, good, "unsigned probes refused: this agent trusts no key"},
		"no signature":   {keys, object, nil, "unsigned probes refused: there is no signature"},
		"too short":      {keys, object, good[:63], "63 octets"},
		"stranger":       {keys, object, signature.Sign(stranger, object), "of none of the 1 keys"},
		"another object": {keys, []byte("an object."), good, "of none of the 1 keys"},
	} {
		if _, err := c.keys.Verify(c.object, c.sig); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
	if by, err := keys.Verify(object, good); err != nil || by != "alice" {
		t.Errorf("signed by %q: %v", by, err)
	}
	if err := signature.Generate(own, trusted); !errors.Is(err, os.ErrExist) {
		t.Errorf("keys are overwritten: %v", err)
	}
}

func TestFilesThatAreNoKeys(t *testing.T) {
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&other.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	block := func(kind string, der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}) }
	for want, data := range map[string][]byte{
		"neither PEM nor 32 octets":      []byte("key"),
		"it holds a PRIVATE KEY":         block("PRIVATE KEY", der),
		"another algorithm than Ed25519": block("PUBLIC KEY", der),
		"more than one key":              append(block("PUBLIC KEY", der), block("PUBLIC KEY", der)...),
	} {
		path := filepath.Join(t.TempDir(), "x.pem")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := signature.Load(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
		if _, err := signature.LoadPrivate(path); err == nil {
			t.Errorf("%s: it passes for a private key", want)
		}
	}
	raw := filepath.Join(t.TempDir(), "raw.pub")
	if err := os.WriteFile(raw, make([]byte, 32), 0o600); err != nil {
		t.Fatal(err)
	}
	if k, err := signature.Load(raw); err != nil || k.Len() != 1 {
		t.Errorf("a raw key: %d, %v", k.Len(), err)
	}
	if _, err := signature.Load(filepath.Join(t.TempDir(), "missing")); err == nil {
		t.Error("a path to nothing is accepted")
	}
	if k, err := signature.Load(""); err != nil || k.Len() != 0 {
		t.Errorf("no path: %d keys, %v", k.Len(), err)
	}
}
