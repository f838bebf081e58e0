package schema

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
)

// Update merges a value into the draft at a path.
func (d *Draft) Update(p Path, v *gpb.TypedValue) error { return d.put(p, v, false) }

// Replace puts a value in the place of whatever is at a path.
func (d *Draft) Replace(p Path, v *gpb.TypedValue) error { return d.put(p, v, true) }

func (d *Draft) put(p Path, v *gpb.TypedValue, replace bool) error {
	n := p.Node
	if !n.Config {
		return badValue(p.String(), "is state and cannot be set")
	}
	text, isJSON := jsonOf(v)
	if !isJSON {
		if !n.IsLeaf() {
			return badValue(p.String(), "is no leaf; its value must be JSON")
		}
		vals, list, reason := scalars(v)
		if reason != "" {
			return badValue(p.String(), "%s", reason)
		}
		return d.putLeaf(p, vals, list)
	}
	value, err := parseJSON(text)
	if err != nil {
		return badValue(p.String(), "%v", err)
	}
	return d.putJSON(p, value, replace)
}

func jsonOf(v *gpb.TypedValue) ([]byte, bool) {
	switch x := v.GetValue().(type) {
	case *gpb.TypedValue_JsonVal:
		return x.JsonVal, true
	case *gpb.TypedValue_JsonIetfVal:
		return x.JsonIetfVal, true
	}
	return nil, false
}

// putJSON writes a parsed JSON value at a path, which is the place that a gNMI
// operation names.
func (d *Draft) putJSON(p Path, value jsonValue, replace bool) error {
	n := p.Node
	switch {
	case n.IsLeaf():
		return d.mergeLeaf(p, value)
	case n.Kind == List && len(p.Keys) < n.keys:
		if value.kind != jsonArray {
			return badValue(p.String(), "%s; a list without its key needs a JSON array of entries", value.describe())
		}
	case value.kind != jsonObject:
		return badValue(p.String(), "%s where a JSON object is expected", value.describe())
	case n.Kind == List && len(value.members) == 0:
		return badValue(p.String(), "an empty object is no list entry")
	}
	if replace {
		if err := d.remove(p); err != nil {
			return err
		}
	}
	if n.Kind == List && len(p.Keys) < n.keys {
		parent, err := d.descend(Path{n.Parent, p.Keys})
		if err != nil {
			return err
		}
		return d.mergeList(parent, p, value)
	}
	if p.Node.unit != nil {
		d.touch(p)
	}
	v, err := d.descend(p)
	if err != nil {
		return err
	}
	return d.mergeObject(v, p, value)
}

