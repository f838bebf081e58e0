package inventory

import (
	"maps"
	"slices"
)

// Session is the state of the controller's gNMI session with a node.
type Session string

// States of a session.
const (
	Down       Session = "DOWN"
	Connecting Session = "CONNECTING"
	Up         Session = "UP"
)

// Interface of a node, as the node tells.
type Interface struct {
	Name    string
	Ifindex uint32
	// Role is EDGE, CORE or MONITOR; empty when none is configured.
	Role   string
	OperUp bool
	MTU    uint32
	// Peer is the other end of the link; zero when no link is known.
	Peer LinkEnd
}

// PolicyState is what a node made of a policy.
type PolicyState struct {
	Name       string
	ID         uint32
	Generation uint32
	// OperStatus is ACTIVE, INACTIVE, FAILED or EXPIRED.
	OperStatus string
	Roles      []string
	LastError  string
	// ExpiresAt is in UNIX nanoseconds, 0 without a lifetime.
	ExpiresAt int64
	Observed  uint64
	Selected  uint64
	Records   uint64
	Dropped   uint64
	Events    uint64
	lastSeen  int64
}

// Node is everything known about a node.
type Node struct {
	NodeConfig
	// NodeID and DomainID are 0 until the node has told them.
	NodeID, DomainID uint32
	Session          Session
	// Since is when the session took its state, UNIX nanoseconds.
	Since         int64
	LastError     string
	Interfaces    []Interface
	Techniques    []string
	AgentVersion  string
	KernelRelease string
	// StartedAt is when the agent started, by its clock.
	StartedAt int64
	// ExportRate is in octets per second; ok is false when the node does not
	// tell.
	ExportRate   float64
	ExportKnown  bool
	Policies     map[string]PolicyState
	learnedNames map[uint32]string
}

func (n *Node) clone() Node {
	c := *n
	c.Interfaces = slices.Clone(n.Interfaces)
	c.Techniques = slices.Clone(n.Techniques)
	c.Policies = maps.Clone(n.Policies)
	c.learnedNames = nil
	return c
}

// ActivePolicies counts the policies that measure.
func (n *Node) ActivePolicies() int {
	count := 0
	for _, p := range n.Policies {
		if p.OperStatus == "ACTIVE" {
			count++
		}
	}
	return count
}
