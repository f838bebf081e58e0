package ipfix

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/openifit/openifit/proto/ipfix/ie"
)

// VariableLength is the length of a field whose values carry their own.
const VariableLength = ie.VariableLength

// Field is one field of a template.
type Field struct {
	Element ie.Element
	// Length in octets, or VariableLength.
	Length uint16
}

// Fields looks up fields by name. "name" takes the element's natural length,
// "name[4]" four octets, "name[v]" a variable length.
func Fields(m *ie.Model, specs ...string) ([]Field, error) {
	out := make([]Field, 0, len(specs))
	for _, spec := range specs {
		f, err := parseField(m, spec)
		if err != nil {
			return nil, fmt.Errorf("field %q: %w", spec, err)
		}
		out = append(out, f)
	}
	return out, nil
}

func parseField(m *ie.Model, spec string) (Field, error) {
	name, length, reduced := strings.Cut(spec, "[")
	e, ok := m.ByName(name)
	if !ok {
		if m.PEN() == 0 && strings.HasPrefix(name, "ifit") {
			return Field{}, fmt.Errorf("private element %s needs an enterprise number", name)
		}
		return Field{}, fmt.Errorf("element %s is unknown", name)
	}
	f := Field{Element: e, Length: e.Type.Size()}
	if !reduced {
		return f, nil
	}
	length, closed := strings.CutSuffix(length, "]")
	if !closed {
		return Field{}, fmt.Errorf("length has no closing bracket")
	}
	if length == "v" {
		f.Length = VariableLength
	} else {
		n, err := strconv.ParseUint(length, 10, 16)
		if err != nil {
			return Field{}, fmt.Errorf("length %q is not a number of octets", length)
		}
		f.Length = uint16(n)
	}
	return f, f.check()
}

// check refuses a length that the element's type cannot have.
func (f Field) check() error {
	if f.Length == VariableLength && f.Element.Type.Size() != VariableLength {
		return fmt.Errorf("%s values have no variable length", f.Element.Type)
	}
	if !f.Element.Type.Accepts(f.Length) {
		return fmt.Errorf("%s cannot have %d octets", f.Element.Type, f.Length)
	}
	return nil
}
