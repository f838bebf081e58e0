package inventory

// Snapshot is the inventory at one moment, for those who turn numbers into
// names. It is immutable.
type Snapshot struct {
	nodes   map[string]*view
	domains map[uint32]string
}

type view struct {
	byIndex  map[uint32]Interface
	policies map[uint32]string
	current  map[string]uint32
}

// NodeOfDomain names the node of an Observation Domain; empty when no node has
// told that the domain is its.
func (s *Snapshot) NodeOfDomain(id uint32) string { return s.domains[id] }

// InterfaceName names an interface; empty when the index is not known.
func (s *Snapshot) InterfaceName(node string, ifindex uint32) string {
	if v := s.nodes[node]; v != nil {
		return v.byIndex[ifindex].Name
	}
	return ""
}

// Peer names the node at the other end of an interface's link.
func (s *Snapshot) Peer(node string, ifindex uint32) string {
	if v := s.nodes[node]; v != nil {
		return v.byIndex[ifindex].Peer.Node
	}
	return ""
}

// Edge tells whether an interface is a border of the domain. An interface
// without a role is one when no link leads from it to another node.
func (s *Snapshot) Edge(node string, ifindex uint32) (edge, known bool) {
	v := s.nodes[node]
	if v == nil {
		return false, false
	}
	i, ok := v.byIndex[ifindex]
	if !ok {
		return false, false
	}
	if i.Role != "" {
		return i.Role == "EDGE", true
	}
	return i.Peer.Node == "", true
}

// PolicyName names a policy by the node's number for it.
func (s *Snapshot) PolicyName(node string, id uint32) string {
	if v := s.nodes[node]; v != nil {
		return v.policies[id]
	}
	return ""
}

// Generation is that of a policy on a node; 0 when the node does not have it.
func (s *Snapshot) Generation(node, policy string) uint32 {
	if v := s.nodes[node]; v != nil {
		return v.current[policy]
	}
	return 0
}
