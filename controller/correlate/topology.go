package correlate

// Topology is what correlation has to know of the domain. Implementations are
// immutable, so that a path never mixes two states of the inventory.
type Topology interface {
	// InterfaceName is empty when the index is not known.
	InterfaceName(node string, ifindex uint32) string
	// Peer is the node at the other end of an interface's link; empty when it
	// is not known.
	Peer(node string, ifindex uint32) string
	// Edge tells whether an interface is a border of the domain; known is
	// false when the inventory cannot say.
	Edge(node string, ifindex uint32) (edge, known bool)
	// PolicyName turns a node's policy number into the policy's name; empty
	// when it is not known.
	PolicyName(node string, id uint32) string
}