// mergeObject writes the members of an object into the struct of a container
// or list entry.
func (d *Draft) mergeObject(v reflect.Value, p Path, obj jsonValue) error {
	seen := map[*Node]bool{}
	for _, m := range obj.members {
		c, err := p.Node.member(p, m.name)
		if err != nil {
			return err
		}
		child := Path{c, p.Keys}
		if seen[c] {
			return badValue(child.String(), "is given twice")
		}
		seen[c] = true
		if !c.Config {
			return badValue(child.String(), "is state and cannot be set")
		}
		switch c.Kind {
		case Leaf, LeafList:
			err = d.mergeLeafInto(v, child, m.value)
		case List:
			err = d.mergeList(v, child, m.value)
		case Container:
			if m.value.kind != jsonObject {
				return badValue(child.String(), "%s where a JSON object is expected", m.value.describe())
			}
			if c.unit == c {
				d.touch(child)
			}
			err = d.mergeObject(d.own(v.Field(c.field)), child, m.value)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// member finds the child that a member name means, with or without module.
func (n *Node) member(p Path, name string) (*Node, error) {
	module, local, qualified := strings.Cut(name, ":")
	if !qualified {
		local = name
	}
	c := n.Child(local)
	if c == nil {
		return nil, badValue(p.String(), "the model has no %q here", clip(name))
	}
	if qualified && module != c.Module {
		return nil, badValue(p.String(), "%q: %s is defined in module %s", clip(name), local, c.Module)
	}
	return c, nil
}

// mergeList writes an array of entries. parent is the struct that holds the
// list.
func (d *Draft) mergeList(parent reflect.Value, p Path, arr jsonValue) error {
	n := p.Node
	if arr.kind != jsonArray {
		return badValue(p.String(), "%s where a JSON array of entries is expected", arr.describe())
	}
	seen := map[string]bool{}
	for i, item := range arr.items {
		if item.kind != jsonObject {
			return badValue(p.String(), "entry %d: %s where a JSON object is expected", i, item.describe())
		}
		key, err := n.keyIn(item)
		if err != nil {
			return badValue(p.String(), "entry %d: %v", i, err)
		}
		child := Path{n, append(slices.Clip(p.Keys), key)}
		if seen[key] {
			return badValue(child.String(), "is given twice")
		}
		seen[key] = true
		d.touch(child)
		e, err := d.ownEntry(parent, n, key)
		if err != nil {
			return badValue(child.String(), "%v", err)
		}
		if err := d.mergeObject(e, child, item); err != nil {
			return err
		}
	}
	return nil
}

// keyIn returns the canonical key of an entry: the key leaf, or the leaf of
// its config container that it refers to.
func (n *Node) keyIn(obj jsonValue) (string, error) {
	key := n.Keys[0]
	find := func(o jsonValue, name string) (jsonValue, bool) {
		for _, m := range o.members {
			if _, local, ok := strings.Cut(m.name, ":"); m.name == name || ok && local == name {
				return m.value, true
			}
		}
		return jsonValue{}, false
	}
	v, ok := find(obj, key.Name)
	if !ok {
		if cfg, has := find(obj, "config"); has {
			v, ok = find(cfg, key.Name)
		}
	}
	if !ok {
		return "", fmt.Errorf("its key %s is missing", key.Name)
	}
	if v.kind != jsonScalar {
		return "", fmt.Errorf("key %s: %s is no %s", key.Name, v.describe(), key.Type.Name)
	}
	parsed, err := key.Type.parse(v.scalar)
	if err != nil {
		return "", fmt.Errorf("key %s: %w", key.Name, err)
	}
	return key.Type.text(parsed), nil
}

// mergeLeaf writes a JSON value to a leaf named by its path.
func (d *Draft) mergeLeaf(p Path, value jsonValue) error {
	vals, list, err := leafScalars(p, value)
	if err != nil {
		return err
	}
	return d.putLeaf(p, vals, list)
}

func (d *Draft) mergeLeafInto(parent reflect.Value, p Path, value jsonValue) error {
	vals, list, err := leafScalars(p, value)
	if err != nil {
		return err
	}
	return writeLeaf(parent, p, vals, list)
}

func leafScalars(p Path, value jsonValue) (vals []scalar, list bool, err error) {
	switch value.kind {
	case jsonScalar:
		return []scalar{value.scalar}, false, nil
	case jsonArray:
		for _, item := range value.items {
			if item.kind != jsonScalar {
				return nil, true, badValue(p.String(), "%s in a leaf-list", item.describe())
			}
			vals = append(vals, item.scalar)
		}
		return vals, true, nil
	}
	return nil, false, badValue(p.String(), "%s is no value of a leaf", value.describe())
}

// putLeaf writes scalars to a leaf named by its path.
func (d *Draft) putLeaf(p Path, vals []scalar, list bool) error {
	// Checked before anything is made on the way there.
	parsed, err := parseLeaf(p, vals, list)
	if err != nil {
		return err
	}
	d.touch(p)
	parent, err := d.descend(Path{p.Node.Parent, p.Keys})
	if err != nil {
		return err
	}
	p.Node.write(parent, parsed)
	return nil
}

func writeLeaf(parent reflect.Value, p Path, vals []scalar, list bool) error {
	parsed, err := parseLeaf(p, vals, list)
	if err != nil {
		return err
	}
	p.Node.write(parent, parsed)
	return nil
}

// parseLeaf converts scalars to the Go value of a leaf or leaf-list.
func parseLeaf(p Path, vals []scalar, list bool) (reflect.Value, error) {
	n := p.Node
	if n.Kind == LeafList {
		if !list {
			return reflect.Value{}, badValue(p.String(), "a leaf-list needs a list of values, not %s", vals[0])
		}
		return parseLeafList(p, vals)
	}
	if list {
		return reflect.Value{}, badValue(p.String(), "a list of values for a single leaf")
	}
	v, err := n.Type.parse(vals[0])
	if err != nil {
		return v, badValue(p.String(), "%v", err)
	}
	if n.isKey() {
		if got, want := n.Type.text(v), p.Keys[n.keys-1]; got != want {
			return v, badValue(p.String(), "%q contradicts the key %q of its list entry", clip(got), want)
		}
	}
	return v, nil
}

func parseLeafList(p Path, vals []scalar) (reflect.Value, error) {
	n := p.Node
	slice := reflect.MakeSlice(reflect.SliceOf(n.Type.goType), 0, len(vals))
	seen := map[string]bool{}
	for _, s := range vals {
		v, err := n.Type.parse(s)
		if err != nil {
			return v, badValue(p.String(), "%v", err)
		}
		text := n.Type.text(v)
		if seen[text] {
			return v, badValue(p.String(), "%q is given twice", clip(text))
		}
		seen[text] = true
		slice = reflect.Append(slice, v)
	}
	return slice, nil
}
