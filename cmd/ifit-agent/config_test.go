package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseOptions(t *testing.T) {
	const full = `
node-name: r1.example
listen: 198.51.100.1:9339
state-dir: /srv/ifit
tls: {cert: c.pem, key: k.pem, ca: ca.pem}
initial-config: start.json
`
	want := config{
		NodeName: "r1.example", Listen: "198.51.100.1:9339", StateDir: "/srv/ifit",
		PinDir: "/sys/fs/bpf/openifit/r1-example",
		TLS:    tlsConfig{"c.pem", "k.pem", "ca.pem"}, InitialConfig: "start.json",
	}
	overridden := want
	overridden.Listen, overridden.PinDir, overridden.TLS.CA = "[::1]:1", "/sys/fs/bpf/x", "other.pem"
	tests := []struct {
		name, yaml string
		args       []string
		err        string
		want       config
	}{
		{name: "unknown key", yaml: "node-nam: r1", err: "field node-nam not found"},
		{name: "unknown key inside", yaml: "tls: {crt: x}", err: "field crt not found"},
		{name: "wrong type", yaml: "listen: [1]", err: "cannot unmarshal"},
		{name: "two documents", yaml: "listen: a:1\n---\nlisten: b:1", err: "more than one YAML document"},
		{name: "no YAML", yaml: "{", err: "configuration"},
		{name: "address without port", yaml: "listen: localhost", err: "missing port"},
		{name: "relative pins", yaml: "pin-dir: pins", err: "not an absolute path"},
		{name: "stray argument", yaml: full, args: []string{"start"}, err: `unexpected argument "start"`},
		{name: "unknown flag", yaml: full, args: []string{"--lisen", "x"}, err: "flag provided but not defined"},
		{name: "file", yaml: full, want: want},
		{name: "flags win", yaml: full, want: overridden,
			args: []string{"--listen", "[::1]:1", "--pin-dir=/sys/fs/bpf/x", "--tls-ca", "other.pem"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "agent.yaml")
			if err := os.WriteFile(file, []byte(tt.yaml), 0o600); err != nil {
				t.Fatal(err)
			}
			o, err := parseOptions(append([]string{"--config", file}, tt.args...), new(bytes.Buffer))
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("error %v, want one with %q", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, o.config); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestMissingFileAndDefaults(t *testing.T) {
	if _, err := parseOptions([]string{"--config", filepath.Join(t.TempDir(), "none")}, new(bytes.Buffer)); err == nil {
		t.Error("a configuration file that is not there was accepted")
	}
	o, err := parseOptions([]string{"--remove"}, new(bytes.Buffer))
	if err != nil {
		t.Fatal(err)
	}
	if !o.remove || o.config.Listen != defaultListen || o.config.StateDir != defaultStateDir || o.config.NodeName == "" {
		t.Errorf("%+v", o)
	}
	if err := o.config.checkTLS(); err == nil || !strings.Contains(err.Error(), "tls.cert") {
		t.Errorf("without certificates: %v", err)
	}
}

func TestShippedConfiguration(t *testing.T) {
	o, err := parseOptions([]string{"--config", "../../deploy/agent.yaml"}, new(bytes.Buffer))
	if err != nil {
		t.Fatal(err)
	}
	want := config{
		NodeName: "r1", Listen: "192.0.2.11:9339", StateDir: "/var/lib/openifit", PinDir: "/sys/fs/bpf/openifit/r1",
		TLS:           tlsConfig{"/etc/openifit/agent.pem", "/etc/openifit/agent.key", "/etc/openifit/ca.pem"},
		InitialConfig: "/etc/openifit/initial.json",
	}
	if diff := cmp.Diff(want, o.config); diff != "" {
		t.Error(diff)
	}
	if err := o.config.checkTLS(); err != nil {
		t.Error(err)
	}
}
