package object

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"

	"github.com/openifit/openifit/proto/ipfix/ie"
)

// Field is a member of a structure that the object describes.
type Field struct {
	Name string
	// Offset and Size in octets, in little endian.
	Offset, Size int
	// Type is the IPFIX abstract data type of its values, Units and Semantics
	// those of RFC 5610.
	Type      ie.Type
	Units     ie.Units
	Semantics ie.Semantics
	// Text is what its author says of it.
	Text string
}

// Struct is a structure that the probe fills in. Padding is left out.
type Struct struct {
	Size   int
	Fields []Field
}

// Equal tells whether two structures mean the same, octet for octet.
func (s *Struct) Equal(o *Struct) bool {
	if s == nil || o == nil {
		return s == o
	}
	return s.Size == o.Size && slices.Equal(s.Fields, o.Fields)
}

// describe reads what the object says of itself in BTF.
func (o *Object) describe(program *ebpf.ProgramSpec) (err error) {
	if o.Capture, err = prototype(btf.FuncMetadata(&program.Instructions[0])); err != nil {
		return fmt.Errorf("function %s: %w", o.Name, err)
	}
	if v := o.spec.Variables[parameterVar]; v != nil {
		if o.Parameters, err = parameters(v); err != nil {
			return err
		}
	}
	if m := o.spec.Maps[recordMap]; m != nil {
		if o.Record, err = structure(m.Value, "record"); err != nil {
			return fmt.Errorf("map %s: %w", recordMap, err)
		}
		if v := o.spec.Variables[lostVariable]; v == nil || v.Size() != 8 || v.Constant() {
			return fmt.Errorf("map %s has no variable %s of 8 octets beside it that counts what it had no room for: declare records by IFIT_RECORDS", recordMap, lostVariable)
		}
	}
	if m := o.spec.Maps[counterMap]; m != nil {
		if o.Counters, err = structure(m.Value, "counters"); err != nil {
			return fmt.Errorf("map %s: %w", counterMap, err)
		}
		if int(m.ValueSize) != o.Counters.Size {
			return fmt.Errorf("map %s: its values have %d octets, their struct %d", counterMap, m.ValueSize, o.Counters.Size)
		}
		for _, f := range o.Counters.Fields {
			if !f.Type.IsUnsigned() {
				return fmt.Errorf("map %s: field %s is of type %s: counters are unsigned numbers", counterMap, f.Name, f.Type)
			}
		}
	}
	return nil
}

// prototype reads how many octets the probe wants to see.
func prototype(f *btf.Func) (int, error) {
	proto, ok := btf.As[*btf.FuncProto](f.Type)
	if !ok {
		return 0, errors.New("BTF gives it no prototype")
	}
	if result, ok := btf.As[*btf.Int](proto.Return); !ok || result.Size > 8 {
		return 0, errors.New("it returns no number: a probe returns __u64")
	}
	if len(proto.Params) != 1 {
		return 0, fmt.Errorf("it has %d arguments: a probe has one, struct %s *", len(proto.Params), packetType)
	}
	pointer, ok := btf.As[*btf.Pointer](proto.Params[0].Type)
	if !ok {
		return 0, fmt.Errorf("its argument is no pointer: a probe gets struct %s *", packetType)
	}
	packet, ok := btf.As[*btf.Struct](pointer.Target)
	if !ok || packet.Name != packetType {
		name := "something else"
		if ok {
			name = "struct " + packet.Name + " *"
		}
		return 0, fmt.Errorf("its argument is %s: a probe gets struct %s *, a copy of the packet", name, packetType)
	}
	if n := len(packet.Members); n != len(packetLayout())+1 {
		return 0, fmt.Errorf("struct %s has %d members: take the agent's ifit_probe.h", packetType, n)
	}
	for i, want := range packetLayout() {
		have := &packet.Members[i]
		size, err := btf.Sizeof(have.Type)
		if err != nil || have.Name != want.name || have.Offset != btf.Bits(want.offset*8) || size != want.size {
			return 0, fmt.Errorf("member %s of struct %s is not where the agent puts it: take the agent's ifit_probe.h", have.Name, packetType)
		}
	}
	data := &packet.Members[len(packet.Members)-1]
	octets, ok := btf.As[*btf.Array](data.Type)
	if !ok || data.Name != "data" || data.Offset != DataOffset*8 {
		return 0, fmt.Errorf("member %s of struct %s is not what the agent puts there: take the agent's ifit_probe.h", data.Name, packetType)
	}
	if size, err := btf.Sizeof(octets.Type); err != nil || size != 1 || octets.Nelems < minCapture || octets.Nelems > maxCapture {
		return 0, fmt.Errorf("IFIT_CAPTURE is %d: from %d to %d octets of a packet can be seen", octets.Nelems, minCapture, maxCapture)
	}
	return int(octets.Nelems), nil
}

