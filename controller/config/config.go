// Package config reads the controller's configuration file.
package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"

	"go.yaml.in/yaml/v3"

	"github.com/openifit/openifit/controller/inventory"
	"github.com/openifit/openifit/controller/loop"
)

// Config is a configuration that has been checked: whoever gets it checks
// nothing again.
type Config struct {
	ListenIPFIX netip.AddrPort
	Northbound  netip.AddrPort
	TLS         TLS
	StateDir    string
	Domain      inventory.Config
	Collector   Collector
	Marks       []Mark
	// EnterpriseNumber is that of the private Information Elements.
	EnterpriseNumber uint32
	// PoliciesDir holds baseline policies; empty for none.
	PoliciesDir string
	Loops       []loop.Spec
}

// TLS names PEM files: the controller's certificate and key, for both sides,
// and the authority that nodes and clients must come from.
type TLS struct {
	Cert string `yaml:"cert"`
	Key  string `yaml:"key"`
	CA   string `yaml:"ca"`
}

// Collector is how the nodes reach the controller's Collecting Process.
type Collector struct {
	Name    string
	Address netip.Addr
	Port    uint16
}

// Mark is a mark of the domain.
type Mark struct {
	Name string
	// Field is the name of the model's enumeration, such as DSCP.
	Field string
	// Values map unmarked values to marked ones.
	Values map[uint32]uint32
}

// file mirrors the configuration file.
type file struct {
	ListenIPFIX      string         `yaml:"listen-ipfix"`
	Northbound       string         `yaml:"northbound"`
	TLS              TLS            `yaml:"tls"`
	StateDir         string         `yaml:"state-dir"`
	Nodes            []nodeEntry    `yaml:"nodes"`
	Links            []linkEntry    `yaml:"links"`
	Collector        collectorEntry `yaml:"collector"`
	Marks            []markEntry    `yaml:"marks"`
	EnterpriseNumber uint32         `yaml:"enterprise-number"`
	PoliciesDir      string         `yaml:"policies-dir"`
	Loops            []loopEntry    `yaml:"loops"`
}

type collectorEntry struct {
	Name    string `yaml:"name"`
	Address string `yaml:"address"`
	Port    uint16 `yaml:"port"`
}

type nodeEntry struct {
	Name    string         `yaml:"name"`
	Address string         `yaml:"address"`
	Role    inventory.Role `yaml:"role"`
}

type linkEntry struct {
	A linkEnd `yaml:"a"`
	B linkEnd `yaml:"b"`
}

type linkEnd struct {
	Node      string `yaml:"node"`
	Interface string `yaml:"interface"`
}

type markEntry struct {
	Name   string       `yaml:"name"`
	Field  string       `yaml:"field"`
	Values []valueEntry `yaml:"values"`
}

type valueEntry struct {
	Unmarked uint32 `yaml:"unmarked"`
	Marked   uint32 `yaml:"marked"`
}

// Load reads a file. The error names the field and the reason; several are
// reported together.
func Load(path string) (Config, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return Config{}, fmt.Errorf("read configuration: %w", err)
	}
	c, err := Parse(text)
	if err != nil {
		return Config{}, fmt.Errorf("configuration %s:\n%w", path, err)
	}
	return c, nil
}

// Parse reads the text of a configuration file. Unknown fields are errors.
func Parse(text []byte) (Config, error) {
	var f file
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(&f); err != nil && !errors.Is(err, io.EOF) {
		return Config{}, err
	}
	if err := decoder.Decode(new(file)); !errors.Is(err, io.EOF) {
		return Config{}, errors.New("more than one document")
	}
	c := Config{
		TLS: f.TLS, StateDir: f.StateDir, EnterpriseNumber: f.EnterpriseNumber, PoliciesDir: f.PoliciesDir,
		Collector: Collector{Name: f.Collector.Name, Port: f.Collector.Port},
	}
	var addresses [3]error
	c.ListenIPFIX, addresses[0] = readAddress("listen-ipfix", f.ListenIPFIX, netip.ParseAddrPort)
	c.Northbound, addresses[1] = readAddress("northbound", f.Northbound, netip.ParseAddrPort)
	c.Collector.Address, addresses[2] = readAddress("collector.address", f.Collector.Address, netip.ParseAddr)
	for _, n := range f.Nodes {
		c.Domain.Nodes = append(c.Domain.Nodes, inventory.NodeConfig(n))
	}
	for _, l := range f.Links {
		c.Domain.Links = append(c.Domain.Links, inventory.Link{A: inventory.LinkEnd(l.A), B: inventory.LinkEnd(l.B)})
	}
	marks, marksErr := readMarks(f.Marks)
	loops, loopsErr := readLoops(f.Loops)
	c.Marks, c.Loops = marks, loops
	return c, errors.Join(errors.Join(addresses[:]...), c.validate(), c.Domain.Validate(), marksErr, loopsErr)
}

func readAddress[T any](field, text string, parse func(string) (T, error)) (T, error) {
	v, err := parse(text)
	if err != nil {
		return v, fmt.Errorf("%s: %q is no address: %w", field, text, err)
	}
	return v, nil
}

func (c Config) validate() error {
	var errs []error
	missing := func(absent bool, field, why string) {
		if absent {
			errs = append(errs, fmt.Errorf("%s: %s", field, why))
		}
	}
	missing(c.TLS.Cert == "", "tls.cert", "missing")
	missing(c.TLS.Key == "", "tls.key", "missing")
	missing(c.TLS.CA == "", "tls.ca", "missing")
	missing(!filepath.IsAbs(c.StateDir), "state-dir", "want an absolute path")
	missing(c.PoliciesDir != "" && !filepath.IsAbs(c.PoliciesDir), "policies-dir", "want an absolute path")
	missing(len(c.Domain.Nodes) == 0, "nodes", "a domain has nodes")
	missing(c.Collector.Name == "", "collector.name", "missing")
	missing(c.Collector.Port == 0, "collector.port", "missing")
	missing(c.EnterpriseNumber == 0, "enterprise-number", "missing; 32473 is for experiments")
	return errors.Join(errs...)
}

func readMarks(entries []markEntry) ([]Mark, error) {
	var (
		marks []Mark
		errs  []error
	)
	names := make(map[string]bool)
	for i, e := range entries {
		at := fmt.Sprintf("marks[%d]", i)
		m := Mark{Name: e.Name, Field: e.Field, Values: make(map[uint32]uint32)}
		if e.Name == "" || names[e.Name] {
			errs = append(errs, fmt.Errorf("%s.name: %q is missing or occurs twice", at, e.Name))
		}
		names[e.Name] = true
		if e.Field == "" {
			errs = append(errs, fmt.Errorf("%s.field: missing", at))
		}
		if len(e.Values) == 0 {
			errs = append(errs, fmt.Errorf("%s.values: a mark needs at least one", at))
		}
		marked := make(map[uint32]bool)
		for j, v := range e.Values {
			if _, twice := m.Values[v.Unmarked]; twice || marked[v.Marked] || v.Marked == v.Unmarked {
				errs = append(errs, fmt.Errorf("%s.values[%d]: %d to %d has no inverse", at, j, v.Unmarked, v.Marked))
			}
			m.Values[v.Unmarked], marked[v.Marked] = v.Marked, true
		}
		marks = append(marks, m)
	}
	return marks, errors.Join(errs...)
}
