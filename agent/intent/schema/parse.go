package schema

import (
	"encoding/base64"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	goyang "github.com/openconfig/goyang/pkg/yang"
)

// form is the form in which a scalar arrives.
type form uint8

const (
	formText   form = iota // a string; every type but string reads it leniently
	formNumber             // a number, in decimal text
	formFloat              // a binary floating point number, in decimal text
	formBool               // "true" or "false"
	formBytes              // octets
	formNull
)

// scalar is a value before it has a type.
type scalar struct {
	form form
	text string
}

func (s scalar) String() string {
	switch s.form {
	case formText:
		return strconv.Quote(clip(s.text))
	case formBytes:
		return fmt.Sprintf("%d octets", len(s.text))
	case formNull:
		return "null"
	}
	return clip(s.text)
}

// clip shortens text for an error message.
func clip(text string) string {
	const most = 64
	if len(text) <= most {
		return text
	}
	text = text[:most]
	for !utf8.ValidString(text) {
		text = text[:len(text)-1]
	}
	return text + "..."
}

// parse converts a scalar to the type's Go value and checks every restriction.
func (t *Type) parse(in scalar) (reflect.Value, error) {
	if in.form == formNull {
		return reflect.Value{}, errors.New("null is no value; delete the leaf to unset it")
	}
	switch t.Kind {
	case goyang.Ystring:
		return t.parseString(in)
	case goyang.Ybool:
		return t.parseBool(in)
	case goyang.Ydecimal64:
		return t.parseDecimal(in)
	case goyang.Yenum, goyang.Yidentityref:
		return t.parseEnum(in)
	case goyang.Ybinary:
		return t.parseBinary(in)
	case goyang.Yunion:
		var reasons []string
		for _, m := range t.members {
			v, err := m.parse(in)
			if err == nil {
				return v, nil
			}
			reasons = append(reasons, err.Error())
		}
		return reflect.Value{}, fmt.Errorf("fits no type of %s: %s", t.Name, strings.Join(reasons, "; "))
	default:
		return t.parseInteger(in)
	}
}

func (t *Type) mismatch(in scalar) error {
	if in.form == formText && in.text == "" {
		return fmt.Errorf("empty string is no %s; leave the leaf out to keep it unset", t.Name)
	}
	return fmt.Errorf("%s is no %s", in, t.describe())
}

// describe names the type for a message, with its base type when that says
// more.
func (t *Type) describe() string {
	base := goyang.TypeKindToName[t.Kind]
	if base == t.Name {
		return base
	}
	return t.Name + " (" + base + ")"
}

func (t *Type) parseInteger(in scalar) (reflect.Value, error) {
	if in.form != formNumber && in.form != formFloat && in.form != formText {
		return reflect.Value{}, t.mismatch(in)
	}
	v := reflect.New(t.goType).Elem()
	var n goyang.Number
	if v.CanInt() {
		i, err := strconv.ParseInt(in.text, 10, 64)
		if err != nil {
			return v, t.mismatch(in)
		}
		n = goyang.FromInt(i)
		if v.OverflowInt(i) || !within(n, t.ranges) {
			return v, fmt.Errorf("%d is outside the range %v of %s", i, t.ranges, t.Name)
		}
		v.SetInt(i)
		return v, nil
	}
	u, err := strconv.ParseUint(in.text, 10, 64)
	if err != nil {
		if _, neg := strconv.ParseInt(in.text, 10, 64); neg == nil || errors.Is(err, strconv.ErrRange) {
			return v, fmt.Errorf("%s is outside the range %v of %s", clip(in.text), t.ranges, t.Name)
		}
		return v, t.mismatch(in)
	}
	n = goyang.Number{Value: u}
	if v.OverflowUint(u) || !within(n, t.ranges) {
		return v, fmt.Errorf("%d is outside the range %v of %s", u, t.ranges, t.Name)
	}
	v.SetUint(u)
	return v, nil
}

