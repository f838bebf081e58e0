// Package signature says who may bring probes: it signs objects with Ed25519
// keys and knows which keys an agent trusts.
package signature

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Keys are the public keys that an agent trusts, by name. The zero value
// trusts nobody.
type Keys struct{ keys []key }

type key struct {
	name   string
	public ed25519.PublicKey
}

// ErrUnsigned refuses every probe of an agent that trusts no key.
var ErrUnsigned = errors.New("unsigned probes refused: this agent trusts no key (--probe-keys)")

// Len is the number of keys.
func (k Keys) Len() int { return len(k.keys) }

// Load reads public keys from a file, or from the files of a directory that
// end in .pem or .pub: in PEM (PKIX), or raw 32 octets. A key is called like
// its file. An empty path is no key.
func Load(path string) (Keys, error) {
	if path == "" {
		return Keys{}, nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return Keys{}, fmt.Errorf("read the keys of probes: %w", err)
	}
	files := []string{path}
	if info.IsDir() {
		files = files[:0]
		entries, err := os.ReadDir(path)
		if err != nil {
			return Keys{}, fmt.Errorf("read the keys of probes: %w", err)
		}
		for _, e := range entries {
			if ext := filepath.Ext(e.Name()); ext == ".pem" || ext == ".pub" {
				files = append(files, filepath.Join(path, e.Name()))
			}
		}
	}
	var out Keys
	for _, f := range files {
		public, err := LoadPublic(f)
		if err != nil {
			return Keys{}, err
		}
		name := strings.TrimSuffix(filepath.Base(f), filepath.Ext(f))
		out.keys = append(out.keys, key{name, public})
	}
	return out, nil
}

// Trusting returns keys by name, for callers that have them in memory.
func Trusting(name string, public ed25519.PublicKey) Keys {
	return Keys{[]key{{name, public}}}
}

// LoadPublic reads one public key.
func LoadPublic(path string) (ed25519.PublicKey, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read public key: %w", err)
	}
	if len(data) == ed25519.PublicKeySize {
		return ed25519.PublicKey(data), nil
	}
	block, rest := pem.Decode(data)
	switch {
	case block == nil:
		return nil, fmt.Errorf("public key %s: neither PEM nor %d octets", path, ed25519.PublicKeySize)
	case block.Type != "PUBLIC KEY":
		return nil, fmt.Errorf("public key %s: it holds a %s, not a PUBLIC KEY", path, block.Type)
	case len(bytes.TrimSpace(rest)) > 0:
		return nil, fmt.Errorf("public key %s: more than one key; give each a file of its own", path)
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("public key %s: %w", path, err)
	}
	public, ok := parsed.(ed25519.PublicKey)
	if !ok {
		return nil, fmt.Errorf("public key %s: it is for another algorithm than Ed25519", path)
	}
	return public, nil
}

// Verify returns the name of the key that an object is signed with.
func (k Keys) Verify(object, signature []byte) (string, error) {
	switch {
	case len(k.keys) == 0:
		return "", ErrUnsigned
	case len(signature) == 0:
		return "", errors.New("unsigned probes refused: there is no signature")
	case len(signature) != ed25519.SignatureSize:
		return "", fmt.Errorf("the signature has %d octets, those of Ed25519 have %d", len(signature), ed25519.SignatureSize)
	}
	for _, c := range k.keys {
		if ed25519.Verify(c.public, object, signature) {
			return c.name, nil
		}
	}
	return "", fmt.Errorf("the signature is of none of the %d keys that this agent trusts, or of another object", len(k.keys))
}

// Sign signs an object.
func Sign(private ed25519.PrivateKey, object []byte) []byte { return ed25519.Sign(private, object) }

// LoadPrivate reads a private key in PEM (PKCS #8).
func LoadPrivate(path string) (ed25519.PrivateKey, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read private key: %w", err)
	}
	block, _ := pem.Decode(data)
	if block == nil || block.Type != "PRIVATE KEY" {
		return nil, fmt.Errorf("private key %s: it holds no PRIVATE KEY in PEM", path)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("private key %s: %w", path, err)
	}
	private, ok := parsed.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("private key %s: it is for another algorithm than Ed25519", path)
	}
	return private, nil
}

// Generate writes a new pair of keys, private for its owner alone. It
// overwrites neither file.
func Generate(private, public string) error {
	pub, priv, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return fmt.Errorf("generate key: %w", err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(priv)
	if err != nil {
		return fmt.Errorf("encode private key: %w", err)
	}
	open, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		return fmt.Errorf("encode public key: %w", err)
	}
	if err := write(private, "PRIVATE KEY", secret, 0o600); err != nil {
		return err
	}
	if err := write(public, "PUBLIC KEY", open, 0o644); err != nil {
		return errors.Join(err, os.Remove(private))
	}
	return nil
}

func write(path, kind string, der []byte, mode os.FileMode) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return fmt.Errorf("write key: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := pem.Encode(f, &pem.Block{Type: kind, Bytes: der}); err != nil {
		return fmt.Errorf("write key: %w", err)
	}
	return nil
}
