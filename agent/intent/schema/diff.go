package schema

import (
	"reflect"

	"github.com/openifit/openifit/gen/yang"
)

// Update is a leaf with its new value.
type Update struct {
	Path  Path
	Value Value
}

// Difference is what turns one view of a place into another: first what goes,
// then what comes or changes.
type Difference struct {
	Deletes []Path
	Updates []Update
}

// Empty reports whether there is no difference.
func (d Difference) Empty() bool { return len(d.Deletes)+len(d.Updates) == 0 }

// Diff compares two views of the places that a pattern means, sampled leaves
// left out. A list entry that is gone is one delete.
func (s *Schema) Diff(p Pattern, before, after View) Difference {
	var d Difference
	old, oldEntries := map[string]Update{}, map[string]Path{}
	var order, entryOrder []string
	for _, l := range s.Find(p, before) {
		enter := func(p Path) {
			id := p.ID()
			oldEntries[id] = p
			entryOrder = append(entryOrder, id)
		}
		if l.Node.Kind == List {
			enter(l.Path)
		}
		l.Leaves(Pushed, func(p Path, v Value) {
			id := p.ID()
			old[id] = Update{p, v}
			order = append(order, id)
		}, enter)
	}
	for _, l := range s.Find(p, after) {
		enter := func(p Path) { delete(oldEntries, p.ID()) }
		if l.Node.Kind == List {
			enter(l.Path)
		}
		l.Leaves(Pushed, func(p Path, v Value) {
			id := p.ID()
			was, ok := old[id]
			delete(old, id)
			if !ok || !was.Value.Equal(v) {
				d.Updates = append(d.Updates, Update{p, v})
			}
		}, enter)
	}
	// What is left is gone; whole entries come first and cover their leaves.
	for _, id := range entryOrder {
		if p, gone := oldEntries[id]; gone && !covered(d.Deletes, p) {
			d.Deletes = append(d.Deletes, p)
		}
	}
	for _, id := range order {
		if u, gone := old[id]; gone && !covered(d.Deletes, u.Path) {
			d.Deletes = append(d.Deletes, u.Path)
		}
	}
	return d
}

func covered(by []Path, p Path) bool {
	for _, d := range by {
		if d.Covers(p) {
			return true
		}
	}
	return false
}

// Covers reports whether other is p or lies below it.
func (p Path) Covers(other Path) bool {
	if !p.Node.Holds(other.Node) || len(p.Keys) > len(other.Keys) {
		return false
	}
	for i, k := range p.Keys {
		if k != other.Keys[i] {
			return false
		}
	}
	return true
}

// ExactPattern returns the pattern that means one path.
func ExactPattern(p Path) Pattern {
	keys := make([]Key, len(p.Keys))
	for i, k := range p.Keys {
		keys[i] = Key{Value: k}
	}
	return Pattern{p.Node, keys}
}

// Units returns the units of which any of the trees has something, state
// included.
func (s *Schema) Units(trees ...*yang.Ifit) []Path {
	var units []Path
	for _, section := range s.Ifit.Children {
		var present []reflect.Value
		for _, t := range trees {
			if t == nil {
				continue
			}
			if f := reflect.ValueOf(t).Elem().Field(section.field); !f.IsNil() {
				present = append(present, f.Elem())
			}
		}
		if len(present) == 0 {
			continue
		}
		list := section.list()
		if list == nil {
			units = append(units, Path{Node: section})
			continue
		}
		for _, k := range list.mapKeys(present) {
			units = append(units, Path{list, []string{list.Keys[0].Type.text(k)}})
		}
	}
	return units
}

// Section returns the child of /ifit that the node is or lies below, nil for
// nodes above.
func (n *Node) Section() *Node {
	for n.Parent != nil && n.Parent.Parent != nil {
		if n.Parent.Parent.Parent == nil {
			return n
		}
		n = n.Parent
	}
	return nil
}

// SamplesOnly reports whether every leaf at or below the node is sampled.
func (n *Node) SamplesOnly() bool {
	if n.Sampled {
		return true
	}
	if n.IsLeaf() || len(n.Children) == 0 {
		return false
	}
	for _, c := range n.Children {
		if !c.SamplesOnly() {
			return false
		}
	}
	return true
}

// Samples reports whether any leaf at or below the node is sampled.
func (n *Node) Samples() bool {
	if n.Sampled {
		return true
	}
	for _, c := range n.Children {
		if c.Samples() {
			return true
		}
	}
	return false
}

// Hash returns a number that differs between paths but for a chance of about
// one in 2^64.
func (p Path) Hash() uint64 {
	const offset, prime = 14695981039346656037, 1099511628211
	h := uint64(offset)
	h = (h ^ uint64(p.Node.first)) * prime
	for _, k := range p.Keys {
		h = (h ^ 0xff) * prime
		for i := range len(k) {
			h = (h ^ uint64(k[i])) * prime
		}
	}
	return h
}
