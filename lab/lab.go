//go:build linux

package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/openifit/openifit/lab/certs"
	"github.com/openifit/openifit/lab/fabric"
	"github.com/openifit/openifit/lab/topology"
)

// Lab is a network that is up. Its methods are not safe for concurrent use,
// except those of its nodes.
type Lab struct {
	opts   Options
	state  state
	fabric *fabric.Fabric
}

// Up raises the lab, or what is missing of it, and waits until its agents
// and its controller answer. When it fails, a lab that was not up before is
// taken down again.
func Up(ctx context.Context, opts Options) (*Lab, error) {
	o, err := opts.complete()
	if err != nil {
		return nil, err
	}
	held, err := acquire(ctx, o.lockPath())
	if err != nil {
		return nil, err
	}
	defer held.release()
	s, err := o.load()
	fresh := errors.Is(err, ErrDown)
	if err != nil && !fresh {
		return nil, err
	}
	if err := s.merge(&o); err != nil {
		return nil, err
	}
	l, err := up(ctx, o, s)
	if err != nil && fresh {
		return nil, errors.Join(err, down(context.WithoutCancel(ctx), o, held))
	}
	return l, err
}

// merge settles the topology between what is wanted and what is up.
func (s *state) merge(o *Options) error {
	if s.Topology == nil {
		if o.Topology == nil {
			o.Topology = topology.Line5()
		}
		s.Topology = o.Topology
		return o.Topology.Check()
	}
	if o.Topology != nil {
		same, err := sameTopology(o.Topology, s.Topology)
		if err != nil {
			return err
		}
		if !same {
			return fmt.Errorf("a lab with another topology, %s, is up: take it down first", s.Topology.Name)
		}
	}
	o.Topology = s.Topology
	return nil
}

func up(ctx context.Context, o Options, s state) (*Lab, error) {
	if !o.NoAgents {
		// Before anything is made: the most likely mistake is a cheap one.
		if err := o.findBinaries(); err != nil {
			return nil, err
		}
		dir, err := o.binDir()
		if err != nil {
			return nil, err
		}
		s.BinDir = dir
	}
	if err := os.MkdirAll(o.RunDir, 0o755); err != nil {
		return nil, fmt.Errorf("create run directory: %w", err)
	}
	if err := o.save(s); err != nil {
		return nil, err
	}
	if err := o.issue(); err != nil {
		return nil, err
	}
	if err := o.ensureProbeKey(); err != nil {
		return nil, err
	}
	if err := o.configure(); err != nil {
		return nil, err
	}
	if err := mountBPF(); err != nil {
		return nil, err
	}
	o.Progress(fmt.Sprintf("topology %s: %d nodes, %d links", o.Topology.Name, len(o.Topology.Nodes), len(o.Topology.Links)))
	f, err := fabric.Build(o.Topology, o.Names, s.Avoid...)
	if err != nil {
		return nil, fmt.Errorf("build topology %s: %w", o.Topology.Name, err)
	}
	l := &Lab{opts: o, state: s, fabric: f}
	if err := l.start(ctx); err != nil {
		l.Close()
		return nil, err
	}
	l.state.Complete = true
	if err := o.save(l.state); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// Open finds a lab that is up; the error matches ErrDown when none is.
func Open(opts Options) (*Lab, error) {
	o, err := opts.complete()
	if err != nil {
		return nil, err
	}
	s, err := o.load()
	if err != nil {
		return nil, err
	}
	o.Topology = s.Topology
	if o.BinDir == "" {
		o.BinDir = s.BinDir
	}
	f, err := fabric.Open(o.Topology, o.Names)
	if err != nil {
		return nil, fmt.Errorf("the lab is damaged, raise it again: %w", err)
	}
	return &Lab{opts: o, state: s, fabric: f}, nil
}

// Close releases what this process holds of the lab; the lab stays up.
func (l *Lab) Close() { l.fabric.Close() }

// Topology of the lab.
func (l *Lab) Topology() *topology.Topology { return l.opts.Topology }

// Operator is the certificate of a client that may do everything.
func (l *Lab) Operator() certs.Files { return certs.In(l.opts.certDir(), operatorCert) }

// RunDir holds the lab's files.
func (l *Lab) RunDir() string { return l.opts.RunDir }

// Avoiding lists the routers that the routes go around.
func (l *Lab) Avoiding() []string { return slices.Clone(l.state.Avoid) }

// Route moves the routes of all nodes, each by one atomic replacement, so
// that the routers in avoid forward nothing. Without arguments it moves them
// back.
func (l *Lab) Route(ctx context.Context, avoid ...string) error {
	return l.change(ctx, func() error {
		if err := l.fabric.Route(avoid...); err != nil {
			return err
		}
		l.state.Avoid = slices.Clone(avoid)
		return l.opts.save(l.state)
	})
}

// SetLink takes an interface of a node down or up. Its peer loses the
// carrier.
func (l *Lab) SetLink(ctx context.Context, node, name string, up bool) error {
	return l.change(ctx, func() error {
		return l.fabric.SetLink(node, name, up, l.state.Avoid...)
	})
}

// change runs fn under the lab's lock and with its newest state.
func (l *Lab) change(ctx context.Context, fn func() error) error {
	held, err := acquire(ctx, l.opts.lockPath())
	if err != nil {
		return err
	}
	defer held.release()
	s, err := l.opts.load()
	if err != nil {
		return err
	}
	l.state = s
	return fn()
}
