package ipfix_test

import (
	"strings"
	"testing"

	"github.com/openifit/openifit/proto/ipfix"
	"github.com/openifit/openifit/proto/ipfix/ie"
)

func TestFieldsRefuses(t *testing.T) {
	for _, c := range []struct {
		pen          uint32
		spec, reason string
	}{
		{0, "", "element  is unknown"},
		{0, "octets", "element octets is unknown"},
		{0, "OctetDeltaCount", "element OctetDeltaCount is unknown"},
		{0, "ifitPolicyId", "needs an enterprise number"},
		{0, "octetDeltaCount[", "no closing bracket"},
		{0, "octetDeltaCount[]", "not a number of octets"},
		{0, "octetDeltaCount[x]", "not a number of octets"},
		{0, "octetDeltaCount[0]", "unsigned64 cannot have 0 octets"},
		{0, "octetDeltaCount[9]", "unsigned64 cannot have 9 octets"},
		{0, "octetDeltaCount[v]", "no variable length"},
		{0, "protocolIdentifier[2]", "unsigned8 cannot have 2 octets"},
		{0, "sourceIPv4Address[3]", "ipv4Address cannot have 3 octets"},
		{0, "flowStartNanoseconds[4]", "dateTimeNanoseconds cannot have 4 octets"},
		{0, "samplingProbability[2]", "float64 cannot have 2 octets"},
		{0, "dataRecordsReliability[v]", "no variable length"},
		{0, "sourceMacAddress[8]", "macAddress cannot have 8 octets"},
		{0, "reverseFlowId", "element reverseFlowId is unknown"},
	} {
		_, err := ipfix.Fields(ie.NewModel(c.pen), c.spec)
		if err == nil || !strings.Contains(err.Error(), c.reason) {
			t.Errorf("%q: got %v, want %q", c.spec, err, c.reason)
		}
	}
}

func TestFields(t *testing.T) {
	for spec, want := range map[string]uint16{
		"octetDeltaCount": 8, "octetDeltaCount[5]": 5, "samplingProbability[4]": 4, "interfaceName": ipfix.VariableLength,
		"interfaceName[16]": 16, "interfaceName[v]": ipfix.VariableLength, "ipv6ExtensionHeadersFull": 32,
		"ipv6ExtensionHeadersFull[3]": 3, "reverseOctetDeltaCount": 8, "ifitPolicyId[2]": 2,
	} {
		fields := mustFields(t, ie.ExperimentalPEN, spec)
		if len(fields) != 1 || fields[0].Length != want {
			t.Errorf("%s: got %+v, want %d octets", spec, fields, want)
		}
	}
}

func TestNewTemplateRefuses(t *testing.T) {
	octets := mustFields(t, 0, "octetDeltaCount")[0]
	section := mustFields(t, 0, "ipHeaderPacketSection[0]")[0]
	long := mustFields(t, 0, "ipHeaderPacketSection[65000]")[0]
	for _, c := range []struct {
		name, reason string
		scope        int
		fields       []ipfix.Field
	}{
		{"no fields", "no fields", 0, nil},
		{"no octets", "no octets", 0, []ipfix.Field{section}},
		{"longer than a message", "longer than a message", 0, []ipfix.Field{long, long}},
		{"length that the type cannot have", "octetDeltaCount", 0, []ipfix.Field{{Element: octets.Element, Length: 9}}},
		{"scope of no fields", "scope of -1 fields", -1, []ipfix.Field{octets}},
		{"scope of more fields", "scope of 2 fields", 2, []ipfix.Field{octets}},
	} {
		var err error
		if c.scope == 0 {
			_, err = ipfix.NewTemplate(c.fields...)
		} else {
			_, err = ipfix.NewOptionsTemplate(c.scope, c.fields...)
		}
		if err == nil || !strings.Contains(err.Error(), c.reason) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.reason)
		}
	}
}

func TestTemplateIndex(t *testing.T) {
	tmpl := mustTemplate(t, "observationTimeNanoseconds", "ipTTL", "observationTimeNanoseconds")
	if i := tmpl.Index(ie.ObservationTimeNanoseconds); i != 0 {
		t.Errorf("first observationTimeNanoseconds is %d", i)
	}
	if i := tmpl.NextIndex(ie.ObservationTimeNanoseconds, 1); i != 2 {
		t.Errorf("second observationTimeNanoseconds is %d", i)
	}
	if i := tmpl.NextIndex(ie.ObservationTimeNanoseconds, 3); i != -1 {
		t.Errorf("third observationTimeNanoseconds is %d", i)
	}
	if i := tmpl.Index(ie.IpVersion); i != -1 {
		t.Errorf("ipVersion is %d", i)
	}
	if n := tmpl.RecordLength(); n != 17 {
		t.Errorf("records have %d octets", n)
	}
}
