//go:build linux

package lab

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/openifit/openifit/lab/namespace"
	"github.com/openifit/openifit/lab/process"
	"github.com/openifit/openifit/lab/topology"
)

// Node is a node of a lab: a host, a router, or the controller's "ctl". A
// node that does not exist is reported by the methods.
type Node struct {
	lab  *Lab
	name string
}

// Node finds a node by its name.
func (l *Lab) Node(name string) Node { return Node{l, name} }

// Namespace of the node. It is open until the lab is closed.
func (n Node) Namespace() (*namespace.NS, error) { return n.lab.fabric.Namespace(n.name) }

// Do runs fn inside the node's network namespace, on the calling goroutine;
// see namespace.NS.Do.
func (n Node) Do(fn func() error) error {
	ns, err := n.Namespace()
	if err != nil {
		return err
	}
	return ns.Do(fn)
}

// Address of the node's service: gNMI of an agent, the northbound of the
// controller.
func (n Node) Address() (netip.AddrPort, error) {
	s, err := n.service()
	return s.address, err
}

func (n Node) service() (service, error) {
	if n.name == topology.ControllerNode {
		return n.lab.opts.controllerService(), nil
	}
	spec, ok := n.lab.opts.Topology.Node(n.name)
	if !ok {
		return service{}, fmt.Errorf("no node %q in topology %s", n.name, n.lab.opts.Topology.Name)
	}
	if spec.Kind != topology.Router || spec.NoAgent {
		return service{}, fmt.Errorf("node %s runs no agent", n.name)
	}
	return n.lab.opts.agentService(spec), nil
}

// Start starts the node's agent, or the controller, and waits until it
// answers. One that runs stays.
func (n Node) Start(ctx context.Context) error {
	s, err := n.service()
	if err != nil {
		return err
	}
	if err := n.lab.launch(s); err != nil {
		return err
	}
	return n.lab.await(ctx, s)
}

// Stop ends the node's agent, or the controller, as a service manager does.
func (n Node) Stop(ctx context.Context) error {
	s, err := n.service()
	if err != nil {
		return err
	}
	return n.lab.opts.end(ctx, s)
}

// Kill ends the node's agent, or the controller, as kill -9 does.
func (n Node) Kill() error {
	p, err := n.Process()
	if err != nil {
		return err
	}
	return p.Kill()
}

// Process of the node's agent, or of the controller. The error matches
// os.ErrNotExist when none was started.
func (n Node) Process() (process.Process, error) {
	s, err := n.service()
	if err != nil {
		return process.Process{}, err
	}
	return process.Read(n.lab.opts.file(s, ".pid"))
}

// Log is the path of the log of the node's agent, or of the controller.
func (n Node) Log() (string, error) {
	s, err := n.service()
	return n.lab.opts.file(s, ".log"), err
}
