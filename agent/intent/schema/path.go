package schema

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
)

// Path names one place in the data tree: a node, and the canonical values of
// the list keys on the way to it. A path that ends at a list without its own
// key names the whole list.
type Path struct {
	Node *Node
	Keys []string
}

// String returns the path in the notation of gNMI, as in
// /ifit/policies/policy[name=x]/config.
func (p Path) String() string {
	return pathText(p.Node, func(i int) (string, bool) {
		if i < len(p.Keys) {
			return p.Keys[i], true
		}
		return "", false
	})
}

// ID returns a short unique text for use as a map key.
func (p Path) ID() string {
	b := make([]byte, 0, 32)
	b = strconv.AppendInt(b, int64(p.Node.first), 36)
	for _, k := range p.Keys {
		b = append(b, 0)
		b = append(b, k...)
	}
	return string(b)
}

func comparePaths(a, b Path) int {
	if c := cmp.Compare(a.Node.first, b.Node.first); c != 0 {
		return c
	}
	return slices.Compare(a.Keys, b.Keys)
}

// Same reports whether both paths name the same place.
func (p Path) Same(other Path) bool {
	return p.Node == other.Node && slices.Equal(p.Keys, other.Keys)
}

// Elems returns the path's elements from the root, or from below the given
// ancestor. They must not be modified: most are shared.
func (p Path) Elems(below *Node) []*gpb.PathElem {
	n, depth := p.Node, 0
	for x := n; x != below && x.Parent != nil; x = x.Parent {
		depth++
	}
	elems := make([]*gpb.PathElem, depth)
	for i := depth - 1; i >= 0; i-- {
		elems[i] = n.pathElem(p.Keys)
		n = n.Parent
	}
	return elems
}

// pathElem returns the element of a node on a path with those keys.
func (n *Node) pathElem(keys []string) *gpb.PathElem {
	if n.Kind != List {
		return n.elem
	}
	e := &gpb.PathElem{Name: n.Name}
	if n.keys <= len(keys) {
		e.Key = map[string]string{n.Keys[0].Name: keys[n.keys-1]}
	}
	return e
}

// Key is a constraint on one list key.
type Key struct {
	Any   bool
	Value string // canonical, when not Any
}

// Pattern names the places in the data tree that have a node and match its
// keys. Whatever is below them is meant too.
type Pattern struct {
	Node *Node
	Keys []Key // one for each list on the way
}

// String returns the pattern in the notation of gNMI.
func (p Pattern) String() string {
	return pathText(p.Node, func(i int) (string, bool) {
		if p.Keys[i].Any {
			return "*", true
		}
		return p.Keys[i].Value, true
	})
}

// Exact returns the only path that the pattern can match, if there is one.
func (p Pattern) Exact() (Path, bool) {
	keys := make([]string, len(p.Keys))
	for i, k := range p.Keys {
		if k.Any {
			return Path{}, false
		}
		keys[i] = k.Value
	}
	return Path{p.Node, keys}, true
}

// Matches reports whether the pattern means the path: one of its places is
// the path or lies above it.
func (p Pattern) Matches(path Path) bool {
	if !p.Node.Holds(path.Node) {
		return false
	}
	for i, k := range p.Keys {
		if i >= len(path.Keys) {
			return k.Any
		}
		if !k.Any && k.Value != path.Keys[i] {
			return false
		}
	}
	return true
}

// Meets reports whether the pattern means the path or something below it.
func (p Pattern) Meets(path Path) bool {
	if !p.Node.Holds(path.Node) && !path.Node.Holds(p.Node) {
		return false
	}
	for i := range min(len(p.Keys), len(path.Keys)) {
		if k := p.Keys[i]; !k.Any && k.Value != path.Keys[i] {
			return false
		}
	}
	return true
}

func pathText(n *Node, key func(int) (string, bool)) string {
	if n.Parent == nil {
		return "/"
	}
	var parts []string
	for ; n.Parent != nil; n = n.Parent {
		part := n.Name
		if n.Kind == List {
			if k, ok := key(n.keys - 1); ok {
				part += "[" + n.Keys[0].Name + "=" + escapeKey(k) + "]"
			}
		}
		parts = append(parts, part)
	}
	slices.Reverse(parts)
	return "/" + strings.Join(parts, "/")
}

