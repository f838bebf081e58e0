//go:build linux

package lab

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"go.yaml.in/yaml/v3"

	"github.com/openifit/openifit/lab/topology"
)

// ErrDown says that no lab is up.
var ErrDown = errors.New("no lab is up")

// state is what later commands must know about a lab that is up.
type state struct {
	Topology *topology.Topology `yaml:"topology"`
	// Avoid lists the routers that the routes go around at the moment.
	Avoid []string `yaml:"avoid,omitempty"`
	// Complete is set when everything has come up.
	Complete bool `yaml:"complete"`
	// BinDir says where the programs of the nodes are.
	BinDir string `yaml:"bin-dir,omitempty"`
}

func (o Options) statePath() string { return filepath.Join(o.RunDir, "lab.yaml") }
func (o Options) lockPath() string  { return o.RunDir + ".lock" }

// nodeDir is the directory of a node's files.
func (o Options) nodeDir(node string) string { return filepath.Join(o.RunDir, node) }

func (o Options) certDir() string { return filepath.Join(o.RunDir, "tls") }

func (o Options) load() (state, error) {
	data, err := os.ReadFile(o.statePath())
	if errors.Is(err, os.ErrNotExist) {
		return state{}, ErrDown
	}
	if err != nil {
		return state{}, fmt.Errorf("read state of the lab: %w", err)
	}
	var s state
	if err := yaml.Unmarshal(data, &s); err != nil {
		return state{}, fmt.Errorf("state of the lab %s: %w", o.statePath(), err)
	}
	if s.Topology == nil {
		return state{}, fmt.Errorf("state of the lab %s: topology: is missing", o.statePath())
	}
	if err := s.Topology.Check(); err != nil {
		return state{}, fmt.Errorf("state of the lab %s: topology: %w", o.statePath(), err)
	}
	return s, nil
}

func (o Options) save(s state) error {
	data, err := yaml.Marshal(s)
	if err != nil {
		return fmt.Errorf("encode state of the lab: %w", err)
	}
	return writeFile(o.statePath(), data, 0o644)
}

func sameTopology(a, b *topology.Topology) (bool, error) {
	x, err := yaml.Marshal(a)
	if err != nil {
		return false, fmt.Errorf("encode topology: %w", err)
	}
	y, err := yaml.Marshal(b)
	if err != nil {
		return false, fmt.Errorf("encode topology: %w", err)
	}
	return bytes.Equal(x, y), nil
}

// writeFile replaces a file as a whole.
func writeFile(path string, data []byte, mode os.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("create directory: %w", err)
	}
	draft := path + ".new"
	if err := os.WriteFile(draft, data, mode); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := os.Rename(draft, path); err != nil {
		return fmt.Errorf("replace %s: %w", path, err)
	}
	return nil
}
