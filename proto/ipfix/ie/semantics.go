package ie

import "fmt"

// Semantics is a data type semantic (RFC 7012 section 3.2). The values are
// those of informationElementSemantics (RFC 5610 section 3.6).
type Semantics uint8

// The data type semantics.
const (
	SemanticsDefault Semantics = iota
	SemanticsQuantity
	SemanticsTotalCounter
	SemanticsDeltaCounter
	SemanticsIdentifier
	SemanticsFlags
	SemanticsList
	SemanticsSNMPCounter
	SemanticsSNMPGauge
)

var semanticsNames = [...]string{
	SemanticsDefault: "default", SemanticsQuantity: "quantity", SemanticsTotalCounter: "totalCounter",
	SemanticsDeltaCounter: "deltaCounter", SemanticsIdentifier: "identifier", SemanticsFlags: "flags",
	SemanticsList: "list", SemanticsSNMPCounter: "snmpCounter", SemanticsSNMPGauge: "snmpGauge",
}

// ParseSemantics reads the registry's spelling; empty means default.
func ParseSemantics(name string) (Semantics, error) {
	if name == "" {
		return SemanticsDefault, nil
	}
	for s, n := range semanticsNames {
		if n == name {
			return Semantics(s), nil
		}
	}
	return 0, fmt.Errorf("semantics %q is unknown", name)
}

func (s Semantics) String() string {
	if int(s) < len(semanticsNames) {
		return semanticsNames[s]
	}
	return fmt.Sprintf("Semantics(%d)", uint8(s))
}

// Units says what a value counts. The values are those of
// informationElementUnits (RFC 5610 section 3.7).
type Units uint16

// The units.
const (
	UnitsNone Units = iota
	UnitsBits
	UnitsOctets
	UnitsPackets
	UnitsFlows
	UnitsSeconds
	UnitsMilliseconds
	UnitsMicroseconds
	UnitsNanoseconds
	UnitsFourOctetWords
	UnitsMessages
	UnitsHops
	UnitsEntries
	UnitsFrames
)

var unitsNames = [...]string{
	UnitsNone: "", UnitsBits: "bits", UnitsOctets: "octets", UnitsPackets: "packets", UnitsFlows: "flows",
	UnitsSeconds: "seconds", UnitsMilliseconds: "milliseconds", UnitsMicroseconds: "microseconds",
	UnitsNanoseconds: "nanoseconds", UnitsFourOctetWords: "4-octet words", UnitsMessages: "messages",
	UnitsHops: "hops", UnitsEntries: "entries", UnitsFrames: "frames",
}

// ParseUnits reads the registry's spelling; empty means none.
func ParseUnits(name string) (Units, error) {
	for u, n := range unitsNames {
		if n == name {
			return Units(u), nil
		}
	}
	return 0, fmt.Errorf("units %q are unknown", name)
}

func (u Units) String() string {
	if int(u) < len(unitsNames) {
		return unitsNames[u]
	}
	return fmt.Sprintf("Units(%d)", uint16(u))
}
