// Package topology describes a lab's nodes, links and routes as plain values.
package topology

import (
	"fmt"
	"net/netip"
)

// Kind says what a node is.
type Kind string

// The kinds of nodes.
const (
	Host   Kind = "host"
	Router Kind = "router"
)

// Role is a router's place in the IFIT domain.
type Role string

// The roles of routers; hosts have none.
const (
	Head Role = "head"
	Path Role = "path"
	End  Role = "end"
)

// InterfaceRole is what the YANG tree calls the role of an interface.
type InterfaceRole string

// Interfaces towards hosts are at the edge of the domain, those between
// routers in its core.
const (
	Edge InterfaceRole = "EDGE"
	Core InterfaceRole = "CORE"
)

// ManagementInterface is the name of the interface that connects a node to
// the management network. No topology may use it, and it is never measured.
const ManagementInterface = "mgmt"

// ControllerNode is the name of the node that the controller lives in.
const ControllerNode = "ctl"

// Topology is a network. Parse and Line5 return checked ones; call Check on
// one put together by hand.
type Topology struct {
	Name string `yaml:"name"`
	// MTU of all links in octets; 1500 when 0.
	MTU int `yaml:"mtu"`
	// Offloads leaves segmentation, receive and checksum offloads of the
	// interfaces as the kernel makes them. Without them one socket buffer is
	// one packet, whose checksums are complete on every link.
	Offloads bool `yaml:"offloads"`
	// ECMP installs every next hop of equal cost instead of the first one.
	ECMP  bool   `yaml:"ecmp"`
	Nodes []Node `yaml:"nodes"`
	Links []Link `yaml:"links"`
	// Routes are installed beside the computed ones and win over them.
	Routes []StaticRoute `yaml:"routes"`
}

// Node is a host or a router.
type Node struct {
	Name string `yaml:"name"`
	Kind Kind   `yaml:"kind"`
	// Role of a router.
	Role Role `yaml:"role"`
	// ID is the router's number: the last part of its management address,
	// its Observation Domain and its IOAM node-id. Routers without one are
	// numbered in their order.
	ID int `yaml:"id"`
	// NoAgent marks a router that is not part of the telemetry.
	NoAgent bool `yaml:"no-agent"`
	// Loopback addresses, one per family at most, reachable from everywhere.
	Loopback []netip.Addr `yaml:"loopback"`
}

// Link connects two nodes.
type Link struct {
	A LinkEnd `yaml:"a"`
	B LinkEnd `yaml:"b"`
	// Metric of the link for the computed routes; 1 when 0.
	Metric int `yaml:"metric"`
	// MTU in octets; the topology's when 0.
	MTU int `yaml:"mtu"`
}

// LinkEnd is a node's interface on a link.
type LinkEnd struct {
	Node string `yaml:"node"`
	// Interface name; to-PEER when empty.
	Interface string `yaml:"interface"`
	// Addresses with their prefix lengths, one per family at most.
	Addresses []netip.Prefix `yaml:"addresses"`
}

// StaticRoute is a route that is not computed.
type StaticRoute struct {
	Node   string       `yaml:"node"`
	Prefix netip.Prefix `yaml:"prefix"`
	Via    []netip.Addr `yaml:"via"`
}

// Interface is one end of a link as its node sees it.
type Interface struct {
	Name string
	// Role of a router's interface; hosts' have none.
	Role      InterfaceRole
	MTU       int
	Addresses []netip.Prefix
	Peer      LinkEnd
}

// Address is the end's address in one family.
func (e LinkEnd) Address(v4 bool) (netip.Addr, bool) {
	for _, p := range e.Addresses {
		if p.Addr().Is4() == v4 {
			return p.Addr(), true
		}
	}
	return netip.Addr{}, false
}

// Node finds a node by its name.
func (t *Topology) Node(name string) (Node, bool) {
	for _, n := range t.Nodes {
		if n.Name == name {
			return n, true
		}
	}
	return Node{}, false
}

// Hosts are the nodes that packets come from and go to.
func (t *Topology) Hosts() []Node { return t.kind(Host) }

// Routers are the nodes that forward packets.
func (t *Topology) Routers() []Node { return t.kind(Router) }

func (t *Topology) kind(k Kind) []Node {
	var nodes []Node
	for _, n := range t.Nodes {
		if n.Kind == k {
			nodes = append(nodes, n)
		}
	}
	return nodes
}

// Agents are the routers that run an agent.
func (t *Topology) Agents() []Node {
	var nodes []Node
	for _, n := range t.Routers() {
		if !n.NoAgent {
			nodes = append(nodes, n)
		}
	}
	return nodes
}

// Interfaces lists a node's interfaces in the order of the links, the
// management interface not among them.
func (t *Topology) Interfaces(node string) []Interface {
	var list []Interface
	for _, l := range t.Links {
		own, peer := l.A, l.B
		if own.Node != node {
			own, peer = l.B, l.A
		}
		if own.Node != node {
			continue
		}
		var role InterfaceRole
		if n, _ := t.Node(node); n.Kind == Router {
			role = Core
			if p, _ := t.Node(peer.Node); p.Kind == Host {
				role = Edge
			}
		}
		list = append(list, Interface{
			Name: own.Interface, Role: role, MTU: l.MTU, Addresses: own.Addresses, Peer: peer,
		})
	}
	return list
}

// Interface finds a node's interface by its name.
func (t *Topology) Interface(node, name string) (Interface, error) {
	if _, ok := t.Node(node); !ok {
		return Interface{}, fmt.Errorf("no node %q in topology %s", node, t.Name)
	}
	for _, i := range t.Interfaces(node) {
		if i.Name == name {
			return i, nil
		}
	}
	return Interface{}, fmt.Errorf("node %s has no interface %q", node, name)
}

// Addresses lists where a node can be reached, its loopback first.
func (t *Topology) Addresses(node string) []netip.Addr {
	n, _ := t.Node(node)
	list := append([]netip.Addr(nil), n.Loopback...)
	for _, i := range t.Interfaces(node) {
		for _, p := range i.Addresses {
			list = append(list, p.Addr())
		}
	}
	return list
}

// Address is the first address of a node in one family, loopback first.
func (t *Topology) Address(node string, v4 bool) (netip.Addr, bool) {
	for _, a := range t.Addresses(node) {
		if a.Is4() == v4 {
			return a, true
		}
	}
	return netip.Addr{}, false
}
