package schema

import (
	"cmp"
	"reflect"
	"slices"
	"strings"
)

// cursor is a place in a tree of structs with the way to it.
type cursor struct {
	up   *cursor
	node *Node
	v    reflect.Value // struct; not valid where the tree has none
}

// read returns the value of the leaf in its parent's struct.
func (n *Node) read(parent reflect.Value) (Value, bool) {
	f := parent.Field(n.field)
	switch f.Kind() {
	case reflect.Pointer:
		if f.IsNil() {
			return Value{}, false
		}
		return Value{n, f.Elem()}, true
	case reflect.Slice:
		return Value{n, f}, f.Len() > 0
	case reflect.Interface:
		if f.IsNil() {
			return Value{}, false
		}
		return Value{n, f.Elem()}, true
	case reflect.Int64:
		// An enumeration; its zero stands for unset.
		return Value{n, f}, f.Int() != 0
	}
	return Value{n, f}, true
}

// write sets the leaf in its parent's struct. v has the type's Go type, or is
// a slice of them for a leaf-list.
func (n *Node) write(parent, v reflect.Value) {
	f := parent.Field(n.field)
	if f.Kind() == reflect.Pointer {
		p := reflect.New(f.Type().Elem())
		p.Elem().Set(v)
		v = p
	}
	f.Set(v)
}

// entry returns the struct of a list entry, and whether the list has it.
func (n *Node) entry(parent reflect.Value, key string) (reflect.Value, bool) {
	m := parent.Field(n.field)
	if m.Len() == 0 {
		return reflect.Value{}, false
	}
	k, err := n.mapKey(key)
	if err != nil {
		return reflect.Value{}, false
	}
	e := m.MapIndex(k)
	if !e.IsValid() || e.IsNil() {
		return reflect.Value{}, false
	}
	return e.Elem(), true
}

// mapKey converts the text of a list key to the key of the Go map.
func (n *Node) mapKey(key string) (reflect.Value, error) {
	return n.Keys[0].Type.parse(scalar{formText, key})
}

// mapKeys returns the keys of the list in all given parents, each once, in
// ascending order.
func (n *Node) mapKeys(parents []reflect.Value) []reflect.Value {
	var keys []reflect.Value
	filled := 0
	for _, p := range parents {
		m := p.Field(n.field)
		if m.Len() > 0 {
			filled++
			keys = append(keys, m.MapKeys()...)
		}
	}
	slices.SortFunc(keys, compareKeys)
	if filled > 1 {
		keys = slices.CompactFunc(keys, func(a, b reflect.Value) bool { return compareKeys(a, b) == 0 })
	}
	return keys
}

func compareKeys(a, b reflect.Value) int {
	switch {
	case a.Kind() == reflect.String:
		return strings.Compare(a.String(), b.String())
	case a.CanInt():
		return cmp.Compare(a.Int(), b.Int())
	default:
		return cmp.Compare(a.Uint(), b.Uint())
	}
}
