//go:build linux

// Package fabric makes a topology real: namespaces, veth pairs, addresses,
// routes and the management network, all by netlink.
package fabric

import (
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"

	"github.com/openifit/openifit/lab/topology"
)

// The kernel's IFNAMSIZ leaves 15 characters, of which the management links
// in the root namespace need four behind the prefix.
var namePrefix = regexp.MustCompile(`^[a-z][a-z0-9-]{0,10}$`)

// Names is what distinguishes one lab from another on the same machine.
type Names struct {
	// Prefix of all names of namespaces and of interfaces in the root
	// namespace, 11 characters at most.
	Prefix string
	// Management is the network that connects the root namespace, the
	// controller and the agents; an IPv4 /24.
	Management netip.Prefix
}

// Check reports names that the kernel would not take.
func (n Names) Check() error {
	if !namePrefix.MatchString(n.Prefix) {
		return fmt.Errorf("name prefix %q: want a lower-case letter, then letters, digits or hyphens, 11 at most", n.Prefix)
	}
	if !n.Management.IsValid() || !n.Management.Addr().Is4() || n.Management.Bits() != 24 || n.Management != n.Management.Masked() {
		return fmt.Errorf("management network %s: want an IPv4 /24", n.Management)
	}
	return nil
}

// Namespace is the name of a node's network namespace.
func (n Names) Namespace(node string) string { return n.Prefix + node }

// Bridge is the name of the bridge of the management network.
func (n Names) Bridge() string { return n.Prefix + "br0" }

// port is the root namespace's end of a management link.
func (n Names) port(index int) string { return fmt.Sprintf("%sm%d", n.Prefix, index) }

// own says whether an interface of the root namespace belongs to the lab.
func (n Names) own(link string) bool {
	port, ok := strings.CutPrefix(link, n.Prefix+"m")
	_, err := strconv.ParseUint(port, 10, 8)
	return link == n.Bridge() || ok && err == nil
}

// Root is the root namespace's address on the management network.
func (n Names) Root() netip.Addr { return n.host(1) }

// Controller is the controller's address on the management network.
func (n Names) Controller() netip.Addr { return n.host(2) }

// Agent is the management address of a router.
func (n Names) Agent(node topology.Node) netip.Addr { return n.host(10 + node.ID) }

func (n Names) host(last int) netip.Addr {
	b := n.Management.Addr().As4()
	b[3] = byte(last)
	return netip.AddrFrom4(b)
}