func (t *Type) parseDecimal(in scalar) (reflect.Value, error) {
	if in.form != formNumber && in.form != formFloat && in.form != formText {
		return reflect.Value{}, t.mismatch(in)
	}
	text := in.text
	switch {
	case in.form == formFloat:
		// A binary fraction has more digits than its sender meant.
		text = roundDecimal(text, t.digits)
	case in.form == formNumber && strings.ContainsAny(text, "eE"):
		// A JSON number may have an exponent; YANG's own form may not.
		f, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return reflect.Value{}, t.mismatch(in)
		}
		text = strconv.FormatFloat(f, 'f', -1, 64)
	}
	n, err := goyang.ParseDecimal(text, t.digits)
	if err != nil {
		if f, ferr := strconv.ParseFloat(text, 64); ferr == nil {
			return reflect.Value{}, fmt.Errorf("%s is no %s with at most %d fraction digits", strconv.FormatFloat(f, 'g', -1, 64), t.Name, t.digits)
		}
		return reflect.Value{}, t.mismatch(in)
	}
	if !within(n, t.ranges) {
		return reflect.Value{}, fmt.Errorf("%s is outside the range %v of %s", text, t.ranges, t.Name)
	}
	f, err := strconv.ParseFloat(n.String(), 64)
	if err != nil {
		return reflect.Value{}, t.mismatch(in)
	}
	return reflect.ValueOf(f).Convert(t.goType), nil
}

// roundDecimal rounds decimal text to a number of fraction digits.
func roundDecimal(text string, digits uint8) string {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return text
	}
	return decimalText(f, digits)
}

func (t *Type) parseString(in scalar) (reflect.Value, error) {
	if in.form != formText {
		return reflect.Value{}, t.mismatch(in)
	}
	if !utf8.ValidString(in.text) || strings.ContainsRune(in.text, 0) {
		return reflect.Value{}, errors.New("the string is no valid UTF-8 text")
	}
	if n := utf8.RuneCountInString(in.text); !within(goyang.Number{Value: uint64(n)}, t.lengths) {
		if n == 0 {
			return reflect.Value{}, t.mismatch(in)
		}
		return reflect.Value{}, fmt.Errorf("%s has %d characters, %s allows %v", in, n, t.Name, t.lengths)
	}
	for _, re := range t.patterns {
		if !re.MatchString(in.text) {
			if in.text == "" {
				return reflect.Value{}, t.mismatch(in)
			}
			return reflect.Value{}, fmt.Errorf("%s is no %s: it does not match the pattern %s", in, t.Name, clip(re.String()))
		}
	}
	return reflect.ValueOf(in.text).Convert(t.goType), nil
}

func (t *Type) parseBool(in scalar) (reflect.Value, error) {
	if in.form == formBool || in.form == formText {
		switch in.text {
		case "true":
			return reflect.ValueOf(true), nil
		case "false":
			return reflect.ValueOf(false), nil
		}
	}
	return reflect.Value{}, t.mismatch(in)
}

func (t *Type) parseEnum(in scalar) (reflect.Value, error) {
	if in.form != formText || in.text == "" {
		return reflect.Value{}, t.mismatch(in)
	}
	module, name, qualified := strings.Cut(in.text, ":")
	if !qualified {
		name = in.text
	}
	v, ok := t.names[name]
	if !ok {
		return reflect.Value{}, fmt.Errorf("%s is no value of %s", in, t.Name)
	}
	if qualified && (v.module == "" || module != v.module) {
		if v.module == "" {
			return reflect.Value{}, fmt.Errorf("%s: an enumeration value has no module", in)
		}
		return reflect.Value{}, fmt.Errorf("%s: identity %s is defined in module %s", in, name, v.module)
	}
	return reflect.ValueOf(v.number).Convert(t.goType), nil
}

func (t *Type) parseBinary(in scalar) (reflect.Value, error) {
	raw := []byte(in.text)
	switch in.form {
	case formBytes:
	case formText:
		var err error
		if raw, err = base64.StdEncoding.DecodeString(in.text); err != nil {
			return reflect.Value{}, fmt.Errorf("not base64: %w", err)
		}
	default:
		return reflect.Value{}, t.mismatch(in)
	}
	if !within(goyang.Number{Value: uint64(len(raw))}, t.lengths) {
		return reflect.Value{}, fmt.Errorf("%d octets, %s allows %v", len(raw), t.Name, t.lengths)
	}
	return reflect.ValueOf(raw).Convert(t.goType), nil
}

func within(n goyang.Number, ranges goyang.YangRange) bool {
	if len(ranges) == 0 {
		return true
	}
	for _, r := range ranges {
		if !n.Less(r.Min) && !r.Max.Less(n) {
			return true
		}
	}
	return false
}
