package schema

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	goyang "github.com/openconfig/goyang/pkg/yang"

	"github.com/openifit/openifit/gen/yang"
)

// Schema is the agent's schema tree. It is safe for concurrent use.
type Schema struct {
	// Root is the node above /ifit.
	Root *Node
	// Ifit is /ifit.
	Ifit *Node

	nodes    []*Node           // by Node.first
	prefixes map[string]string // YANG prefix to module
}

// Load builds the schema tree from the modules that are embedded in gen/yang.
// It fails when the generated code uses YANG that this package does not know.
func Load() (*Schema, error) {
	entries, err := yang.UnzipSchema()
	if err != nil {
		return nil, fmt.Errorf("unpack the embedded schema: %w", err)
	}
	device := entries["Device"]
	if device == nil {
		return nil, errors.New("the embedded schema has no root")
	}
	b := builder{s: &Schema{prefixes: map[string]string{}}}
	root := &Node{Kind: Container, Config: true, goType: reflect.TypeFor[yang.Device](), children: map[string]*Node{}}
	if err := b.fill(root, device); err != nil {
		return nil, err
	}
	b.s.Root, b.s.Ifit = root, root.Child("ifit")
	if b.s.Ifit == nil {
		return nil, errors.New("the embedded schema has no /ifit")
	}
	b.number(root)
	if err := b.link(); err != nil {
		return nil, err
	}
	b.s.wirePaths()
	return b.s, nil
}

// builder turns goyang entries into nodes.
type builder struct {
	s    *Schema
	refs []leafref
}

// leafref is a leaf whose type is known only when all nodes are.
type leafref struct {
	node *Node
	path string
}

// fill makes the children of n from the fields of its struct.
func (b *builder) fill(n *Node, e *goyang.Entry) error {
	for i := range n.goType.NumField() {
		f := n.goType.Field(i)
		name := f.Tag.Get("path")
		if name == "" {
			continue
		}
		entry := e.Dir[name]
		if entry == nil {
			return fmt.Errorf("%s/%s is not in the embedded schema", n.SchemaPath(), name)
		}
		c := &Node{
			Name: name, Module: f.Tag.Get("module"), Parent: n, field: i,
			Config:    n.Config && entry.Config != goyang.TSFalse,
			Sampled:   n.Sampled || hasExtension(entry, "sampled"),
			Mandatory: entry.Mandatory == goyang.TSTrue,
			children:  map[string]*Node{},
			keys:      n.keys,
			elem:      &gpb.PathElem{Name: name},
		}
		if entry.Prefix != nil {
			b.s.prefixes[entry.Prefix.Name] = c.Module
		}
		if err := b.node(c, entry, f.Type); err != nil {
			return fmt.Errorf("%s: %w", c.SchemaPath(), err)
		}
		n.Children = append(n.Children, c)
		n.children[name] = c
	}
	slices.SortFunc(n.Children, func(a, b *Node) int { return strings.Compare(a.Name, b.Name) })
	return nil
}

func (b *builder) node(n *Node, e *goyang.Entry, t reflect.Type) error {
	var err error
	if n.musts, err = rules(e, "must"); err != nil {
		return err
	}
	whens, err := rules(e, "when")
	if err != nil {
		return err
	}
	if len(whens) > 0 {
		n.when = &whens[0]
	}
	switch {
	case e.IsList():
		n.Kind = List
		if t.Kind() != reflect.Map || t.Elem().Kind() != reflect.Pointer {
			return fmt.Errorf("list is held in a %v", t)
		}
		n.goType = t.Elem().Elem()
		names := strings.Fields(e.Key)
		if len(names) != 1 {
			return fmt.Errorf("list has %d keys, only 1 is supported", len(names))
		}
		n.keys++
		if err := b.fill(n, e); err != nil {
			return err
		}
		key := n.Child(names[0])
		if key == nil {
			return fmt.Errorf("no key leaf %s", names[0])
		}
		n.Keys = []*Node{key}
		n.elem = nil
		return n.readUnique(e)
	case e.IsLeaf(), e.IsLeafList():
		n.Kind = Leaf
		if e.IsLeafList() {
			n.Kind = LeafList
			if t.Kind() != reflect.Slice {
				return fmt.Errorf("leaf-list is held in a %v", t)
			}
			t = t.Elem()
		}
		if e.Type.Name == "counter64" {
			n.Sampled = true
		}
		if len(e.Default) > 1 || n.Kind == LeafList && len(e.Default) > 0 {
			return errors.New("defaults of leaf-lists are not supported")
		}
		if len(e.Default) == 1 {
			n.Default = e.Default[0]
		}
		if e.Type.Kind == goyang.Yleafref {
			b.refs = append(b.refs, leafref{n, e.Type.Path})
			return nil
		}
		if t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		n.Type, err = newType(e.Type, t)
		return err
	case e.IsContainer():
		n.Kind = Container
		if t.Kind() != reflect.Pointer || t.Elem().Kind() != reflect.Struct {
			return fmt.Errorf("container is held in a %v", t)
		}
		n.goType = t.Elem()
		return b.fill(n, e)
	}
	return errors.New("neither container, list nor leaf")
}

