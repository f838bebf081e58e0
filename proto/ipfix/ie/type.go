package ie

import "fmt"

// Type is an abstract data type (RFC 7011 section 6.1). The values are those
// of informationElementDataType (RFC 5610 section 3.1).
type Type uint8

// The abstract data types.
const (
	TypeOctetArray Type = iota
	TypeUnsigned8
	TypeUnsigned16
	TypeUnsigned32
	TypeUnsigned64
	TypeSigned8
	TypeSigned16
	TypeSigned32
	TypeSigned64
	TypeFloat32
	TypeFloat64
	TypeBoolean
	TypeMacAddress
	TypeString
	TypeDateTimeSeconds
	TypeDateTimeMilliseconds
	TypeDateTimeMicroseconds
	TypeDateTimeNanoseconds
	TypeIPv4Address
	TypeIPv6Address
	TypeBasicList
	TypeSubTemplateList
	TypeSubTemplateMultiList
	TypeUnsigned256
)

// VariableLength is the field length in a template that announces values with
// a length prefix (RFC 7011 section 7).
const VariableLength uint16 = 65535

type typeFacts struct {
	name string
	// size in octets; VariableLength when values have no natural size.
	size uint16
	// least octets that reduced-size encoding may leave.
	least uint16
}

var types = [...]typeFacts{
	TypeOctetArray:           {"octetArray", VariableLength, 0},
	TypeUnsigned8:            {"unsigned8", 1, 1},
	TypeUnsigned16:           {"unsigned16", 2, 1},
	TypeUnsigned32:           {"unsigned32", 4, 1},
	TypeUnsigned64:           {"unsigned64", 8, 1},
	TypeSigned8:              {"signed8", 1, 1},
	TypeSigned16:             {"signed16", 2, 1},
	TypeSigned32:             {"signed32", 4, 1},
	TypeSigned64:             {"signed64", 8, 1},
	TypeFloat32:              {"float32", 4, 4},
	TypeFloat64:              {"float64", 8, 4},
	TypeBoolean:              {"boolean", 1, 1},
	TypeMacAddress:           {"macAddress", 6, 6},
	TypeString:               {"string", VariableLength, 0},
	TypeDateTimeSeconds:      {"dateTimeSeconds", 4, 4},
	TypeDateTimeMilliseconds: {"dateTimeMilliseconds", 8, 8},
	TypeDateTimeMicroseconds: {"dateTimeMicroseconds", 8, 8},
	TypeDateTimeNanoseconds:  {"dateTimeNanoseconds", 8, 8},
	TypeIPv4Address:          {"ipv4Address", 4, 4},
	TypeIPv6Address:          {"ipv6Address", 16, 16},
	TypeBasicList:            {"basicList", VariableLength, 0},
	TypeSubTemplateList:      {"subTemplateList", VariableLength, 0},
	TypeSubTemplateMultiList: {"subTemplateMultiList", VariableLength, 0},
	TypeUnsigned256:          {"unsigned256", 32, 1},
}

// ParseType reads the registry's spelling.
func ParseType(name string) (Type, error) {
	for t, f := range types {
		if f.name == name {
			return Type(t), nil
		}
	}
	return 0, fmt.Errorf("abstract data type %q is unknown", name)
}

func (t Type) String() string {
	if int(t) < len(types) {
		return types[t].name
	}
	return fmt.Sprintf("Type(%d)", uint8(t))
}

// Size is the unreduced length in octets, VariableLength for types whose
// values have no natural size.
func (t Type) Size() uint16 {
	if int(t) < len(types) {
		return types[t].size
	}
	return VariableLength
}

// Accepts says whether a template may give a field of this type that length:
// the natural one, a reduced one where RFC 7011 section 6.2 allows it, or any
// for types without a natural size.
func (t Type) Accepts(length uint16) bool {
	if int(t) >= len(types) {
		return true
	}
	f := types[t]
	switch {
	case f.size == VariableLength:
		return true
	case t == TypeFloat64:
		return length == 4 || length == 8
	}
	return length >= f.least && length <= f.size
}

// IsUnsigned says whether values are unsigned integers of up to 64 bits.
func (t Type) IsUnsigned() bool { return t >= TypeUnsigned8 && t <= TypeUnsigned64 }

// IsSigned says whether values are signed integers.
func (t Type) IsSigned() bool { return t >= TypeSigned8 && t <= TypeSigned64 }

// IsTime says whether values are points in time.
func (t Type) IsTime() bool { return t >= TypeDateTimeSeconds && t <= TypeDateTimeNanoseconds }

// IsList says whether values are structured data (RFC 6313).
func (t Type) IsList() bool { return t >= TypeBasicList && t <= TypeSubTemplateMultiList }
