package schema

import (
	"math"
	"reflect"

	goyang "github.com/openconfig/goyang/pkg/yang"
	"google.golang.org/protobuf/encoding/protowire"
)

// Field numbers of gNMI's Path, PathElem and TypedValue.
const (
	pathElem  = 3
	elemName  = 1
	elemKey   = 2
	mapKey    = 1
	mapValue  = 2
	valString = 1
	valInt    = 2
	valUint   = 3
	valBool   = 4
	valBytes  = 5
	valList   = 8
	valDouble = 14
	listElem  = 1
)

// wirePaths encodes the path elements that do not depend on keys.
func (s *Schema) wirePaths() {
	for _, n := range s.nodes {
		if n.Parent == nil {
			continue
		}
		if n.Kind != List {
			n.wire = appendElem(nil, n.Name, "", "")
		}
		if n.unit == nil || n == n.unit || n.keys > n.unit.keys {
			continue
		}
		for _, step := range n.lineage() {
			if step.keys == n.unit.keys && step != n.unit && n.unit.Holds(step) {
				n.wireInUnit = append(n.wireInUnit, step.wire...)
			}
		}
	}
}

// AppendProto appends the elements of the path below an ancestor as fields of
// gNMI's Path message.
func (p Path) AppendProto(b []byte, below *Node) []byte {
	if below == p.Node.unit && p.Node.wireInUnit != nil {
		return append(b, p.Node.wireInUnit...)
	}
	return p.Node.appendPath(b, p.Keys, below)
}

func (n *Node) appendPath(b []byte, keys []string, below *Node) []byte {
	if n == below || n.Parent == nil {
		return b
	}
	b = n.Parent.appendPath(b, keys, below)
	if n.Kind != List {
		return append(b, n.wire...)
	}
	if n.keys > len(keys) {
		return appendElem(b, n.Name, "", "")
	}
	return appendElem(b, n.Name, n.Keys[0].Name, keys[n.keys-1])
}

func appendElem(b []byte, name, key, value string) []byte {
	size := sizeString(name)
	entry := 0
	if key != "" {
		entry = sizeString(key) + sizeString(value)
		size += 1 + protowire.SizeBytes(entry)
	}
	b = protowire.AppendTag(b, pathElem, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(size))
	b = appendStringField(b, elemName, name)
	if key != "" {
		b = protowire.AppendTag(b, elemKey, protowire.BytesType)
		b = protowire.AppendVarint(b, uint64(entry))
		b = appendStringField(b, mapKey, key)
		b = appendStringField(b, mapValue, value)
	}
	return b
}

func sizeString(s string) int { return 1 + protowire.SizeBytes(len(s)) }

func appendStringField(b []byte, field protowire.Number, s string) []byte {
	b = protowire.AppendTag(b, field, protowire.BytesType)
	return protowire.AppendString(b, s)
}

// AppendProto appends the value as the field of gNMI's TypedValue message that
// holds it natively; see Typed.
func (v Value) AppendProto(b []byte) []byte {
	if v.node.Kind != LeafList {
		return v.node.Type.appendProto(b, v.v)
	}
	var list, one []byte
	for i := range v.v.Len() {
		one = v.node.Type.appendProto(one[:0], v.v.Index(i))
		list = protowire.AppendTag(list, listElem, protowire.BytesType)
		list = protowire.AppendBytes(list, one)
	}
	b = protowire.AppendTag(b, valList, protowire.BytesType)
	return protowire.AppendBytes(b, list)
}

func (t *Type) appendProto(b []byte, v reflect.Value) []byte {
	t, v = t.concrete(v)
	switch t.Kind {
	case goyang.Ystring:
		return appendStringField(b, valString, v.String())
	case goyang.Ybool:
		b = protowire.AppendTag(b, valBool, protowire.VarintType)
		return protowire.AppendVarint(b, protowire.EncodeBool(v.Bool()))
	case goyang.Ydecimal64:
		b = protowire.AppendTag(b, valDouble, protowire.Fixed64Type)
		return protowire.AppendFixed64(b, math.Float64bits(v.Float()))
	case goyang.Yenum, goyang.Yidentityref:
		return appendStringField(b, valString, t.values[v.Int()].name)
	case goyang.Ybinary:
		b = protowire.AppendTag(b, valBytes, protowire.BytesType)
		return protowire.AppendBytes(b, v.Bytes())
	}
	if v.CanInt() {
		b = protowire.AppendTag(b, valInt, protowire.VarintType)
		return protowire.AppendVarint(b, uint64(v.Int()))
	}
	b = protowire.AppendTag(b, valUint, protowire.VarintType)
	return protowire.AppendVarint(b, v.Uint())
}
