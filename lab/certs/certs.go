// Package certs issues the certificates of a lab: one authority, one
// certificate per agent and controller, client certificates for users.
package certs

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"time"
)

const (
	validity = 365 * 24 * time.Hour
	// Certificates that end sooner are issued anew.
	remaining = 24 * time.Hour
	// Clocks in a lab may differ on purpose.
	backdate = time.Hour
	caName   = "ca"
)

// Leaf is a certificate that somebody needs.
type Leaf struct {
	// Name of the files and Common Name of the subject.
	Name string
	// DNS names and addresses that a server is reached by; a leaf with
	// neither is a client's.
	DNS       []string
	Addresses []netip.Addr
}

// Files are the paths of a certificate, its key and the authority that
// issued it, all in PEM.
type Files struct{ Cert, Key, CA string }

// In says where Ensure puts the files of a leaf.
func In(dir, name string) Files {
	return Files{
		Cert: filepath.Join(dir, name+".pem"), Key: filepath.Join(dir, name+".key"),
		CA: filepath.Join(dir, caName+".pem"),
	}
}

// Config is a client's TLS configuration from files that Ensure wrote.
func (f Files) Config() (*tls.Config, error) {
	cert, err := tls.LoadX509KeyPair(f.Cert, f.Key)
	if err != nil {
		return nil, fmt.Errorf("read client certificate: %w", err)
	}
	ca, err := os.ReadFile(f.CA)
	if err != nil {
		return nil, fmt.Errorf("read certificate authority: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(ca) {
		return nil, fmt.Errorf("%s holds no certificate", f.CA)
	}
	return &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{cert}, RootCAs: pool}, nil
}

// Ensure writes what is missing, outdated or for other names in dir, and
// leaves the rest, so that running agents keep trusting each other.
func Ensure(dir string, leaves []Leaf) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("create certificate directory: %w", err)
	}
	ca, err := load(In(dir, caName))
	if err != nil || !fresh(ca.cert) {
		if ca, err = authority(dir); err != nil {
			return err
		}
	}
	for _, l := range leaves {
		files := In(dir, l.Name)
		if have, err := load(files); err == nil && fresh(have.cert) && l.matches(have.cert) && have.cert.CheckSignatureFrom(ca.cert) == nil {
			continue
		}
		if err := ca.issue(files, l); err != nil {
			return fmt.Errorf("issue certificate %s: %w", l.Name, err)
		}
	}
	return nil
}

type pair struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func fresh(c *x509.Certificate) bool {
	now := time.Now()
	return now.After(c.NotBefore) && now.Add(remaining).Before(c.NotAfter)
}

func (l Leaf) matches(c *x509.Certificate) bool {
	for _, n := range l.DNS {
		if c.VerifyHostname(n) != nil {
			return false
		}
	}
	for _, a := range l.Addresses {
		if c.VerifyHostname(a.String()) != nil {
			return false
		}
	}
	return c.Subject.CommonName == l.Name
}

func authority(dir string) (pair, error) {
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: "OpenIFIT lab", Organization: []string{"OpenIFIT"}},
		IsCA:    true, BasicConstraintsValid: true, MaxPathLenZero: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	p, err := create(In(dir, caName), template, nil)
	if err != nil {
		return pair{}, fmt.Errorf("create certificate authority: %w", err)
	}
	return p, nil
}

func (p pair) issue(files Files, l Leaf) error {
	template := &x509.Certificate{
		Subject:  pkix.Name{CommonName: l.Name, Organization: []string{"OpenIFIT"}},
		KeyUsage: x509.KeyUsageDigitalSignature,
		// Agents are clients as well: of collectors that speak TLS.
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		DNSNames:    l.DNS,
	}
	for _, a := range l.Addresses {
		template.IPAddresses = append(template.IPAddresses, net.IP(a.AsSlice()))
	}
	if len(l.DNS)+len(l.Addresses) > 0 {
		template.ExtKeyUsage = append(template.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
	}
	_, err := create(files, template, &p)
	return err
}

// create makes key and certificate; without an issuer it signs itself.
func create(files Files, template *x509.Certificate, issuer *pair) (pair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return pair{}, fmt.Errorf("generate key: %w", err)
	}
	if template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120)); err != nil {
		return pair{}, fmt.Errorf("choose serial number: %w", err)
	}
	template.NotBefore = time.Now().Add(-backdate)
	template.NotAfter = template.NotBefore.Add(validity)
	if issuer == nil {
		issuer = &pair{template, key}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer.cert, key.Public(), issuer.key)
	if err != nil {
		return pair{}, fmt.Errorf("sign: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return pair{}, fmt.Errorf("parse own certificate: %w", err)
	}
	p := pair{cert, key}
	return p, p.save(files)
}

func (p pair) save(files Files) error {
	der, err := x509.MarshalPKCS8PrivateKey(p.key)
	if err != nil {
		return fmt.Errorf("encode key: %w", err)
	}
	key := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	if err := os.WriteFile(files.Key, key, 0o600); err != nil {
		return fmt.Errorf("write key: %w", err)
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.cert.Raw})
	if err := os.WriteFile(files.Cert, cert, 0o644); err != nil {
		return fmt.Errorf("write certificate: %w", err)
	}
	return nil
}

func load(files Files) (pair, error) {
	c, err := tls.LoadX509KeyPair(files.Cert, files.Key)
	if err != nil {
		return pair{}, err
	}
	key, ok := c.PrivateKey.(*ecdsa.PrivateKey)
	if !ok {
		return pair{}, fmt.Errorf("%s: key of another kind", files.Key)
	}
	return pair{c.Leaf, key}, nil
}
