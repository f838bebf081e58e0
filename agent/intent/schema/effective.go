package schema

import "reflect"

// effective copies the configuration in src, adding the defaults in use and
// leaving out containers without content. It returns an invalid value when
// nothing is left. at is where the copy will be.
func (n *Node) effective(src reflect.Value, up *cursor) reflect.Value {
	dst := reflect.New(n.goType)
	at := &cursor{up, n, dst.Elem()}
	content := n.Kind == List
	var late []*Node
	for _, c := range n.Children {
		if !c.Config {
			continue
		}
		if c.when != nil {
			late = append(late, c)
			continue
		}
		if c.effectiveChild(src, at) {
			content = true
		}
	}
	// A when looks at leaves of its surroundings, which have to be there.
	for _, c := range late {
		if c.applies(at) && c.effectiveChild(src, at) {
			content = true
		}
	}
	if !content {
		return reflect.Value{}
	}
	return dst
}

// applies reports whether the node exists for its parent at that place.
func (n *Node) applies(parent *cursor) bool {
	return n.when == nil || n.when.expr.eval(cursor{up: parent, node: n}).bool()
}

// effectiveChild fills one child of the struct at the cursor, and reports
// whether it has content. src is not valid where nothing was configured.
func (n *Node) effectiveChild(src reflect.Value, at *cursor) bool {
	dst := at.v.Field(n.field)
	var from reflect.Value
	if src.IsValid() {
		from = src.Field(n.field)
	}
	switch n.Kind {
	case Leaf, LeafList:
		if src.IsValid() {
			if _, ok := n.read(src); ok {
				dst.Set(from)
				return true
			}
		}
		if n.Default == "" {
			return false
		}
		v, err := n.Type.parse(scalar{formText, n.Default})
		if err != nil {
			// Load has parsed every default.
			return false
		}
		n.write(at.v, v)
		return true
	case List:
		if !from.IsValid() || from.Len() == 0 {
			return false
		}
		entries := reflect.MakeMapWithSize(from.Type(), from.Len())
		for it := from.MapRange(); it.Next(); {
			entries.SetMapIndex(it.Key(), n.effective(it.Value().Elem(), at))
		}
		dst.Set(entries)
		return true
	}
	var inner reflect.Value
	if from.IsValid() && !from.IsNil() {
		inner = from.Elem()
	}
	c := n.effective(inner, at)
	if !c.IsValid() {
		return false
	}
	dst.Set(c)
	return true
}
