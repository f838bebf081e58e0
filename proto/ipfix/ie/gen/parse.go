package main

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

var identifier = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9]*$`)

// goTypes spells the registry's data types as the constants of package ie.
var goTypes = map[string]string{
	"octetArray": "OctetArray", "unsigned8": "Unsigned8", "unsigned16": "Unsigned16",
	"unsigned32": "Unsigned32", "unsigned64": "Unsigned64", "unsigned256": "Unsigned256",
	"signed8": "Signed8", "signed16": "Signed16", "signed32": "Signed32", "signed64": "Signed64",
	"float32": "Float32", "float64": "Float64", "boolean": "Boolean",
	"macAddress": "MacAddress", "string": "String",
	"dateTimeSeconds": "DateTimeSeconds", "dateTimeMilliseconds": "DateTimeMilliseconds",
	"dateTimeMicroseconds": "DateTimeMicroseconds", "dateTimeNanoseconds": "DateTimeNanoseconds",
	"ipv4Address": "IPv4Address", "ipv6Address": "IPv6Address", "basicList": "BasicList",
	"subTemplateList": "SubTemplateList", "subTemplateMultiList": "SubTemplateMultiList",
}

var goSemantics = map[string]string{
	"": "Default", "default": "Default", "quantity": "Quantity", "totalCounter": "TotalCounter",
	"deltaCounter": "DeltaCounter", "identifier": "Identifier", "flags": "Flags", "list": "List",
	"snmpCounter": "SNMPCounter", "snmpGauge": "SNMPGauge",
}

var goUnits = map[string]string{
	"": "None", "bits": "Bits", "octets": "Octets", "packets": "Packets", "flows": "Flows",
	"seconds": "Seconds", "milliseconds": "Milliseconds", "microseconds": "Microseconds",
	"nanoseconds": "Nanoseconds", "4-octet words": "FourOctetWords", "messages": "Messages",
	"hops": "Hops", "entries": "Entries", "frames": "Frames",
}

func parse(row []string) (element, error) {
	number, err := strconv.ParseUint(row[0], 10, 15)
	if err != nil || number == 0 {
		return element{}, fmt.Errorf("id %q is not in 1..32767", row[0])
	}
	e := element{number: uint16(number), name: row[1]}
	if !identifier.MatchString(e.name) {
		return element{}, fmt.Errorf("name %q is not alphanumeric", e.name)
	}
	e.goName = strings.ToUpper(e.name[:1]) + e.name[1:]
	var ok bool
	if e.typeName, ok = goTypes[row[2]]; !ok {
		return element{}, fmt.Errorf("%s: type %q is unknown", e.name, row[2])
	}
	if e.semantics, ok = goSemantics[row[3]]; !ok {
		return element{}, fmt.Errorf("%s: semantics %q is unknown", e.name, row[3])
	}
	if e.unitsName, ok = goUnits[row[4]]; !ok {
		return element{}, fmt.Errorf("%s: units %q are unknown", e.name, row[4])
	}
	switch row[5] {
	case "current":
	case "deprecated":
		e.deprecated = true
	default:
		return element{}, fmt.Errorf("%s: status %q is unknown", e.name, row[5])
	}
	return e, nil
}