func escapeKey(k string) string {
	if !strings.ContainsAny(k, `\]`) {
		return k
	}
	return strings.NewReplacer(`\`, `\\`, `]`, `\]`).Replace(k)
}

// text renders elements as they were received, for messages.
func text(elems []*gpb.PathElem) string {
	var b strings.Builder
	for _, e := range elems {
		b.WriteString("/" + clip(e.GetName()))
		names := make([]string, 0, len(e.GetKey()))
		for k := range e.GetKey() {
			names = append(names, k)
		}
		slices.Sort(names)
		for _, k := range names {
			b.WriteString("[" + clip(k) + "=" + escapeKey(clip(e.Key[k])) + "]")
		}
	}
	if b.Len() == 0 {
		return "/"
	}
	return b.String()
}

const (
	maxElems    = 64   // deeper than any path of the model
	maxPatterns = 4096 // more than the nodes of the model
)

// Resolve finds what the elements of a gNMI path mean: one pattern, or with
// wildcards in place of names several. "*" stands for one name or key, "..."
// for any number of names, and a key that is left out for any.
func (s *Schema) Resolve(elems []*gpb.PathElem) ([]Pattern, error) {
	if len(elems) > maxElems {
		return nil, &Error{UnknownPath, text(elems[:8]) + "/...", fmt.Sprintf("%d elements are more than the model is deep", len(elems))}
	}
	found := []Pattern{{Node: s.Root}}
	for i, e := range elems {
		if e.GetName() == "" {
			return nil, &Error{Malformed, text(elems[:i+1]), "an element without a name"}
		}
		next, err := s.step(found, e, func() string { return text(elems[:i+1]) })
		if err != nil {
			return nil, err
		}
		if len(next) == 0 {
			return nil, &Error{UnknownPath, text(elems[:i+1]), "no such node in the model"}
		}
		if len(next) > maxPatterns {
			return nil, &Error{TooLarge, text(elems[:i+1]), "too many wildcards"}
		}
		found = next
	}
	return found, nil
}

// step applies one element to every pattern found so far.
func (s *Schema) step(found []Pattern, e *gpb.PathElem, where func() string) ([]Pattern, error) {
	if e.Name == "..." {
		if len(e.Key) > 0 {
			return nil, &Error{Malformed, where(), "keys on the wildcard \"...\""}
		}
		return s.anyDepth(found), nil
	}
	module, name, qualified := strings.Cut(e.Name, ":")
	if !qualified {
		name = e.Name
	}
	var next []Pattern
	for _, p := range found {
		for _, c := range p.Node.Children {
			if name != "*" && c.Name != name {
				continue
			}
			if qualified && module != c.Module && s.prefixes[module] != c.Module {
				return nil, &Error{Malformed, where(), fmt.Sprintf("node %s is defined in module %s", name, c.Module)}
			}
			child := Pattern{c, slices.Clip(p.Keys)}
			if c.Kind == List {
				key, err := c.keyOfElem(e, where)
				if err != nil {
					return nil, err
				}
				child.Keys = append(child.Keys, key)
			} else if len(e.Key) > 0 {
				if name == "*" {
					continue
				}
				return nil, &Error{Malformed, where(), fmt.Sprintf("%s is no list and has no keys", c.Name)}
			}
			next = append(next, child)
		}
	}
	return next, nil
}

// keyOfElem reads the key of a list from a path element.
func (n *Node) keyOfElem(e *gpb.PathElem, where func() string) (Key, error) {
	key := n.Keys[0]
	for k := range e.Key {
		if k != key.Name {
			if e.Name == "*" {
				return Key{Any: true}, nil
			}
			return Key{}, &Error{Malformed, where(), fmt.Sprintf("list %s has no key %s; its key is %s", n.Name, clip(k), key.Name)}
		}
	}
	text, ok := e.Key[key.Name]
	if !ok || text == "*" {
		return Key{Any: true}, nil
	}
	v, err := key.Type.parse(scalar{formText, text})
	if err != nil {
		return Key{}, &Error{Malformed, where(), fmt.Sprintf("key %s: %v", key.Name, err)}
	}
	return Key{Value: key.Type.text(v)}, nil
}

// anyDepth returns the patterns and everything below them.
func (s *Schema) anyDepth(found []Pattern) []Pattern {
	var all []Pattern
	for _, p := range found {
		p.Node.descendants(func(n *Node) {
			keys := slices.Clone(p.Keys)
			for len(keys) < n.keys {
				keys = append(keys, Key{Any: true})
			}
			all = append(all, Pattern{n, keys})
		})
	}
	return dedupe(all)
}

func dedupe(ps []Pattern) []Pattern {
	slices.SortStableFunc(ps, comparePatterns)
	return slices.CompactFunc(ps, func(a, b Pattern) bool { return comparePatterns(a, b) == 0 })
}

func comparePatterns(a, b Pattern) int {
	if c := cmp.Compare(a.Node.first, b.Node.first); c != 0 {
		return c
	}
	return slices.CompareFunc(a.Keys, b.Keys, func(x, y Key) int {
		if x.Any != y.Any {
			if x.Any {
				return -1
			}
			return 1
		}
		return strings.Compare(x.Value, y.Value)
	})
}

// Outermost drops the patterns that another one already covers.
func Outermost(ps []Pattern) []Pattern {
	var kept []Pattern
	for _, p := range dedupe(slices.Clone(ps)) {
		if !slices.ContainsFunc(kept, func(k Pattern) bool { return k.covers(p) }) {
			kept = append(kept, p)
		}
	}
	return kept
}

func (p Pattern) covers(other Pattern) bool {
	if !p.Node.Holds(other.Node) {
		return false
	}
	for i, k := range p.Keys {
		if !k.Any && (other.Keys[i].Any || k.Value != other.Keys[i].Value) {
			return false
		}
	}
	return true
}
