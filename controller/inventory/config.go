// Package inventory knows the nodes of the domain: who they are, how they are
// linked, what they can do and whether they answer.
package inventory

import (
	"errors"
	"fmt"
	"net"
	"strings"
)

// Role is a node's place on the way of the domain's traffic. It orders pushes;
// what a node really does in a policy follows from its interfaces.
type Role string

// Roles of nodes.
const (
	Head Role = "head"
	Path Role = "path"
	End  Role = "end"
)

// NodeConfig says where a node is.
type NodeConfig struct {
	Name string
	// Address is the host and port of its gNMI server.
	Address string
	Role    Role
}

// LinkEnd is an interface at one end of a link.
type LinkEnd struct{ Node, Interface string }

// Link joins two interfaces.
type Link struct{ A, B LinkEnd }

// Config is what the operator tells; everything else the nodes tell.
type Config struct {
	Nodes []NodeConfig
	Links []Link
}

// Validate reports every contradiction.
func (c Config) Validate() error {
	var errs []error
	nodes := make(map[string]bool, len(c.Nodes))
	addresses := make(map[string]string, len(c.Nodes))
	for i, n := range c.Nodes {
		at := fmt.Sprintf("nodes[%d]", i)
		switch {
		case n.Name == "" || strings.ContainsAny(n.Name, " \t\n/[]"):
			errs = append(errs, fmt.Errorf("%s.name: %q is no name", at, n.Name))
		case nodes[n.Name]:
			errs = append(errs, fmt.Errorf("%s.name: %q occurs twice", at, n.Name))
		}
		nodes[n.Name] = true
		if _, _, err := net.SplitHostPort(n.Address); err != nil {
			errs = append(errs, fmt.Errorf("%s.address: %q: %w", at, n.Address, err))
		} else if other, taken := addresses[n.Address]; taken {
			errs = append(errs, fmt.Errorf("%s.address: %q is also that of %s", at, n.Address, other))
		}
		addresses[n.Address] = n.Name
		switch n.Role {
		case Head, Path, End:
		default:
			errs = append(errs, fmt.Errorf("%s.role: %q, want %s, %s or %s", at, n.Role, Head, Path, End))
		}
	}
	ends := make(map[LinkEnd]bool)
	for i, l := range c.Links {
		for side, e := range map[string]LinkEnd{"a": l.A, "b": l.B} {
			at := fmt.Sprintf("links[%d].%s", i, side)
			switch {
			case !nodes[e.Node]:
				errs = append(errs, fmt.Errorf("%s.node: there is no node %q", at, e.Node))
			case e.Interface == "":
				errs = append(errs, fmt.Errorf("%s.interface is missing", at))
			case ends[e]:
				errs = append(errs, fmt.Errorf("%s: %s of %s is in another link already", at, e.Interface, e.Node))
			}
			ends[e] = true
		}
	}
	return errors.Join(errs...)
}
