package ipfix

import (
	"fmt"
	"math"
	"net/netip"
	"reflect"
	"slices"
	"strings"

	"github.com/openifit/openifit/proto/ipfix/ie"
)

// column is a field of a Go struct that takes part in records.
type column struct {
	// names of the elements that it may carry, the one preferred first.
	names  []string
	offset uintptr
	kind   kind
}

// kind is the form of a value in Go.
type kind uint8

const (
	kindUint8 kind = iota
	kindUint16
	kindUint32
	kindUint64
	kindInt8
	kindInt16
	kindInt32
	kindInt64
	kindFloat32
	kindFloat64
	kindBool
	kindTime
	kindAddr
	kindMAC
	kindTriple
	kindUint256
	kindString
	kindBytes
)

var scalarKinds = map[reflect.Kind]kind{
	reflect.Uint8: kindUint8, reflect.Uint16: kindUint16, reflect.Uint32: kindUint32, reflect.Uint64: kindUint64,
	reflect.Int8: kindInt8, reflect.Int16: kindInt16, reflect.Int32: kindInt32, reflect.Int64: kindInt64,
	reflect.Float32: kindFloat32, reflect.Float64: kindFloat64,
	reflect.Bool: kindBool, reflect.String: kindString,
}

var exactKinds = map[reflect.Type]kind{
	reflect.TypeFor[UnixNano]():   kindTime,
	reflect.TypeFor[netip.Addr](): kindAddr,
	reflect.TypeFor[[6]byte]():    kindMAC,
	reflect.TypeFor[[3]byte]():    kindTriple,
	reflect.TypeFor[[32]byte]():   kindUint256,
	reflect.TypeFor[[]byte]():     kindBytes,
}

// columnsOf reads the tags of a struct: `ipfix:"name"` or, where several
// elements can carry the value, `ipfix:"name|name"`. Embedded structs count as
// if their fields stood in their place.
func columnsOf(t reflect.Type) ([]column, error) {
	if t.Kind() != reflect.Struct {
		return nil, fmt.Errorf("%s is not a struct", t)
	}
	if t.Size() > math.MaxUint16 {
		return nil, fmt.Errorf("%s has %d octets, more than a record", t, t.Size())
	}
	var out []column
	for i := range t.NumField() {
		f := t.Field(i)
		tag, tagged := f.Tag.Lookup("ipfix")
		if f.Anonymous && !tagged {
			inner, err := columnsOf(f.Type)
			if err != nil {
				return nil, err
			}
			for _, c := range inner {
				c.offset += f.Offset
				out = append(out, c)
			}
			continue
		}
		if !tagged {
			continue
		}
		k, ok := exactKinds[f.Type]
		if !ok {
			k, ok = scalarKinds[f.Type.Kind()]
		}
		if !ok {
			return nil, fmt.Errorf("%s.%s: no element has the form of %s", t, f.Name, f.Type)
		}
		out = append(out, column{strings.Split(tag, "|"), f.Offset, k})
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s has no field with an ipfix tag", t)
	}
	return out, nil
}

// carries says whether values of the element's type have this form in Go.
func (k kind) carries(t ie.Type) bool {
	switch k {
	case kindUint8, kindUint16, kindUint32, kindUint64:
		return t.IsUnsigned()
	case kindInt8, kindInt16, kindInt32, kindInt64:
		return t.IsSigned()
	case kindFloat32, kindFloat64:
		return t == ie.TypeFloat32 || t == ie.TypeFloat64
	case kindBool:
		return t == ie.TypeBoolean
	case kindTime:
		return t.IsTime()
	case kindAddr:
		return t == ie.TypeIPv4Address || t == ie.TypeIPv6Address
	case kindMAC:
		return t == ie.TypeMacAddress
	case kindTriple:
		return t == ie.TypeOctetArray
	case kindUint256:
		return t == ie.TypeUnsigned256
	case kindString:
		return t == ie.TypeString
	}
	return t == ie.TypeOctetArray || t.IsList()
}

// pair is a template field with the struct field that holds its value.
type pair struct {
	index  int // in the template
	name   int // of the column's names
	field  Field
	column column
}

// match pairs the fields of a template with the columns. The n-th occurrence
// of an element belongs to the n-th column of its name; a column with several
// names can serve one field for each. unmatched are template fields without a
// column.
func match(t *Template, columns []column) (pairs []pair, unmatched []Field) {
	taken := map[served]bool{}
	for i, f := range t.All() {
		s, ok := findColumn(columns, taken, f.Element)
		if !ok {
			unmatched = append(unmatched, f)
			continue
		}
		taken[s] = true
		pairs = append(pairs, pair{i, s.name, f, columns[s.column]})
	}
	return pairs, unmatched
}

// served is a name of a column that a template field has claimed.
type served struct{ column, name int }

func findColumn(columns []column, taken map[served]bool, e ie.Element) (served, bool) {
	if e.Name == "" {
		return served{}, false
	}
	for i, c := range columns {
		n := slices.Index(c.names, e.Name)
		if s := (served{i, n}); n >= 0 && !taken[s] && c.kind.carries(e.Type) {
			return s, true
		}
	}
	return served{}, false
}

// preferred keeps one pair for each column, that of the name which stands first
// in the tag: a value that came in several forms is read from the best.
func preferred(pairs []pair) []pair {
	best := map[uintptr]int{}
	for _, p := range pairs {
		if n, ok := best[p.column.offset]; !ok || p.name < n {
			best[p.column.offset] = p.name
		}
	}
	return slices.DeleteFunc(pairs, func(p pair) bool { return best[p.column.offset] != p.name })
}
