package schema

import (
	"fmt"
	"reflect"
	"regexp"

	goyang "github.com/openconfig/goyang/pkg/yang"
	"github.com/openconfig/ygot/ygot"

	"github.com/openifit/openifit/gen/yang"
)

// Type is the type of a leaf, with the restrictions of all typedefs that it
// comes from.
type Type struct {
	Kind goyang.TypeKind
	// Name is that of the typedef or built-in type.
	Name string

	goType   reflect.Type
	ranges   goyang.YangRange
	lengths  goyang.YangRange
	patterns []*regexp.Regexp
	digits   uint8 // fraction digits of a decimal64
	names    map[string]enumValue
	values   map[int64]enumValue
	members  []*Type // of a union
}

// enumValue is one value of an enumeration or one identity.
type enumValue struct {
	number int64
	name   string
	module string // defining module of an identity
}

func newType(y *goyang.YangType, t reflect.Type) (*Type, error) {
	typ := &Type{Kind: y.Kind, Name: y.Name, goType: t, ranges: y.Range, lengths: y.Length, digits: uint8(y.FractionDigits)}
	for _, p := range y.Pattern {
		re, err := regexp.Compile("^(?:" + p + ")$")
		if err != nil {
			return nil, fmt.Errorf("pattern of type %s: %w", y.Name, err)
		}
		typ.patterns = append(typ.patterns, re)
	}
	switch y.Kind {
	case goyang.Yint8, goyang.Yint16, goyang.Yint32, goyang.Yint64,
		goyang.Yuint8, goyang.Yuint16, goyang.Yuint32, goyang.Yuint64,
		goyang.Ystring, goyang.Ybool, goyang.Ydecimal64, goyang.Ybinary:
		return typ, nil
	case goyang.Yenum, goyang.Yidentityref:
		return typ, typ.readEnum()
	case goyang.Yunion:
		return typ, typ.readUnion(y)
	}
	return nil, fmt.Errorf("type %s (%v) is not supported", y.Name, y.Kind)
}

func (t *Type) readEnum() error {
	e, ok := reflect.Zero(t.goType).Interface().(ygot.GoEnum)
	if !ok {
		return fmt.Errorf("enumeration is held in a %v", t.goType)
	}
	t.names, t.values = map[string]enumValue{}, map[int64]enumValue{}
	for n, def := range e.ΛMap()[t.goType.Name()] {
		v := enumValue{n, def.Name, def.DefiningModule}
		t.names[def.Name], t.values[n] = v, v
	}
	if len(t.names) == 0 {
		return fmt.Errorf("enumeration %v has no values", t.goType)
	}
	return nil
}

// readUnion finds the members. ygot holds a union of one kind of scalar in
// that scalar, any other in an interface with a named type per member.
func (t *Type) readUnion(y *goyang.YangType) error {
	for _, m := range y.Type {
		goType := t.goType
		if goType.Kind() == reflect.Interface {
			if goType = unionMember(m.Kind); goType == nil {
				return fmt.Errorf("union member %s (%v) is not supported", m.Name, m.Kind)
			}
			if !goType.Implements(t.goType) {
				return fmt.Errorf("%v is no member of %v", goType, t.goType)
			}
		}
		member, err := newType(m, goType)
		if err != nil {
			return err
		}
		t.members = append(t.members, member)
	}
	return nil
}

func unionMember(k goyang.TypeKind) reflect.Type {
	switch k {
	case goyang.Yuint8:
		return reflect.TypeFor[yang.UnionUint8]()
	case goyang.Yuint16:
		return reflect.TypeFor[yang.UnionUint16]()
	case goyang.Yuint32:
		return reflect.TypeFor[yang.UnionUint32]()
	case goyang.Yuint64:
		return reflect.TypeFor[yang.UnionUint64]()
	case goyang.Ystring:
		return reflect.TypeFor[yang.UnionString]()
	}
	return nil
}

// member returns the member type that holds v.
func (t *Type) member(v reflect.Value) *Type {
	for _, m := range t.members {
		if m.goType == v.Type() {
			return m
		}
	}
	return nil
}
