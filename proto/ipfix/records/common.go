package records

import (
	"fmt"
	"net/netip"

	"github.com/openifit/openifit/proto/ipfix"
	"github.com/openifit/openifit/proto/ipfix/ie"
)

// Family is the address family of a record's flow.
type Family uint8

// The families. NoFlow is that of records about no single flow.
const (
	NoFlow Family = iota
	IPv4
	IPv6
)

func (f Family) String() string {
	switch f {
	case NoFlow:
		return "no flow"
	case IPv4:
		return "IPv4"
	case IPv6:
		return "IPv6"
	}
	return fmt.Sprintf("Family(%d)", uint8(f))
}

// FamilyOf is the family of an address, NoFlow for the zero Addr. An IPv4
// address mapped into IPv6 counts as IPv6, since so it is on the wire.
func FamilyOf(a netip.Addr) Family {
	switch {
	case a.Is4():
		return IPv4
	case a.Is6():
		return IPv6
	}
	return NoFlow
}

// Direction is the value of flowDirection.
type Direction uint8

// The directions, seen from the Observation Point.
const (
	Ingress Direction = 0
	Egress  Direction = 1
)

// Origin says which policy, in which generation, made a record, and where.
type Origin struct {
	Policy     uint32 `ipfix:"ifitPolicyId"`
	Generation uint32 `ipfix:"ifitPolicyGeneration"`
	Node       uint32 `ipfix:"ifitNodeId"`
}

var originFields = []string{"ifitPolicyId", "ifitPolicyGeneration", "ifitNodeId"}

// Tuple is the 5-tuple of a flow; it can be the key of a map. Protocols without
// ports have 0 there.
type Tuple struct {
	Source          netip.Addr `ipfix:"sourceIPv4Address|sourceIPv6Address|sourceIPv4Prefix|sourceIPv6Prefix"`
	Destination     netip.Addr `ipfix:"destinationIPv4Address|destinationIPv6Address|destinationIPv4Prefix|destinationIPv6Prefix"`
	SourcePort      uint16     `ipfix:"sourceTransportPort"`
	DestinationPort uint16     `ipfix:"destinationTransportPort"`
	Protocol        uint8      `ipfix:"protocolIdentifier"`
}

func (t Tuple) String() string {
	return fmt.Sprintf("%s > %s protocol %d",
		netip.AddrPortFrom(t.Source, t.SourcePort), netip.AddrPortFrom(t.Destination, t.DestinationPort), t.Protocol)
}

// tupleFields are the fields of a Tuple in a template of the family.
func tupleFields(f Family) []string {
	switch f {
	case IPv4:
		return []string{"sourceIPv4Address", "destinationIPv4Address", "sourceTransportPort", "destinationTransportPort", "protocolIdentifier"}
	case IPv6:
		return []string{"sourceIPv6Address", "destinationIPv6Address", "sourceTransportPort", "destinationTransportPort", "protocolIdentifier"}
	}
	return nil
}

// template makes the template of a kind of record.
func template(m *ie.Model, kind string, specs ...[]string) (*ipfix.Template, error) {
	return optionsTemplate(m, kind, 0, specs...)
}

func optionsTemplate(m *ie.Model, kind string, scope int, specs ...[]string) (*ipfix.Template, error) {
	var all []string
	for _, s := range specs {
		all = append(all, s...)
	}
	fields, err := ipfix.Fields(m, all...)
	if err != nil {
		return nil, fmt.Errorf("%s template: %w", kind, err)
	}
	var t *ipfix.Template
	if scope > 0 {
		t, err = ipfix.NewOptionsTemplate(scope, fields...)
	} else {
		t, err = ipfix.NewTemplate(fields...)
	}
	if err != nil {
		return nil, fmt.Errorf("%s template: %w", kind, err)
	}
	return t, nil
}
