//go:build linux

// Package lab raises a network of real nodes in namespaces, with an agent
// per router and a controller, and takes it down without a trace.
package lab

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/openifit/openifit/lab/fabric"
	"github.com/openifit/openifit/lab/topology"
)

// The values that the zero Options stand for.
const (
	DefaultPrefix     = "ifit-"
	DefaultManagement = "198.18.0.0/24"
	DefaultRunDir     = "/var/run/openifit/lab"
	DefaultPinRoot    = "/sys/fs/bpf/openifit"
)

// Options of a lab. The zero value is the lab of the documentation; tests
// change names and directories to run beside it.
type Options struct {
	// Topology to raise; line5 when nil.
	Topology *topology.Topology
	// Names of namespaces and interfaces, and the management network.
	Names fabric.Names
	// RunDir holds certificates, configuration, logs and the lab's state.
	RunDir string
	// PinRoot in bpffs, with one directory per node.
	PinRoot string
	// BinDir holds ifit-agent and ifit-controller; the directory of the
	// running program when empty.
	BinDir string
	// PoliciesDir holds baseline policies that the controller pushes; none
	// when empty.
	PoliciesDir string
	// Loops of the controller; DefaultLoops when nil.
	Loops []Loop
	// NoAgents raises the network alone, without agents and controller.
	NoAgents bool
	// NoController raises network and agents.
	NoController bool
	// Progress is told what happens, in one line each; may be nil.
	Progress func(line string)
}

func (o Options) complete() (Options, error) {
	if o.Names.Prefix == "" {
		o.Names.Prefix = DefaultPrefix
	}
	if !o.Names.Management.IsValid() {
		o.Names.Management = netip.MustParsePrefix(DefaultManagement)
	}
	if o.RunDir == "" {
		o.RunDir = DefaultRunDir
	}
	if o.PinRoot == "" {
		o.PinRoot = DefaultPinRoot
	}
	if o.Loops == nil {
		o.Loops = DefaultLoops()
	}
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	if !filepath.IsAbs(o.RunDir) || !filepath.IsAbs(o.PinRoot) {
		return o, fmt.Errorf("run directory %q and pin root %q: want absolute paths", o.RunDir, o.PinRoot)
	}
	if os.Geteuid() != 0 {
		return o, errors.New("the lab makes network namespaces: run it as root")
	}
	return o, o.Names.Check()
}

// binDir is where the project's programs are, as an absolute path.
func (o Options) binDir() (string, error) {
	if o.BinDir == "" {
		self, err := os.Executable()
		if err != nil {
			return "", fmt.Errorf("find own program: %w", err)
		}
		return filepath.Dir(self), nil
	}
	dir, err := filepath.Abs(o.BinDir)
	if err != nil {
		return "", fmt.Errorf("directory of programs: %w", err)
	}
	return dir, nil
}

// binary finds one of the project's programs.
func (o Options) binary(name string) (string, error) {
	dir, err := o.binDir()
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, name)
	if info, err := os.Stat(path); err != nil || info.IsDir() || info.Mode()&0o111 == 0 {
		return "", fmt.Errorf("no program %s: build it with \"make build\", name its directory, or raise the lab without agents", path)
	}
	return path, nil
}
