package object

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"

	"github.com/openifit/openifit/proto/ipfix/ie"
)

// Parameter is a value that an operator can set.
type Parameter struct {
	Field
	// Default in the form that Encode reads.
	Default string
}

// parameters reads the declaration of IFIT_PARAMETERS.
func parameters(v *ebpf.VariableSpec) ([]Parameter, error) {
	if !v.Constant() {
		return nil, fmt.Errorf("variable %s is not constant: declare it by IFIT_PARAMETERS", parameterVar)
	}
	if v.Type == nil {
		return nil, fmt.Errorf("variable %s has no type in BTF: compile with -g", parameterVar)
	}
	s, ok := btf.As[*btf.Struct](v.Type.Type)
	if !ok {
		return nil, fmt.Errorf("variable %s is no struct: declare it by IFIT_PARAMETERS", parameterVar)
	}
	if len(s.Members) > maxParameters || int(s.Size) != len(v.Value) {
		return nil, fmt.Errorf("variable %s has %d members and %d octets, at most %d members are taken", parameterVar, len(s.Members), len(v.Value), maxParameters)
	}
	var out []Parameter
	for i := range s.Members {
		m := &s.Members[i]
		if strings.HasPrefix(m.Name, "reserved") || strings.HasPrefix(m.Name, "_") {
			continue
		}
		f, err := field(m)
		switch {
		case err != nil:
			return nil, fmt.Errorf("parameter %q %w", m.Name, err)
		case f.Type != ie.TypeBoolean && !f.Type.IsUnsigned() && !f.Type.IsSigned():
			return nil, fmt.Errorf("parameter %q is neither a number nor true or false", m.Name)
		case f.Offset+f.Size > len(v.Value):
			return nil, fmt.Errorf("parameter %q lies outside of its struct", m.Name)
		case slices.ContainsFunc(out, func(p Parameter) bool { return p.Name == f.Name }):
			return nil, fmt.Errorf("parameter %q is there twice", m.Name)
		}
		out = append(out, Parameter{Field: f, Default: f.text(v.Value)})
	}
	return out, nil
}

// Unsigned reads the field, an unsigned number, out of its structure.
func (f *Field) Unsigned(of []byte) uint64 {
	var b [8]byte
	copy(b[:f.Size], of[f.Offset:])
	return binary.LittleEndian.Uint64(b[:])
}

// text writes a number as Encode reads it.
func (f *Field) text(of []byte) string {
	n := f.Unsigned(of)
	switch {
	case f.Type == ie.TypeBoolean:
		return strconv.FormatBool(n != 0)
	case f.Type.IsSigned():
		shift := 64 - 8*f.Size
		return strconv.FormatInt(int64(n<<shift)>>shift, 10)
	}
	return strconv.FormatUint(n, 10)
}

// ParameterError says which parameter has a value that it cannot have.
type ParameterError struct{ Name, Reason string }

// Error returns the reason.
func (e *ParameterError) Error() string { return fmt.Sprintf("parameter %s %s", e.Name, e.Reason) }

// Encode makes the octets of the parameters, nil when the probe has none.
// Those that values leaves out have their defaults. Its error is a
// *ParameterError.
func (o *Object) Encode(values map[string]string) ([]byte, error) {
	var out []byte
	if v := o.spec.Variables[parameterVar]; v != nil {
		out = slices.Clone(v.Value)
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		i := slices.IndexFunc(o.Parameters, func(p Parameter) bool { return p.Name == name })
		if i < 0 {
			return nil, &ParameterError{name, o.unknown()}
		}
		if err := o.Parameters[i].put(out, values[name]); err != nil {
			return nil, &ParameterError{name, err.Error()}
		}
	}
	return out, nil
}

func (o *Object) unknown() string {
	if len(o.Parameters) == 0 {
		return "is unknown: the probe has no parameters"
	}
	names := make([]string, len(o.Parameters))
	for i := range o.Parameters {
		names[i] = o.Parameters[i].Name
	}
	return "is unknown: the probe has " + strings.Join(names, ", ")
}

func (f *Field) put(to []byte, value string) error {
	var n uint64
	bits := 8 * f.Size
	switch {
	case f.Type == ie.TypeBoolean:
		b, err := strconv.ParseBool(value)
		if err != nil {
			return fmt.Errorf("is true or false, not %q", value)
		}
		if b {
			n = 1
		}
	case f.Type.IsSigned():
		i, err := strconv.ParseInt(value, 0, bits)
		if err != nil {
			limit := int64(math.MaxInt64) >> (64 - bits)
			return notIn(value, err, strconv.FormatInt(-limit-1, 10), strconv.FormatInt(limit, 10))
		}
		n = uint64(i)
	default:
		u, err := strconv.ParseUint(value, 0, bits)
		if err != nil {
			return notIn(value, err, "0", strconv.FormatUint(math.MaxUint64>>(64-bits), 10))
		}
		n = u
	}
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], n)
	copy(to[f.Offset:f.Offset+f.Size], b[:])
	return nil
}

func notIn(value string, err error, low, high string) error {
	if errors.Is(err, strconv.ErrRange) {
		return fmt.Errorf("is from %s to %s, not %s", low, high, value)
	}
	return fmt.Errorf("is a number from %s to %s, not %q", low, high, value)
}
