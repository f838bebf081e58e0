package schema

import (
	"reflect"
	"slices"
	"unsafe"

	"github.com/openifit/openifit/gen/yang"
)

// Draft is a configuration that is being changed. It shares everything with
// the one it came from that it did not have to touch, and never modifies it.
type Draft struct {
	s    *Schema
	root *yang.Device
	// mine are the structs and maps that the draft made itself.
	mine map[unsafe.Pointer]struct{}
	// touched are the units that were changed or made, by their IDs; wide says
	// that something above units was, so that they do not tell all.
	touched map[string]Path
	wide    bool
}

// Edit starts a draft from a configuration, which may be nil.
func (s *Schema) Edit(ifit *yang.Ifit) *Draft {
	return &Draft{
		s: s, root: &yang.Device{Ifit: ifit},
		mine: map[unsafe.Pointer]struct{}{}, touched: map[string]Path{},
	}
}

// Ifit returns the configuration as changed so far.
func (d *Draft) Ifit() *yang.Ifit {
	if d.root.Ifit == nil {
		return &yang.Ifit{}
	}
	return d.root.Ifit
}

// own returns the struct that a pointer field leads to, made or copied so that
// the draft may modify it.
func (d *Draft) own(f reflect.Value) reflect.Value {
	if _, ok := d.mine[f.UnsafePointer()]; !ok || f.IsNil() {
		p := reflect.New(f.Type().Elem())
		if !f.IsNil() {
			p.Elem().Set(f.Elem())
		}
		d.mine[p.UnsafePointer()] = struct{}{}
		f.Set(p)
	}
	return f.Elem()
}

// ownMap returns the map of a list, made or copied likewise.
func (d *Draft) ownMap(f reflect.Value) reflect.Value {
	if _, ok := d.mine[f.UnsafePointer()]; !ok || f.IsNil() {
		m := reflect.MakeMapWithSize(f.Type(), f.Len()+1)
		for it := f.MapRange(); it.Next(); {
			m.SetMapIndex(it.Key(), it.Value())
		}
		d.mine[m.UnsafePointer()] = struct{}{}
		f.Set(m)
	}
	return f
}

// ownEntry returns an entry of a list, made with its key or copied likewise.
func (d *Draft) ownEntry(parent reflect.Value, n *Node, key string) (reflect.Value, error) {
	k, err := n.mapKey(key)
	if err != nil {
		return reflect.Value{}, err
	}
	m := d.ownMap(parent.Field(n.field))
	e := m.MapIndex(k)
	if e.IsValid() {
		if _, ok := d.mine[e.UnsafePointer()]; ok {
			return e.Elem(), nil
		}
	}
	p := reflect.New(n.goType)
	if e.IsValid() {
		p.Elem().Set(e.Elem())
	}
	d.mine[p.UnsafePointer()] = struct{}{}
	m.SetMapIndex(k, p)
	d.writeKeys(n, p.Elem(), k)
	return p.Elem(), nil
}

// writeKeys gives a list entry its key leaf and the config leaf that the key
// refers to.
func (d *Draft) writeKeys(list *Node, entry, key reflect.Value) {
	list.Keys[0].write(entry, key)
	for _, c := range list.Children {
		if !c.Config || c.Kind != Container {
			continue
		}
		for _, leaf := range c.Children {
			if leaf.keyOf == list.Keys[0] {
				leaf.write(d.own(entry.Field(c.field)), key)
			}
		}
	}
}

// touch notes that a place is about to change.
func (d *Draft) touch(p Path) {
	if unit, ok := d.s.Unit(p); ok {
		d.touched[unit.ID()] = unit
	} else {
		d.wide = true
	}
}

// Touched returns the units that the draft may have changed since it was begun
// from the configuration before, in ascending order.
func (d *Draft) Touched(before *yang.Ifit) []Path {
	if d.wide {
		return d.s.Touched(before, d.Ifit())
	}
	units := make([]Path, 0, len(d.touched))
	for _, u := range d.touched {
		units = append(units, u)
	}
	slices.SortFunc(units, comparePaths)
	return units
}

// descend returns the struct at a path, made on the way if need be.
func (d *Draft) descend(p Path) (reflect.Value, error) {
	v := reflect.ValueOf(d.root).Elem()
	for _, n := range p.Node.lineage() {
		if n.Kind == List {
			e, err := d.ownEntry(v, n, p.Keys[n.keys-1])
			if err != nil {
				return v, badValue(p.String(), "%v", err)
			}
			v = e
			continue
		}
		v = d.own(v.Field(n.field))
	}
	return v, nil
}

// lineage returns the nodes from below the root to n.
func (n *Node) lineage() []*Node {
	var way []*Node
	for ; n.Parent != nil; n = n.Parent {
		way = append(way, n)
	}
	slices.Reverse(way)
	return way
}

// Delete removes what the patterns mean; what is not there is fine. Patterns
// that came from wildcards skip state and keys, a single one must not name
// them.
func (d *Draft) Delete(patterns []Pattern) error {
	if len(patterns) == 1 {
		if err := deletable(patterns[0]); err != nil {
			return err
		}
	}
	for _, p := range Outermost(patterns) {
		if deletable(p) != nil {
			continue
		}
		view := View{[]*yang.Ifit{d.Ifit()}}
		for _, found := range d.s.Find(p, view) {
			if err := d.remove(found.Path); err != nil {
				return err
			}
		}
	}
	return nil
}

func deletable(p Pattern) error {
	switch {
	case !p.Node.Config:
		return badValue(p.String(), "is state and cannot be deleted")
	case p.Node.isKey():
		return badValue(p.String(), "is a list key; delete the list entry")
	}
	return nil
}

// isKey reports whether the leaf is a key or the config leaf behind one.
func (n *Node) isKey() bool {
	return n.keyOf != nil || n.Parent != nil && n.Parent.Kind == List && n.Parent.Keys[0] == n
}

// remove deletes one place that exists.
func (d *Draft) remove(p Path) error {
	n := p.Node
	d.touch(p)
	if n.Parent == nil {
		d.root.Ifit = nil
		return nil
	}
	parent := Path{n.Parent, p.Keys}
	if n.Kind == List {
		parent.Keys = p.Keys[:n.keys-1]
	}
	v, err := d.descend(parent)
	if err != nil {
		return err
	}
	if n.Kind == List && len(p.Keys) == n.keys {
		k, err := n.mapKey(p.Keys[n.keys-1])
		if err != nil {
			return badValue(p.String(), "%v", err)
		}
		d.ownMap(v.Field(n.field)).SetMapIndex(k, reflect.Value{})
		return nil
	}
	v.Field(n.field).SetZero()
	if n.Parent.Kind == List {
		// The config container may have held the leaf behind the key.
		k, err := n.Parent.mapKey(p.Keys[len(p.Keys)-1])
		if err != nil {
			return badValue(p.String(), "%v", err)
		}
		d.writeKeys(n.Parent, v, k)
	}
	return nil
}
