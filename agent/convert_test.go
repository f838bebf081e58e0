package agent

import (
	"slices"
	"testing"

	"github.com/openifit/openifit/agent/compile"
	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/gen/yang"
)

// TestRecordsHoldTheChosenElements has the Exporting Process leave out what a
// metering policy did not choose, and nothing else.
func TestRecordsHoldTheChosenElements(t *testing.T) {
	const (
		keys, packets, octets = yang.DATA_ELEMENT_FLOW_KEYS, yang.DATA_ELEMENT_PACKET_COUNT, yang.DATA_ELEMENT_OCTET_COUNT
		flags, times, hops    = yang.DATA_ELEMENT_TCP_FLAGS, yang.DATA_ELEMENT_FLOW_TIMES, yang.DATA_ELEMENT_TTL_RANGE
		in, out               = yang.DATA_ELEMENT_INGRESS_INTERFACE, yang.DATA_ELEMENT_EGRESS_INTERFACE
	)
	for _, c := range []struct {
		technique yang.TECHNIQUE
		elements  []yang.DATA_ELEMENT
		want      []string
	}{
		{yang.TECHNIQUE_FLOW_METERING, []yang.DATA_ELEMENT{keys, packets, octets}, []string{
			"tcpControlBits", "flowStartMilliseconds", "flowEndMilliseconds", "minimumTTL", "maximumTTL",
			"ingressInterface", "egressInterface"}},
		{yang.TECHNIQUE_FLOW_METERING, []yang.DATA_ELEMENT{keys, packets, octets, flags, times, hops, out}, []string{"ingressInterface"}},
		{yang.TECHNIQUE_FLOW_METERING, []yang.DATA_ELEMENT{keys, packets, octets, flags, times, hops, in, out}, nil},
		{yang.TECHNIQUE_PBT_M, []yang.DATA_ELEMENT{keys}, nil},
	} {
		r := &compile.Result{Policies: []compile.Policy{{
			PolicyRef: flow.PolicyRef{ID: 1, Generation: 1}, Name: "p", Technique: c.technique, Enabled: true,
			Elements: c.elements, Points: make([]compile.Point, 1), Export: compile.Export{Collectors: []string{"c"}},
		}}}
		got := exportConfig(r, nil)
		if len(got.Policies) != 1 || !slices.Equal(got.Policies[0].Without, c.want) {
			t.Errorf("%s with %v: %+v", c.technique, c.elements, got.Policies)
		}
	}
}