// readUnique reads the unique statements of a list.
func (n *Node) readUnique(e *goyang.Entry) error {
	for _, text := range extraNames(e, "unique") {
		var leaves []*Node
		for _, p := range strings.Fields(text) {
			leaf := n
			for _, step := range strings.Split(p, "/") {
				if leaf = leaf.Child(step); leaf == nil {
					return fmt.Errorf("unique %q names no leaf", text)
				}
			}
			leaves = append(leaves, leaf)
		}
		n.unique = append(n.unique, leaves)
	}
	return nil
}

func (b *builder) number(n *Node) {
	n.first = len(b.s.nodes)
	b.s.nodes = append(b.s.nodes, n)
	for _, c := range n.Children {
		b.number(c)
	}
	n.last = len(b.s.nodes) - 1
}

// link resolves what one node knows of others.
func (b *builder) link() error {
	for _, section := range b.s.Ifit.Children {
		unit := section
		if list := section.list(); list != nil {
			unit = list
		}
		unit.descendants(func(n *Node) { n.unit = unit })
	}
	for _, r := range b.refs {
		target, err := b.follow(r)
		if err != nil {
			return fmt.Errorf("%s: %w", r.node.SchemaPath(), err)
		}
		list := r.node.Parent
		if list.Kind == List && target.Parent.Parent == list {
			target.keyOf = r.node
			r.node.Type = target.Type
			continue
		}
		if target.Parent.Parent.Kind != List || target.Parent.Parent.Keys[0].Name != target.Name {
			return fmt.Errorf("%s: leafref %s leads to no list key", r.node.SchemaPath(), r.path)
		}
		r.node.Type, r.node.target = target.Type, target.Parent.Parent
	}
	for _, n := range b.s.nodes {
		if n.IsLeaf() && n.Type == nil {
			return fmt.Errorf("%s: its type is a leafref to a leafref", n.SchemaPath())
		}
		if n.Default != "" {
			if _, err := n.Type.parse(scalar{formText, n.Default}); err != nil {
				return fmt.Errorf("%s: default: %w", n.SchemaPath(), err)
			}
		}
		if n.Kind == Container && !n.Config && n.Name == "state" && n.Parent.Child("config") != nil {
			n.twin = n.Parent.Child("config")
			for _, leaf := range n.Children {
				if c := n.twin.Child(leaf.Name); c != nil && leaf.IsLeaf() {
					leaf.twin = c
					if c.keyOf != nil {
						leaf.keyOf = c.keyOf
					}
				}
			}
		}
	}
	return nil
}

// follow walks the path of a leafref, absolute or relative.
func (b *builder) follow(r leafref) (*Node, error) {
	n := r.node
	path := r.path
	if strings.HasPrefix(path, "/") {
		n, path = b.s.Root, path[1:]
	}
	for _, step := range strings.Split(path, "/") {
		if step == ".." {
			n = n.Parent
		} else {
			_, name, ok := strings.Cut(step, ":")
			if !ok {
				name = step
			}
			n = n.Child(name)
		}
		if n == nil {
			return nil, fmt.Errorf("leafref %s leads nowhere", r.path)
		}
	}
	if !n.IsLeaf() {
		return nil, fmt.Errorf("leafref %s leads to no leaf", r.path)
	}
	return n, nil
}

func hasExtension(e *goyang.Entry, name string) bool {
	return slices.ContainsFunc(e.Exts, func(s *goyang.Statement) bool {
		_, local, ok := strings.Cut(s.Keyword, ":")
		return ok && local == name
	})
}

// extraNames returns the arguments of the statements that goyang keeps as they
// are; ygot embeds them as JSON.
func extraNames(e *goyang.Entry, keyword string) []string {
	var names []string
	for _, x := range e.Extra[keyword] {
		if m, ok := x.(map[string]any); ok {
			if name, ok := m["Name"].(string); ok {
				names = append(names, name)
			}
		}
	}
	return names
}
