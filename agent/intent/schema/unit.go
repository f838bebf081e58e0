package schema

import (
	"reflect"
	"slices"

	"github.com/openifit/openifit/gen/yang"
)

// A unit is what is checked, numbered and saved as a whole: an entry of a list
// right below /ifit, such as a policy, or a container there without such a
// list, such as limits.

// list returns the list that the units of a section are entries of, nil when
// the section is itself a unit.
func (n *Node) list() *Node {
	if len(n.Children) == 1 && n.Children[0].Kind == List {
		return n.Children[0]
	}
	return nil
}

// sections calls f for each configurable child of /ifit.
func (s *Schema) sections(f func(*Node)) {
	for _, n := range s.Ifit.Children {
		if n.Config {
			f(n)
		}
	}
}

// Unit returns the unit that a path lies in; false for paths above units.
func (s *Schema) Unit(p Path) (Path, bool) {
	u := p.Node.unit
	if u == nil || len(p.Keys) < u.keys {
		return Path{}, false
	}
	return Path{u, p.Keys[:u.keys]}, true
}

// Touched returns the units that two configurations do not share, in
// ascending order. Drafts share what they did not touch.
func (s *Schema) Touched(before, after *yang.Ifit) []Path {
	var units []Path
	b, a := reflect.ValueOf(before).Elem(), reflect.ValueOf(after).Elem()
	s.sections(func(section *Node) {
		from, to := b.Field(section.field), a.Field(section.field)
		if from.Pointer() == to.Pointer() {
			return
		}
		list := section.list()
		if list == nil {
			units = append(units, Path{Node: section})
			return
		}
		var parents []reflect.Value
		for _, p := range []reflect.Value{from, to} {
			if !p.IsNil() {
				parents = append(parents, p.Elem())
			}
		}
		for _, k := range list.mapKeys(parents) {
			if entryPointer(from, list, k) != entryPointer(to, list, k) {
				units = append(units, Path{list, []string{list.Keys[0].Type.text(k)}})
			}
		}
	})
	slices.SortFunc(units, comparePaths)
	return units
}

func entryPointer(section reflect.Value, list *Node, k reflect.Value) uintptr {
	if section.IsNil() {
		return 0
	}
	e := section.Elem().Field(list.field).MapIndex(k)
	if !e.IsValid() {
		return 0
	}
	return e.Pointer()
}

// Settle brings one unit of an effective configuration in line with the
// configuration as it was given: it fills in the defaults and checks the
// result. It returns the unit's uses of other units.
func (d *Draft) Settle(given *yang.Ifit, unit Path) ([]Ref, error) {
	n := unit.Node
	src := locate(given, unit)
	ifit := &cursor{node: d.s.Root, v: reflect.ValueOf(d.root).Elem()}
	ifit = &cursor{ifit, d.s.Ifit, d.own(ifit.v.Field(d.s.Ifit.field))}

	if n.Kind == List && !src.IsValid() {
		pattern := Pattern{n, []Key{{Value: unit.Keys[0]}}}
		for _, l := range d.s.Find(pattern, View{[]*yang.Ifit{d.Ifit()}}) {
			if err := d.remove(l.Path); err != nil {
				return nil, err
			}
		}
		if f := ifit.v.Field(n.Parent.field); !f.IsNil() && f.Elem().Field(n.field).Len() == 0 {
			f.SetZero()
		}
		return nil, nil
	}
	at := ifit
	if n.Kind == List {
		at = &cursor{ifit, n.Parent, d.own(ifit.v.Field(n.Parent.field))}
	}
	made := n.effective(src, at)
	if !made.IsValid() {
		at.v.Field(n.field).SetZero()
		made = reflect.New(n.goType)
	} else if n.Kind == List {
		k, err := n.mapKey(unit.Keys[0])
		if err != nil {
			return nil, badValue(unit.String(), "%v", err)
		}
		d.ownMap(at.v.Field(n.field)).SetMapIndex(k, made)
	} else {
		at.v.Field(n.field).Set(made)
	}
	var c checker
	if err := c.check(&cursor{at, n, made.Elem()}, src, unit); err != nil {
		return nil, err
	}
	return c.refs, nil
}

// locate returns the struct of a unit, not valid where there is none.
func locate(ifit *yang.Ifit, unit Path) reflect.Value {
	v := reflect.ValueOf(ifit).Elem()
	for _, n := range unit.Node.lineage()[1:] {
		if n.Kind == List {
			e, _ := n.entry(v, unit.Keys[n.keys-1])
			return e
		}
		f := v.Field(n.field)
		if f.IsNil() {
			return reflect.Value{}
		}
		v = f.Elem()
	}
	return v
}

// Equal reports whether a unit is the same in two effective configurations.
func (s *Schema) Equal(a, b *yang.Ifit, unit Path) bool {
	x, y := locate(a, unit), locate(b, unit)
	if !x.IsValid() || !y.IsValid() {
		return x.IsValid() == y.IsValid()
	}
	return x.Addr().Pointer() == y.Addr().Pointer() || reflect.DeepEqual(x.Interface(), y.Interface())
}

// Configured reports whether a configuration has a unit.
func (s *Schema) Configured(ifit *yang.Ifit, unit Path) bool { return locate(ifit, unit).IsValid() }

// Exists reports whether the configuration has the list entry that a leafref
// names.
func (s *Schema) Exists(ifit *yang.Ifit, r Ref) bool {
	return locate(ifit, Path{r.List, []string{r.Key}}).IsValid()
}

// Entries returns the keys of every list that leafrefs refer to, as far as
// they lie in the unit.
func (s *Schema) Entries(ifit *yang.Ifit, unit Path) []Ref {
	var out []Ref
	v := locate(ifit, unit)
	if !v.IsValid() {
		return nil
	}
	if unit.Node.Kind == List {
		return []Ref{{List: unit.Node, Key: unit.Keys[0]}}
	}
	unit.Node.descendants(func(n *Node) {
		if n.Kind != List || n.keys != 1 {
			return
		}
		if p := locate(ifit, Path{Node: n.Parent}); p.IsValid() {
			for _, k := range n.mapKeys([]reflect.Value{p}) {
				out = append(out, Ref{List: n, Key: n.Keys[0].Type.text(k)})
			}
		}
	})
	return slices.Clip(out)
}

// Singletons returns the units that are always there.
func (s *Schema) Singletons() []Path {
	var units []Path
	s.sections(func(n *Node) {
		if n.list() == nil {
			units = append(units, Path{Node: n})
		}
	})
	return units
}
