package schema

import (
	"reflect"
	"slices"
	"strings"
)

// Ref is a use of a list entry by a leafref.
type Ref struct {
	From Path   // the leaf
	List *Node  // the list that it refers to
	Key  string // key of the entry
}

// checker walks one unit of the effective configuration.
type checker struct {
	refs []Ref
}

// check verifies everything below a node that its type alone does not:
// mandatory leaves, unique, must and when. It collects the leafrefs on the
// way. src is the configuration as it was given, for the nodes that the
// effective one left out.
func (c *checker) check(at *cursor, src reflect.Value, p Path) error {
	for _, r := range at.node.musts {
		if !r.expr.eval(*at).bool() {
			return badValue(p.String(), "%s", r.reason())
		}
	}
	for _, n := range at.node.Children {
		if !n.Config {
			continue
		}
		child := Path{n, p.Keys}
		if n.when != nil && !n.applies(at) {
			if src.IsValid() && n.configured(src) {
				return badValue(child.String(), "does not apply here: when %q", n.when.text)
			}
			continue
		}
		if err := c.checkChild(at, src, child); err != nil {
			return err
		}
	}
	return nil
}

func (c *checker) checkChild(at *cursor, src reflect.Value, p Path) error {
	n := p.Node
	if n.IsLeaf() {
		v, ok := n.read(at.v)
		if !ok {
			if n.Mandatory {
				return badValue(p.String(), "is mandatory and missing")
			}
			return nil
		}
		if n.target != nil {
			for _, key := range v.xpathValues() {
				c.refs = append(c.refs, Ref{p, n.target, key})
			}
		}
		if len(n.musts) > 0 {
			leaf := cursor{at, n, reflect.Value{}}
			for _, r := range n.musts {
				if !r.expr.eval(leaf).bool() {
					return badValue(p.String(), "%s", r.reason())
				}
			}
		}
		return nil
	}
	field := at.v.Field(n.field)
	var inner reflect.Value
	if src.IsValid() {
		inner = src.Field(n.field)
	}
	if n.Kind == List {
		if err := n.checkUnique(at.v, p); err != nil {
			return err
		}
		for _, k := range n.mapKeys([]reflect.Value{at.v}) {
			keys := append(slices.Clip(p.Keys), n.Keys[0].Type.text(k))
			var from reflect.Value
			if inner.IsValid() {
				from = inner.MapIndex(k).Elem()
			}
			if err := c.check(&cursor{at, n, field.MapIndex(k).Elem()}, from, Path{n, keys}); err != nil {
				return err
			}
		}
		return nil
	}
	if inner.IsValid() {
		inner = inner.Elem()
	}
	if field.IsNil() {
		// Without content only a mandatory leaf or a when can be wrong.
		if inner.IsValid() || n.needs() {
			return c.check(&cursor{at, n, reflect.Zero(n.goType)}, inner, p)
		}
		return nil
	}
	return c.check(&cursor{at, n, field.Elem()}, inner, p)
}

// needs reports whether the container has a mandatory leaf that no list entry
// stands above.
func (n *Node) needs() bool {
	return slices.ContainsFunc(n.Children, func(c *Node) bool {
		return c.Config && (c.Mandatory || c.Kind == Container && c.needs())
	})
}

// configured reports whether the field of the node in its parent has content.
func (n *Node) configured(parent reflect.Value) bool {
	if n.IsLeaf() {
		_, ok := n.read(parent)
		return ok
	}
	f := parent.Field(n.field)
	if n.Kind == List {
		return f.Len() > 0
	}
	if f.IsNil() {
		return false
	}
	return slices.ContainsFunc(n.Children, func(c *Node) bool { return c.Config && c.configured(f.Elem()) })
}

// checkUnique verifies the unique statements of a list.
func (n *Node) checkUnique(parent reflect.Value, p Path) error {
	for _, leaves := range n.unique {
		seen := map[string]string{}
		for _, k := range n.mapKeys([]reflect.Value{parent}) {
			entry := parent.Field(n.field).MapIndex(k).Elem()
			tuple, complete := uniqueTuple(n, entry, leaves)
			if !complete {
				continue
			}
			key := n.Keys[0].Type.text(k)
			if other, ok := seen[tuple]; ok {
				names := make([]string, len(leaves))
				for i, l := range leaves {
					names[i] = l.Name
				}
				return badValue(Path{n, append(slices.Clip(p.Keys), key)}.String(),
					"%s is not unique: the entry %q has it too", strings.Join(names, ", "), other)
			}
			seen[tuple] = key
		}
	}
	return nil
}

// uniqueTuple returns the values of the leaves below a list entry as one text,
// and whether all of them are there.
func uniqueTuple(list *Node, entry reflect.Value, leaves []*Node) (string, bool) {
	var b strings.Builder
	for _, leaf := range leaves {
		var way []*Node
		for n := leaf.Parent; n != list; n = n.Parent {
			way = append(way, n)
		}
		v := entry
		for _, n := range slices.Backward(way) {
			f := v.Field(n.field)
			if f.IsNil() {
				return "", false
			}
			v = f.Elem()
		}
		val, ok := leaf.read(v)
		if !ok {
			return "", false
		}
		b.WriteString(val.String())
		b.WriteByte(0)
	}
	return b.String(), true
}
