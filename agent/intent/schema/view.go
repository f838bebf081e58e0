package schema

import (
	"reflect"
	"slices"

	"github.com/openifit/openifit/gen/yang"
)

// View is several trees read as one: configuration and state, say. Where two
// of them have a value the first one counts.
type View struct {
	Layers []*yang.Ifit
}

// Location is a place in a view that has something.
type Location struct {
	Path
	// structs are the layers of a container or list entry.
	structs []reflect.Value
	// twins are the layers of the config container that a state container
	// repeats.
	twins []reflect.Value
	value Value // of a leaf
}

// Content selects leaves by what they are.
type Content uint8

// The contents of gNMI's GetRequest.DataType, and what changes by itself.
const (
	All         Content = iota
	Config              // configuration
	State               // state, the configuration it repeats included
	Operational         // state that repeats no configuration
	Pushed              // everything that is not sampled
	Sampled             // everything that is
)

// Has reports whether the content includes a leaf.
func (c Content) Has(leaf *Node) bool {
	switch c {
	case Config:
		return leaf.Config
	case State:
		return !leaf.Config
	case Operational:
		return !leaf.Config && !leaf.Repeats()
	case Pushed:
		return !leaf.Sampled
	case Sampled:
		return leaf.Sampled
	}
	return true
}

// Find returns the places that a pattern means, in ascending order. Containers
// are there as soon as the list entries above them are.
func (s *Schema) Find(p Pattern, view View) []Location {
	at := Location{Path: Path{Node: s.Root}}
	for _, l := range view.Layers {
		if l != nil {
			at.structs = append(at.structs, reflect.ValueOf(&yang.Device{Ifit: l}).Elem())
		}
	}
	found := []Location{at}
	for _, n := range p.Node.lineage() {
		var next []Location
		for _, l := range found {
			if n.Kind == List {
				next = l.appendEntries(next, n, p.Keys[n.keys-1])
				continue
			}
			if c, ok := l.child(n); ok {
				next = append(next, c)
			}
		}
		found = next
	}
	return found
}

// child returns the container or leaf below a location.
func (l Location) child(n *Node) (Location, bool) {
	c := Location{Path: Path{n, l.Keys}}
	if n.IsLeaf() {
		v, ok := l.read(n)
		c.value = v
		return c, ok
	}
	for _, s := range l.structs {
		if f := s.Field(n.field); !f.IsNil() {
			c.structs = append(c.structs, f.Elem())
		}
	}
	if n.twin != nil {
		for _, s := range l.structs {
			if f := s.Field(n.twin.field); !f.IsNil() {
				c.twins = append(c.twins, f.Elem())
			}
		}
	}
	return c, true
}

// read returns the value of a leaf below a location.
func (l Location) read(n *Node) (Value, bool) {
	for _, s := range l.structs {
		if v, ok := n.read(s); ok {
			return v, true
		}
	}
	if n.twin != nil {
		for _, s := range l.twins {
			if v, ok := n.twin.read(s); ok {
				return Value{n, v.v}, true
			}
		}
	}
	return Value{}, false
}

// appendEntries appends the entries of a list below a location.
func (l Location) appendEntries(to []Location, n *Node, key Key) []Location {
	if !key.Any {
		e := Location{Path: Path{n, append(slices.Clip(l.Keys), key.Value)}}
		for _, s := range l.structs {
			if v, ok := n.entry(s, key.Value); ok {
				e.structs = append(e.structs, v)
			}
		}
		if len(e.structs) > 0 {
			to = append(to, e)
		}
		return to
	}
	for _, k := range n.mapKeys(l.structs) {
		e := Location{Path: Path{n, append(slices.Clip(l.Keys), n.Keys[0].Type.text(k))}}
		for _, s := range l.structs {
			if v := s.Field(n.field).MapIndex(k); v.IsValid() && !v.IsNil() {
				e.structs = append(e.structs, v.Elem())
			}
		}
		to = append(to, e)
	}
	return to
}

// Leaves calls f for each leaf with a value at or below the location, and for
// each list entry before its leaves when entry is not nil.
func (l Location) Leaves(c Content, f func(Path, Value), entry func(Path)) {
	if l.Node.IsLeaf() {
		if c.Has(l.Node) {
			f(l.Path, l.value)
		}
		return
	}
	for _, n := range l.Node.Children {
		switch {
		case n.IsLeaf():
			if !c.Has(n) {
				continue
			}
			if v, ok := l.read(n); ok {
				f(Path{n, l.Keys}, v)
			}
		case c == Pushed && n.Sampled, c == Config && !n.Config, c == Sampled && !n.Samples():
		case n.Kind == List:
			for _, e := range l.appendEntries(nil, n, Key{Any: true}) {
				if entry != nil {
					entry(e.Path)
				}
				e.Leaves(c, f, entry)
			}
		default:
			if child, _ := l.child(n); len(child.structs)+len(child.twins) > 0 {
				child.Leaves(c, f, entry)
			}
		}
	}
}

// AppendJSON appends the location as JSON, of RFC 7951 with ietf, and reports
// whether it has content.
func (l Location) AppendJSON(b []byte, c Content, ietf bool) ([]byte, bool) {
	if l.Node.IsLeaf() {
		return l.value.AppendJSON(b, ietf), true
	}
	return l.appendObject(b, c, ietf, true)
}

// appendObject appends an object and reports whether it has content. Members
// carry their module where RFC 7951 wants it: at the top. An inner list entry
// shows its key even if the content does not include it.
func (l Location) appendObject(b []byte, c Content, ietf, top bool) (_ []byte, content bool) {
	b = append(b, '{')
	filled := false
	for _, n := range l.Node.Children {
		start := len(b)
		if filled {
			b = append(b, ',')
		}
		b = append(b, '"')
		if ietf && (top || n.Module != l.Node.Module) {
			b = append(append(b, n.Module...), ':')
		}
		b = append(append(b, n.Name...), '"', ':')
		if !top && l.Node.Kind == List && n == l.Node.Keys[0] && !c.Has(n) {
			v, _ := l.read(n)
			b = v.AppendJSON(b, ietf)
			filled = true
			continue
		}
		ok := false
		b, ok = l.appendMember(b, n, c, ietf)
		if !ok {
			b = b[:start]
			continue
		}
		filled, content = true, true
	}
	return append(b, '}'), content
}

func (l Location) appendMember(b []byte, n *Node, c Content, ietf bool) ([]byte, bool) {
	switch {
	case n.IsLeaf():
		if !c.Has(n) {
			return b, false
		}
		v, ok := l.read(n)
		if !ok {
			return b, false
		}
		return v.AppendJSON(b, ietf), true
	case c == Config && !n.Config:
		return b, false
	case n.Kind == List:
		b = append(b, '[')
		filled := false
		for _, e := range l.appendEntries(nil, n, Key{Any: true}) {
			start := len(b)
			if filled {
				b = append(b, ',')
			}
			ok := false
			if b, ok = e.appendObject(b, c, ietf, false); !ok {
				b = b[:start]
				continue
			}
			filled = true
		}
		return append(b, ']'), filled
	}
	child, _ := l.child(n)
	if len(child.structs)+len(child.twins) == 0 {
		return b, false
	}
	return child.appendObject(b, c, ietf, false)
}
