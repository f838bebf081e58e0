//go:build linux

package fabric

import (
	"errors"
	"fmt"
	"os"

	"github.com/vishvananda/netlink"

	"github.com/openifit/openifit/lab/namespace"
	"github.com/openifit/openifit/lab/topology"
)

// Fabric is a topology in the kernel. Its methods are not safe for
// concurrent use.
type Fabric struct {
	topology *topology.Topology
	names    Names
	root     *node
	nodes    map[string]*node
}

// node is an open namespace with a netlink handle inside.
type node struct {
	name string
	ns   *namespace.NS
	nl   *netlink.Handle
}

// Build brings everything that the topology asks for into being. What is
// there already stays, so that Build repairs a fabric as well. When it fails
// the caller removes what was built. The nodes in avoid are those of Route.
func Build(t *topology.Topology, names Names, avoid ...string) (*Fabric, error) {
	if err := names.Check(); err != nil {
		return nil, err
	}
	f := &Fabric{topology: t, names: names, nodes: map[string]*node{}}
	if err := f.build(avoid); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// Open opens a fabric that exists; it fails when a namespace is missing.
func Open(t *topology.Topology, names Names) (*Fabric, error) {
	if err := names.Check(); err != nil {
		return nil, err
	}
	f := &Fabric{topology: t, names: names, nodes: map[string]*node{}}
	for _, name := range f.nodeNames() {
		if err := f.open(name, namespace.Open); err != nil {
			f.Close()
			return nil, err
		}
	}
	return f, nil
}

// Close releases the descriptors; the network stays.
func (f *Fabric) Close() {
	for _, n := range f.nodes {
		n.close()
	}
	if f.root != nil {
		f.root.close()
	}
}

// Namespace is the open namespace of a node, the controller's included.
func (f *Fabric) Namespace(name string) (*namespace.NS, error) {
	n, ok := f.nodes[name]
	if !ok {
		return nil, fmt.Errorf("no node %q in topology %s", name, f.topology.Name)
	}
	return n.ns, nil
}

func (f *Fabric) nodeNames() []string {
	names := []string{topology.ControllerNode}
	for _, n := range f.topology.Nodes {
		names = append(names, n.Name)
	}
	return names
}

func (f *Fabric) build(avoid []string) error {
	for _, name := range f.nodeNames() {
		if err := f.open(name, ensureNamespace); err != nil {
			return err
		}
		if err := f.prepare(f.nodes[name]); err != nil {
			return fmt.Errorf("node %s: %w", name, err)
		}
	}
	if err := f.management(); err != nil {
		return fmt.Errorf("management network: %w", err)
	}
	for i, l := range f.topology.Links {
		if err := f.link(i, l); err != nil {
			return fmt.Errorf("link %s %s: %w", l.A.Node, l.B.Node, err)
		}
	}
	return f.Route(avoid...)
}

func (f *Fabric) open(name string, open func(string) (*namespace.NS, error)) error {
	ns, err := open(f.names.Namespace(name))
	if err != nil {
		return fmt.Errorf("node %s: %w", name, err)
	}
	n, err := openNode(name, ns)
	if err != nil {
		return err
	}
	f.nodes[name] = n
	return nil
}

func openNode(name string, ns *namespace.NS) (*node, error) {
	h, err := ns.Netlink()
	if err != nil {
		ns.Close()
		return nil, fmt.Errorf("node %s: %w", name, err)
	}
	return &node{name: name, ns: ns, nl: h}, nil
}

func (n *node) close() {
	n.nl.Close()
	n.ns.Close()
}

func ensureNamespace(name string) (*namespace.NS, error) {
	ns, err := namespace.Create(name)
	if errors.Is(err, os.ErrExist) {
		return namespace.Open(name)
	}
	return ns, err
}

// prepare sets what all interfaces of a node depend on.
func (f *Fabric) prepare(n *node) error {
	spec, _ := f.topology.Node(n.name)
	if err := setSysctls(n.ns, nodeSysctls(spec.Kind)); err != nil {
		return err
	}
	lo, err := n.nl.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("find loopback: %w", err)
	}
	for _, a := range spec.Loopback {
		if err := n.address(lo, hostPrefix(a)); err != nil {
			return err
		}
	}
	return n.up(lo)
}
