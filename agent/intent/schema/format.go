package schema

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"reflect"
	"strconv"
	"strings"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	goyang "github.com/openconfig/goyang/pkg/yang"
)

// Value is the value of a leaf or leaf-list in the tree. The zero Value means
// that there is none.
type Value struct {
	node *Node
	v    reflect.Value
}

// Bulky reports whether the value is one that nobody wants twice, such as the
// object of a probe.
func (v Value) Bulky() bool { return v.node.Type.Kind == goyang.Ybinary }

// Equal reports whether two values of the same leaf are equal.
func (v Value) Equal(other Value) bool {
	if v.v.IsValid() != other.v.IsValid() {
		return false
	}
	if !v.v.IsValid() {
		return true
	}
	if v.node.Kind == LeafList || v.node.Type.Kind == goyang.Ybinary {
		return reflect.DeepEqual(v.v.Interface(), other.v.Interface())
	}
	return v.v.Equal(other.v)
}

// String returns the canonical text of the value.
func (v Value) String() string {
	if v.node.Kind != LeafList {
		return v.node.Type.text(v.v)
	}
	parts := make([]string, v.v.Len())
	for i := range parts {
		parts[i] = v.node.Type.text(v.v.Index(i))
	}
	return "[" + strings.Join(parts, " ") + "]"
}

// AppendJSON appends the value as JSON: RFC 7951 with ietf, and otherwise with
// numbers as numbers and identities without their modules.
func (v Value) AppendJSON(b []byte, ietf bool) []byte {
	if v.node.Kind != LeafList {
		return v.node.Type.appendJSON(b, v.v, ietf)
	}
	b = append(b, '[')
	for i := range v.v.Len() {
		if i > 0 {
			b = append(b, ',')
		}
		b = v.node.Type.appendJSON(b, v.v.Index(i), ietf)
	}
	return append(b, ']')
}

// Typed returns the value in gNMI's native encoding.
func (v Value) Typed() *gpb.TypedValue {
	if v.node.Kind != LeafList {
		return v.node.Type.typed(v.v)
	}
	list := &gpb.ScalarArray{Element: make([]*gpb.TypedValue, v.v.Len())}
	for i := range list.Element {
		list.Element[i] = v.node.Type.typed(v.v.Index(i))
	}
	return &gpb.TypedValue{Value: &gpb.TypedValue_LeaflistVal{LeaflistVal: list}}
}

// concrete strips the interface of a union.
func (t *Type) concrete(v reflect.Value) (*Type, reflect.Value) {
	if t.Kind != goyang.Yunion {
		return t, v
	}
	if v.Kind() == reflect.Interface {
		v = v.Elem()
	}
	if m := t.member(v); m != nil {
		return m, v
	}
	return t.members[0], v
}

// text returns the canonical form of RFC 7950, without the module of an
// identity.
func (t *Type) text(v reflect.Value) string {
	t, v = t.concrete(v)
	switch t.Kind {
	case goyang.Ystring:
		return v.String()
	case goyang.Ybool:
		return strconv.FormatBool(v.Bool())
	case goyang.Ydecimal64:
		return decimalText(v.Float(), t.digits)
	case goyang.Yenum, goyang.Yidentityref:
		return t.values[v.Int()].name
	case goyang.Ybinary:
		return base64.StdEncoding.EncodeToString(v.Bytes())
	}
	if v.CanInt() {
		return strconv.FormatInt(v.Int(), 10)
	}
	return strconv.FormatUint(v.Uint(), 10)
}

// decimalText writes at least one and at most digits fraction digits.
func decimalText(f float64, digits uint8) string {
	s := strings.TrimRight(strconv.FormatFloat(f, 'f', int(digits), 64), "0")
	if strings.HasSuffix(s, ".") {
		s += "0"
	}
	return s
}

func (t *Type) appendJSON(b []byte, v reflect.Value, ietf bool) []byte {
	t, v = t.concrete(v)
	switch t.Kind {
	case goyang.Ystring:
		return appendString(b, v.String())
	case goyang.Yidentityref:
		e := t.values[v.Int()]
		if ietf {
			return appendString(b, e.module+":"+e.name)
		}
		return appendString(b, e.name)
	case goyang.Yenum, goyang.Ybinary:
		return appendString(b, t.text(v))
	case goyang.Yint64, goyang.Yuint64, goyang.Ydecimal64:
		if ietf {
			b = append(b, '"')
			b = append(b, t.text(v)...)
			return append(b, '"')
		}
	}
	return append(b, t.text(v)...)
}

