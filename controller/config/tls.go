package config

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
)

// Credentials are the controller's certificate and the authority it trusts.
type Credentials struct {
	certificate tls.Certificate
	authority   *x509.CertPool
}

// Load reads the files.
func (t TLS) Load() (Credentials, error) {
	certificate, err := tls.LoadX509KeyPair(t.Cert, t.Key)
	if err != nil {
		return Credentials{}, fmt.Errorf("tls.cert and tls.key: %w", err)
	}
	text, err := os.ReadFile(t.CA)
	if err != nil {
		return Credentials{}, fmt.Errorf("tls.ca: %w", err)
	}
	authority := x509.NewCertPool()
	if !authority.AppendCertsFromPEM(text) {
		return Credentials{}, fmt.Errorf("tls.ca: %w", errors.New("no certificate in "+t.CA))
	}
	return Credentials{certificate, authority}, nil
}

// Client is for sessions with nodes.
func (c Credentials) Client() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{c.certificate}, RootCAs: c.authority,
	}
}

// Server is for the northbound: only clients of the authority come in.
func (c Credentials) Server() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{c.certificate},
		ClientCAs: c.authority, ClientAuth: tls.RequireAndVerifyClientCert,
	}
}
