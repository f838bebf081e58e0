package topology

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
)

const (
	// MaxRouters keeps management addresses inside of one /24.
	MaxRouters = 200
	// maxNodes bounds what a topology file may ask of the machine.
	maxNodes = 256
	// The kernel's IFNAMSIZ without the final zero.
	maxInterfaceName = 15
	// IPv6 works on no link below this.
	minMTU = 1280
	maxMTU = 65535
)

var (
	nodeName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,31}$`)
	// No dots: interface names become names in bpffs, which refuses them.
	interfaceName = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)
)

// Check reports every contradiction in a topology, each with the field that
// holds it.
func (t *Topology) Check() error {
	c := checker{
		topology: t, nodes: map[string]Kind{}, ids: map[int]string{},
		interfaces: map[string]bool{}, addresses: map[netip.Addr]string{}, subnets: map[netip.Prefix]string{},
	}
	if t.Name == "" {
		c.fail("name", "is missing")
	} else if !nodeName.MatchString(t.Name) {
		c.fail("name", "%q: want lower-case letters, digits and hyphens", t.Name)
	}
	c.mtu("mtu", t.MTU)
	if len(t.Nodes) == 0 || len(t.Nodes) > maxNodes {
		c.fail("nodes", "want 1 to %d, have %d", maxNodes, len(t.Nodes))
		return errors.Join(c.errs...)
	}
	for i, n := range t.Nodes {
		c.node(fmt.Sprintf("nodes[%d]", i), n)
	}
	for i, l := range t.Links {
		c.link(fmt.Sprintf("links[%d]", i), l)
	}
	for i, n := range t.Nodes {
		if len(t.Interfaces(n.Name)) == 0 {
			c.fail(fmt.Sprintf("nodes[%d]", i), "%s has no link", n.Name)
		}
	}
	for i, r := range t.Routes {
		c.route(fmt.Sprintf("routes[%d]", i), r)
	}
	return errors.Join(c.errs...)
}

type checker struct {
	topology   *Topology
	nodes      map[string]Kind
	ids        map[int]string
	interfaces map[string]bool
	addresses  map[netip.Addr]string
	subnets    map[netip.Prefix]string
	errs       []error
}

func (c *checker) fail(field, reason string, args ...any) {
	c.errs = append(c.errs, fmt.Errorf("%s: "+reason, append([]any{field}, args...)...))
}

func (c *checker) mtu(field string, mtu int) {
	if mtu < minMTU || mtu > maxMTU {
		c.fail(field, "want %d to %d octets, have %d", minMTU, maxMTU, mtu)
	}
}

func (c *checker) node(field string, n Node) {
	if !nodeName.MatchString(n.Name) {
		c.fail(field+".name", "%q: want a lower-case letter, then letters, digits or hyphens, 32 at most", n.Name)
	}
	if n.Name == ControllerNode {
		c.fail(field+".name", "%q is the controller's", n.Name)
	}
	if _, dup := c.nodes[n.Name]; dup {
		c.fail(field+".name", "%q is used twice", n.Name)
	}
	c.nodes[n.Name] = n.Kind
	switch n.Kind {
	case Host:
		c.host(field, n)
	case Router:
		c.router(field, n)
	default:
		c.fail(field+".kind", "%q: want %s or %s", n.Kind, Host, Router)
	}
}

func (c *checker) host(field string, n Node) {
	if n.Role != "" {
		c.fail(field+".role", "a host has none, have %q", n.Role)
	}
	if n.ID != 0 {
		c.fail(field+".id", "a host has none, have %d", n.ID)
	}
	if len(n.Loopback) > 0 {
		c.fail(field+".loopback", "a host has none")
	}
	if n.NoAgent {
		c.fail(field+".no-agent", "a host runs no agent anyway")
	}
}

func (c *checker) router(field string, n Node) {
	switch n.Role {
	case Head, Path, End:
	default:
		c.fail(field+".role", "%q: want %s, %s or %s", n.Role, Head, Path, End)
	}
	if n.ID < 1 || n.ID > MaxRouters {
		c.fail(field+".id", "want 1 to %d, have %d", MaxRouters, n.ID)
	} else if other, dup := c.ids[n.ID]; dup {
		c.fail(field+".id", "%d is the id of %s already", n.ID, other)
	}
	c.ids[n.ID] = n.Name
	families := map[bool]bool{}
	for i, a := range n.Loopback {
		at := fmt.Sprintf("%s.loopback[%d]", field, i)
		c.address(at, a, n.Name)
		if families[a.Is4()] {
			c.fail(at, "%s: a second address of the same family", a)
		}
		families[a.Is4()] = true
	}
}

func (c *checker) address(field string, a netip.Addr, owner string) bool {
	if !a.IsValid() || a.IsUnspecified() || a.IsMulticast() || a.IsLoopback() || a.IsLinkLocalUnicast() || a.Is4In6() || a.Zone() != "" {
		c.fail(field, "%s is no unicast address for an interface", a)
		return false
	}
	if other, dup := c.addresses[a]; dup {
		c.fail(field, "%s is an address of %s already", a, other)
		return false
	}
	c.addresses[a] = owner
	return true
}

func (c *checker) link(field string, l Link) {
	c.end(field+".a", l.A)
	c.end(field+".b", l.B)
	if l.A.Node == l.B.Node {
		c.fail(field, "connects %s to itself", l.A.Node)
	}
	if c.nodes[l.A.Node] == Host && c.nodes[l.B.Node] == Host {
		c.fail(field, "connects two hosts, %s and %s", l.A.Node, l.B.Node)
	}
	if l.Metric < 1 {
		c.fail(field+".metric", "want at least 1, have %d", l.Metric)
	}
	c.mtu(field+".mtu", l.MTU)
	c.subnet(field, l)
}

func (c *checker) end(field string, e LinkEnd) {
	if _, ok := c.nodes[e.Node]; !ok {
		c.fail(field+".node", "no node %q", e.Node)
	}
	if !interfaceName.MatchString(e.Interface) || len(e.Interface) > maxInterfaceName {
		c.fail(field+".interface", "%q: want 1 to %d letters, digits, hyphens or underscores", e.Interface, maxInterfaceName)
	}
	if e.Interface == ManagementInterface || e.Interface == "lo" {
		c.fail(field+".interface", "%q is reserved", e.Interface)
	}
	id := e.Node + " " + e.Interface
	if c.interfaces[id] {
		c.fail(field+".interface", "%q is used twice on %s", e.Interface, e.Node)
	}
	c.interfaces[id] = true
	if len(e.Addresses) == 0 {
		c.fail(field+".addresses", "are missing")
	}
	families := map[bool]bool{}
	for i, p := range e.Addresses {
		at := fmt.Sprintf("%s.addresses[%d]", field, i)
		if !c.address(at, p.Addr(), e.Node) {
			continue
		}
		if families[p.Addr().Is4()] {
			c.fail(at, "%s: a second address of the same family", p)
		}
		families[p.Addr().Is4()] = true
	}
}

// subnet checks that both ends speak to each other and to nobody else.
func (c *checker) subnet(field string, l Link) {
	for _, a := range l.A.Addresses {
		matched := false
		for _, b := range l.B.Addresses {
			matched = matched || a.Masked() == b.Masked()
		}
		if !matched {
			c.fail(field, "%s of %s has no counterpart in its subnet at %s", a, l.A.Node, l.B.Node)
			continue
		}
		for net, where := range c.subnets {
			if net.Overlaps(a) {
				c.fail(field, "subnet %s overlaps with %s of %s", a.Masked(), net, where)
			}
		}
		c.subnets[a.Masked()] = field
	}
	if len(l.A.Addresses) < len(l.B.Addresses) {
		c.fail(field, "%s has addresses in families that %s has not", l.B.Node, l.A.Node)
	}
}

func (c *checker) route(field string, r StaticRoute) {
	if _, ok := c.nodes[r.Node]; !ok {
		c.fail(field+".node", "no node %q", r.Node)
		return
	}
	if !r.Prefix.IsValid() {
		c.fail(field+".prefix", "is missing")
		return
	}
	if r.Prefix != r.Prefix.Masked() {
		c.fail(field+".prefix", "%s has bits set behind its length", r.Prefix)
	}
	if len(r.Via) == 0 {
		c.fail(field+".via", "is missing")
	}
	for i, via := range r.Via {
		at := fmt.Sprintf("%s.via[%d]", field, i)
		if via.Is4() != r.Prefix.Addr().Is4() {
			c.fail(at, "%s is of another family than %s", via, r.Prefix)
		} else if _, ok := c.topology.egress(r.Node, via); !ok {
			c.fail(at, "%s is no neighbour of %s", via, r.Node)
		}
	}
}