func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c >= 0x7f || c == '"' || c == '\\' {
			// json.Marshal cannot fail on a string.
			quoted, _ := json.Marshal(s)
			return append(b, quoted...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

func (t *Type) typed(v reflect.Value) *gpb.TypedValue {
	t, v = t.concrete(v)
	switch t.Kind {
	case goyang.Ystring:
		return &gpb.TypedValue{Value: &gpb.TypedValue_StringVal{StringVal: v.String()}}
	case goyang.Ybool:
		return &gpb.TypedValue{Value: &gpb.TypedValue_BoolVal{BoolVal: v.Bool()}}
	case goyang.Ydecimal64:
		return &gpb.TypedValue{Value: &gpb.TypedValue_DoubleVal{DoubleVal: v.Float()}}
	case goyang.Yenum, goyang.Yidentityref:
		return &gpb.TypedValue{Value: &gpb.TypedValue_StringVal{StringVal: t.values[v.Int()].name}}
	case goyang.Ybinary:
		return &gpb.TypedValue{Value: &gpb.TypedValue_BytesVal{BytesVal: v.Bytes()}}
	}
	if v.CanInt() {
		return &gpb.TypedValue{Value: &gpb.TypedValue_IntVal{IntVal: v.Int()}}
	}
	return &gpb.TypedValue{Value: &gpb.TypedValue_UintVal{UintVal: v.Uint()}}
}

// scalars reads a native gNMI value into scalars: one, or several for a
// leaf-list. list says which it is.
func scalars(v *gpb.TypedValue) (vals []scalar, list bool, reason string) {
	switch x := v.GetValue().(type) {
	case *gpb.TypedValue_StringVal:
		return []scalar{{formText, x.StringVal}}, false, ""
	case *gpb.TypedValue_AsciiVal:
		return []scalar{{formText, x.AsciiVal}}, false, ""
	case *gpb.TypedValue_IntVal:
		return []scalar{{formNumber, strconv.FormatInt(x.IntVal, 10)}}, false, ""
	case *gpb.TypedValue_UintVal:
		return []scalar{{formNumber, strconv.FormatUint(x.UintVal, 10)}}, false, ""
	case *gpb.TypedValue_BoolVal:
		return []scalar{{formBool, strconv.FormatBool(x.BoolVal)}}, false, ""
	case *gpb.TypedValue_BytesVal:
		return []scalar{{formBytes, string(x.BytesVal)}}, false, ""
	case *gpb.TypedValue_DoubleVal:
		return floatScalar(x.DoubleVal, 64)
	case *gpb.TypedValue_FloatVal: // deprecated in gNMI, still sent by clients
		return floatScalar(float64(x.FloatVal), 32) //nolint:staticcheck // see above
	case *gpb.TypedValue_DecimalVal: // deprecated in gNMI, still sent by clients
		d := x.DecimalVal //nolint:staticcheck // see above
		if d.GetPrecision() > 18 {
			return nil, false, "a decimal with more than 18 fraction digits"
		}
		return []scalar{{formNumber, decimalOf(d.GetDigits(), int(d.GetPrecision()))}}, false, ""
	case *gpb.TypedValue_LeaflistVal:
		for _, e := range x.LeaflistVal.GetElement() {
			one, nested, why := scalars(e)
			if why != "" {
				return nil, true, why
			}
			if nested {
				return nil, true, "a leaf-list within a leaf-list"
			}
			vals = append(vals, one...)
		}
		return vals, true, ""
	case nil:
		return nil, false, "no value"
	}
	return nil, false, "this encoding of values is not supported"
}

func floatScalar(f float64, bits int) ([]scalar, bool, string) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return nil, false, "not a finite number"
	}
	return []scalar{{formFloat, strconv.FormatFloat(f, 'f', -1, bits)}}, false, ""
}

func decimalOf(digits int64, precision int) string {
	s := strconv.FormatInt(digits, 10)
	sign := ""
	if digits < 0 {
		sign, s = "-", s[1:]
	}
	if precision == 0 {
		return sign + s
	}
	if len(s) <= precision {
		s = strings.Repeat("0", precision-len(s)+1) + s
	}
	return sign + s[:len(s)-precision] + "." + s[len(s)-precision:]
}