// structure reads a struct and checks that each field can be exported.
func structure(t btf.Type, what string) (*Struct, error) {
	s, ok := btf.As[*btf.Struct](t)
	if !ok {
		return nil, fmt.Errorf("the type of its %s is no struct", what)
	}
	out := &Struct{Size: int(s.Size)}
	if s.Size == 0 || s.Size > maxValue {
		return nil, fmt.Errorf("struct %s has %d octets", s.Name, s.Size)
	}
	for i := range s.Members {
		m := &s.Members[i]
		if strings.HasPrefix(m.Name, "reserved") || strings.HasPrefix(m.Name, "_") {
			continue
		}
		f, err := field(m)
		if err != nil {
			return nil, fmt.Errorf("field %q of struct %s %w", m.Name, s.Name, err)
		}
		if f.Offset+f.Size > out.Size {
			return nil, fmt.Errorf("field %q of struct %s lies outside of it", m.Name, s.Name)
		}
		if slices.ContainsFunc(out.Fields, func(o Field) bool { return o.Name == f.Name }) {
			return nil, fmt.Errorf("field %q of struct %s is there twice", m.Name, s.Name)
		}
		out.Fields = append(out.Fields, f)
	}
	if len(out.Fields) == 0 || len(out.Fields) > maxFields {
		return nil, fmt.Errorf("struct %s has %d fields, from 1 to %d are taken", s.Name, len(out.Fields), maxFields)
	}
	return out, nil
}

func field(m *btf.Member) (Field, error) {
	f := Field{Name: m.Name, Offset: int(m.Offset.Bytes())}
	if m.Name == "" || len(m.Name) > 32 {
		return f, errors.New("needs a name of 1 to 32 characters")
	}
	if m.BitfieldSize != 0 || m.Offset%8 != 0 {
		return f, errors.New("is a bit field: give it octets of its own")
	}
	size, err := btf.Sizeof(m.Type)
	if err != nil || size <= 0 || size > 256 {
		return f, errors.New("has no size from 1 to 256 octets")
	}
	f.Size = size
	switch t := btf.UnderlyingType(m.Type).(type) {
	case *btf.Int:
		f.Type = number(size, t.Encoding == btf.Signed)
		if t.Encoding == btf.Bool {
			f.Type = ie.TypeBoolean
		}
	case *btf.Enum:
		f.Type = number(size, t.Signed)
	case *btf.Array:
		element, ok := btf.As[*btf.Int](t.Type)
		if !ok || element.Size != 1 {
			return f, errors.New("is an array of something else than octets")
		}
		f.Type = ie.TypeOctetArray
	default:
		return f, errors.New("is neither a number nor an array of octets")
	}
	return f, f.tag(m.Tags)
}

func number(size int, signed bool) ie.Type {
	types := map[int]ie.Type{1: ie.TypeUnsigned8, 2: ie.TypeUnsigned16, 4: ie.TypeUnsigned32, 8: ie.TypeUnsigned64}
	if signed {
		types = map[int]ie.Type{1: ie.TypeSigned8, 2: ie.TypeSigned16, 4: ie.TypeSigned32, 8: ie.TypeSigned64}
	}
	return types[size]
}

// tag reads what the author says of a field.
func (f *Field) tag(tags []string) (err error) {
	for _, t := range tags {
		key, value, _ := strings.Cut(strings.TrimPrefix(t, "ifit:"), ":")
		if !strings.HasPrefix(t, "ifit:") {
			continue
		}
		switch key {
		case "units":
			f.Units, err = ie.ParseUnits(value)
		case "semantics":
			f.Semantics, err = ie.ParseSemantics(value)
		case "text":
			if len(value) > 256 {
				return errors.New("has a text of more than 256 octets")
			}
			f.Text = strings.ToValidUTF8(value, "?")
		case "as":
			err = f.as(value)
		default:
			return fmt.Errorf("has the tag %q, which is unknown", t)
		}
		if err != nil {
			return fmt.Errorf("has the tag %q: %w", t, err)
		}
	}
	return nil
}

// as gives octets, or a number, another meaning.
func (f *Field) as(name string) error {
	t, err := ie.ParseType(name)
	if err != nil {
		return err
	}
	size, octets := int(t.Size()), f.Type == ie.TypeOctetArray
	switch t {
	case ie.TypeIPv4Address, ie.TypeIPv6Address, ie.TypeMacAddress:
	case ie.TypeString:
		size = f.Size
	case ie.TypeDateTimeNanoseconds:
		octets = f.Type == ie.TypeUnsigned64
	default:
		return fmt.Errorf("a field can be no %s", name)
	}
	if !octets || f.Size != size {
		return fmt.Errorf("%s has %d octets in an array, %s in a __u64", name, size, ie.TypeDateTimeNanoseconds)
	}
	f.Type = t
	return nil
}
