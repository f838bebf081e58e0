// Package schema knows the agent's YANG tree: how its nodes are named, nested
// and typed, and how values get into and out of the Go structs that ygot
// generates for it.
//
// It exists beside ygot's own ytypes because a gNMI server must name the exact
// path and rule that a request broke, must change one leaf without copying or
// validating a thousand policies, and must read configuration and state as one
// tree though they are kept apart.
package schema

import (
	"reflect"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
)

// Kind is the kind of a schema node.
type Kind uint8

// The kinds of nodes; the model has no others.
const (
	Container Kind = iota
	List
	Leaf
	LeafList
)

// Node is a node of the schema tree. Nodes are made once and never change.
type Node struct {
	Name   string
	Module string // module that defines the node
	Kind   Kind
	// Config says that the node is configuration rather than state.
	Config bool
	// Sampled says that the values below move all the time.
	Sampled   bool
	Mandatory bool
	Parent    *Node
	Children  []*Node // in the order of their names
	Keys      []*Node // of a list: its key leaves
	Type      *Type   // of a leaf or leaf-list
	Default   string  // of a leaf, "" without one

	children map[string]*Node
	// first and last are the numbers of the node and of its last descendant
	// when the tree is walked depth first.
	first, last int
	// unit is the unit that the node lies in, nil above units; see unit.go.
	unit *Node
	// keys counts the list keys between the root and the node, its own
	// included.
	keys int
	// elem is the node's path element; complete unless the node is a list.
	elem *gpb.PathElem
	// wire is elem as protocol buffer, and wireInUnit that of all elements
	// from the unit down to the node; nil where keys come between.
	wire, wireInUnit []byte

	field  int          // index of the field in the parent's struct
	goType reflect.Type // struct of a container or list entry

	// twin is, for a state container, the config container next to it, and
	// for a leaf of a state container the config leaf that it repeats.
	twin *Node
	// target is, for a leafref to another list, the list whose key it names.
	target *Node
	// keyOf is, for the leaf of a config or state container that a key refers
	// to, the list entry's key leaf.
	keyOf  *Node
	unique [][]*Node
	musts  []rule
	when   *rule
}

// Child returns the child of that name, nil if there is none.
func (n *Node) Child(name string) *Node { return n.children[name] }

// Holds reports whether other is n or one of its descendants.
func (n *Node) Holds(other *Node) bool {
	return n.first <= other.first && other.first <= n.last
}

// IsLeaf reports whether the node is a leaf or a leaf-list.
func (n *Node) IsLeaf() bool { return n.Kind == Leaf || n.Kind == LeafList }

// Repeats reports whether the node is a state leaf that shows the value of a
// config leaf.
func (n *Node) Repeats() bool { return n.IsLeaf() && n.twin != nil }

// SchemaPath returns the path of the node without keys.
func (n *Node) SchemaPath() string {
	if n.Parent == nil {
		return "/"
	}
	if n.Parent.Parent == nil {
		return "/" + n.Name
	}
	return n.Parent.SchemaPath() + "/" + n.Name
}

// descendants calls f for n and everything below it.
func (n *Node) descendants(f func(*Node)) {
	f(n)
	for _, c := range n.Children {
		c.descendants(f)
	}
}
