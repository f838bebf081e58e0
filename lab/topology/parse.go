package topology

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strings"

	"go.yaml.in/yaml/v3"
)

//go:embed line5.yaml
var line5 []byte

// Line5 is the default topology: h1 r1 r2 r3 r4 r5 h2 in a line, and a
// detour r2 r6 r4.
func Line5() *Topology {
	t, err := Parse(line5)
	if err != nil {
		// The file is part of the program; its test parses it.
		panic(fmt.Sprintf("built-in topology: %v", err))
	}
	return t
}

// Load reads and checks a topology file.
func Load(path string) (*Topology, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read topology: %w", err)
	}
	t, err := Parse(data)
	if err != nil {
		return nil, fmt.Errorf("topology %s: %w", path, err)
	}
	return t, nil
}

// Parse reads YAML, fills in defaults and checks the result. Fields that it
// does not know are errors.
func Parse(data []byte) (*Topology, error) {
	var document yaml.Node
	if err := yaml.Unmarshal(data, &document); err != nil {
		return nil, fmt.Errorf("not YAML: %w", err)
	}
	if err := errors.Join(badAddresses("", "", &document)...); err != nil {
		return nil, err
	}
	d := yaml.NewDecoder(bytes.NewReader(data))
	d.KnownFields(true)
	t := new(Topology)
	if err := d.Decode(t); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, errors.New("empty topology")
		}
		return nil, fmt.Errorf("not a topology: %w", err)
	}
	if err := d.Decode(new(any)); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one YAML document")
	}
	t.defaults()
	if err := t.Check(); err != nil {
		return nil, err
	}
	return t, nil
}

// badAddresses names the fields whose addresses do not parse: the decoder
// itself would tell neither field nor line.
func badAddresses(path, key string, n *yaml.Node) []error {
	var errs []error
	switch n.Kind {
	case yaml.DocumentNode:
		for _, c := range n.Content {
			errs = append(errs, badAddresses(path, key, c)...)
		}
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			name := n.Content[i].Value
			errs = append(errs, badAddresses(strings.TrimPrefix(path+"."+name, "."), name, n.Content[i+1])...)
		}
	case yaml.SequenceNode:
		for i, c := range n.Content {
			errs = append(errs, badAddresses(fmt.Sprintf("%s[%d]", path, i), key, c)...)
		}
	case yaml.ScalarNode:
		var err error
		switch key {
		case "addresses", "prefix":
			_, err = netip.ParsePrefix(n.Value)
		case "loopback", "via":
			_, err = netip.ParseAddr(n.Value)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s (line %d): %w", path, n.Line, err))
		}
	}
	return errs
}

func (t *Topology) defaults() {
	if t.MTU == 0 {
		t.MTU = 1500
	}
	number := 0
	for i := range t.Nodes {
		n := &t.Nodes[i]
		if n.Kind != Router {
			continue
		}
		number++
		if n.ID == 0 {
			n.ID = number
		}
		if n.Role == "" {
			n.Role = Path
		}
	}
	for i := range t.Links {
		l := &t.Links[i]
		if l.Metric == 0 {
			l.Metric = 1
		}
		if l.MTU == 0 {
			l.MTU = t.MTU
		}
		if l.A.Interface == "" {
			l.A.Interface = "to-" + l.B.Node
		}
		if l.B.Interface == "" {
			l.B.Interface = "to-" + l.A.Node
		}
	}
}
