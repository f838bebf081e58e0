package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Where an agent keeps its things unless told otherwise.
const (
	defaultListen   = "127.0.0.1:9339"
	defaultStateDir = "/var/lib/openifit"
	defaultPinRoot  = "/sys/fs/bpf/openifit"
)

// config is what an agent must know before it can read its YANG tree.
type config struct {
	// NodeName names the node in logs and pins; the host name when empty.
	NodeName string `yaml:"node-name"`
	// Listen is the address and port of the gNMI server.
	Listen string `yaml:"listen"`
	// StateDir holds the configuration tree and the policies' numbers.
	StateDir string `yaml:"state-dir"`
	// PinDir is where maps and links live on a BPF file system.
	PinDir string    `yaml:"pin-dir"`
	TLS    tlsConfig `yaml:"tls"`
	// ProbeKeys is a public key, or a directory of them, in PEM: their owners
	// may upload probes. Without it nobody may.
	ProbeKeys string `yaml:"probe-keys"`
	// InitialConfig is a file with the value of /ifit, in JSON_IETF, which is
	// installed when StateDir holds no configuration yet.
	InitialConfig string `yaml:"initial-config"`
}

// tlsConfig names PEM files. The agent serves nobody without them.
type tlsConfig struct {
	Cert string `yaml:"cert"`
	Key  string `yaml:"key"`
	CA   string `yaml:"ca"`
}

// options is what the command line asks for.
type options struct {
	config  config
	remove  bool
	replace bool
	version bool
	// without are kernel features to do without.
	without []string
}

// parseOptions reads the command line, and the configuration file that it
// names; flags win over the file.
func parseOptions(args []string, usage io.Writer) (options, error) {
	var o options
	var flags config
	fs := flag.NewFlagSet("ifit-agent", flag.ContinueOnError)
	var help bytes.Buffer
	fs.SetOutput(&help)
	file := fs.String("config", "", "YAML configuration `file`")
	fs.StringVar(&flags.Listen, "listen", "", "`address:port` of the gNMI server (default "+defaultListen+")")
	fs.StringVar(&flags.StateDir, "state-dir", "", "`directory` for the configuration tree (default "+defaultStateDir+")")
	fs.StringVar(&flags.PinDir, "pin-dir", "", "`directory` on a BPF file system for links and maps (default "+defaultPinRoot+"/NODE-NAME)")
	fs.StringVar(&flags.TLS.Cert, "tls-cert", "", "PEM `file` with the server's certificate")
	fs.StringVar(&flags.TLS.Key, "tls-key", "", "PEM `file` with the server's key")
	fs.StringVar(&flags.TLS.CA, "tls-ca", "", "PEM `file` with the authorities of client certificates")
	fs.StringVar(&flags.ProbeKeys, "probe-keys", "", "public key, or `directory` of them, whose owners may upload probes (default: nobody may)")
	fs.BoolVar(&o.remove, "remove", false, "detach all programs of this node, remove its pins, and exit")
	fs.BoolVar(&o.replace, "replace-pins", false, "take over probes whose pins have another layout; what they counted since their agent's last drain is lost")
	fs.Func("without", "do without these kernel features, a `list` separated by commas, as if the kernel lacked them", func(s string) error {
		o.without = append(o.without, strings.Split(s, ",")...)
		return nil
	})
	fs.BoolVar(&o.version, "version", false, "print the version and exit")
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			_, _ = help.WriteTo(usage)
		}
		return o, err
	}
	if fs.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", fs.Arg(0))
	}
	if *file != "" {
		var err error
		if o.config, err = readConfig(*file); err != nil {
			return o, err
		}
	}
	o.config.override(flags)
	return o, o.config.complete()
}

// readConfig decodes a file strictly: a key that does not exist is an error.
func readConfig(path string) (config, error) {
	var c config
	data, err := os.ReadFile(path)
	if err != nil {
		return c, fmt.Errorf("read configuration: %w", err)
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	if err := dec.Decode(&c); err != nil && !errors.Is(err, io.EOF) {
		return c, fmt.Errorf("configuration %s: %w", path, err)
	}
	if err := dec.Decode(new(config)); !errors.Is(err, io.EOF) {
		return c, fmt.Errorf("configuration %s: more than one YAML document", path)
	}
	return c, nil
}

// override takes what the command line gave.
func (c *config) override(flags config) {
	for _, f := range []struct {
		to   *string
		from string
	}{
		{&c.Listen, flags.Listen}, {&c.StateDir, flags.StateDir}, {&c.PinDir, flags.PinDir},
		{&c.TLS.Cert, flags.TLS.Cert}, {&c.TLS.Key, flags.TLS.Key}, {&c.TLS.CA, flags.TLS.CA},
		{&c.ProbeKeys, flags.ProbeKeys},
	} {
		if f.from != "" {
			*f.to = f.from
		}
	}
}

// complete fills in what was left open and checks the rest.
func (c *config) complete() error {
	if c.NodeName == "" {
		host, err := os.Hostname()
		if err != nil {
			return fmt.Errorf("node-name is not set, and the host name is unknown: %w", err)
		}
		c.NodeName = host
	}
	if c.Listen == "" {
		c.Listen = defaultListen
	}
	if c.StateDir == "" {
		c.StateDir = defaultStateDir
	}
	if c.PinDir == "" {
		c.PinDir = filepath.Join(defaultPinRoot, pinName(c.NodeName))
	}
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		return fmt.Errorf("listen %q: %w", c.Listen, err)
	}
	if !filepath.IsAbs(c.PinDir) {
		return fmt.Errorf("pin-dir %q: not an absolute path", c.PinDir)
	}
	return nil
}

// checkTLS tells which file is missing; --remove and --version need none.
func (c *config) checkTLS() error {
	for _, f := range []struct{ key, path string }{
		{"tls.cert", c.TLS.Cert}, {"tls.key", c.TLS.Key}, {"tls.ca", c.TLS.CA},
	} {
		if f.path == "" {
			return fmt.Errorf("%s is not set: the gNMI server needs a certificate, a key and the authorities of its clients", f.key)
		}
	}
	return nil
}

// pinName makes a node's name fit for a BPF file system, which allows no
// dots.
func pinName(node string) string {
	out := []byte(node)
	for i, b := range out {
		if b == '.' || b == '/' {
			out[i] = '-'
		}
	}
	return string(out)
}
