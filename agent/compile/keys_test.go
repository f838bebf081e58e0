package compile_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/openifit/openifit/agent/compile"
	"github.com/openifit/openifit/dataplane/plan"
)

func keyed(leaves string) string { return `"flow-selection": {"config": {` + leaves + `}}` }

// refusal is the error at a path, nil when there is none.
func refusal(t *testing.T, path string, err error) *compile.Error {
	t.Helper()
	for _, e := range unjoin(err) {
		var refused *compile.Error
		if errors.As(e, &refused) && refused.Path == path {
			return refused
		}
	}
	return nil
}

func unjoin(err error) []error {
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		return many.Unwrap()
	}
	return []error{err}
}

// Keys of prefixes and of both directions that contradict themselves.
func TestKeysRefused(t *testing.T) {
	const biflow = p + "/flow-selection/config/biflow"
	for _, c := range []struct {
		name, policy, path, reason string
	}{
		{"prefix without a length", policy("FLOW_METERING", keyed(`"flow-keys": ["sourceIPv4Prefix"]`)),
			p + "/flow-selection/config/source-prefix-length-ipv4", "needs a length"},
		{"length without a prefix", policy("FLOW_METERING", keyed(`"flow-keys": ["sourceIPv4Prefix"], "source-prefix-length-ipv4": 24, "destination-prefix-length-ipv6": 48`)),
			p + "/flow-selection/config/destination-prefix-length-ipv6", "destinationIPv6Prefix is not among flow-keys"},
		{"length of the 5-tuple", policy("FLOW_METERING", keyed(`"source-prefix-length-ipv4": 24`)),
			p + "/flow-selection/config/source-prefix-length-ipv4", "not among flow-keys"},
		{"address and prefix", policy("FLOW_METERING", keyed(`"flow-keys": ["sourceIPv4Prefix", "sourceIPv4Address"], "source-prefix-length-ipv4": 24`)),
			p + "/flow-selection/config/flow-keys", "is part of sourceIPv4Address"},
		{"prefix twice", policy("FLOW_METERING", keyed(`"flow-keys": ["sourceIPv4Prefix", "sourceIPv4Prefix"], "source-prefix-length-ipv4": 24`)),
			p + "/flow-selection/config/flow-keys", "given twice"},
		{"prefixes sampled per flow", policy("FLOW_METERING", keyed(`"flow-keys": ["sourceIPv4Prefix"], "source-prefix-length-ipv4": 24`),
			selection(`"algorithm": "UNIFORM_PROBABILISTIC", "probability": "0.5", "scope": "FLOW"`)),
			p + "/packet-selection/config/scope", "not sampled one by one"},
		{"prefix of a technique without keys", policy("FLOW_SKETCH", keyed(`"source-prefix-length-ipv4": 24`)),
			p + "/flow-selection/config/source-prefix-length-ipv4", "not built"},
		{"biflow of a technique without keys", policy("FLOW_SKETCH", keyed(`"biflow": true`)), biflow, "not built"},
		{"biflow of one side", policy("FLOW_METERING", keyed(`"biflow": true, "flow-keys": ["sourceIPv4Address", "protocolIdentifier"]`)),
			biflow, "destinationIPv4Address is not"},
		{"biflow of a port", policy("FLOW_METERING", keyed(`"biflow": true, "flow-keys": ["destinationTransportPort"]`)),
			biflow, "sourceTransportPort is not"},
		{"biflow between unlike prefixes", policy("FLOW_METERING", keyed(`"biflow": true, "flow-keys": ["sourceIPv4Prefix", "destinationIPv4Prefix"], "source-prefix-length-ipv4": 24, "destination-prefix-length-ipv4": 16`)),
			biflow, "different lengths"},
		{"biflow by interface", policy("FLOW_METERING", keyed(`"biflow": true, "flow-keys": ["ingressInterface"]`)), biflow, "another in the other direction"},
		{"biflow by label", policy("FLOW_METERING", keyed(`"biflow": true, "flow-keys": ["flowLabelIPv6"]`)), biflow, "another in the other direction"},
		{"biflow of samples", policy("FLOW_METERING", keyed(`"biflow": true`), selection(`"algorithm": "UNIFORM_PROBABILISTIC", "probability": "0.5"`)),
			biflow, "needs every packet"},
		{"biflow with delay", policy("FLOW_METERING", keyed(`"biflow": true`), withDelay), biflow, "TRANSIT_DELAY has no field"},
		{"biflow in and out", policy("FLOW_METERING", keyed(`"biflow": true`), at(`"interface-role": "CORE", "direction": "BOTH"`)), biflow, "counted twice"},
		{"biflow in here and out there", policy("FLOW_METERING", keyed(`"biflow": true`),
			points(`"interface": "edge", "direction": "INGRESS"`, `"interface": "core0", "direction": "EGRESS"`)), biflow, "counted twice"},
	} {
		_, err := build(tree(t, node, c.policy))
		if e := refusal(t, c.path, err); e == nil || !strings.Contains(e.Reason, c.reason) {
			t.Errorf("%s: %v, want %q at %s", c.name, err, c.reason, c.path)
		}
	}
}

func TestKeysAccepted(t *testing.T) {
	metered := func(policy string) *plan.Policy {
		t.Helper()
		r, err := build(tree(t, node, policy))
		if err != nil {
			t.Fatalf("%s: %v", policy, err)
		}
		for i := range r.Plan.Points {
			if policies := r.Plan.Points[i].Policies; len(policies) > 0 {
				return &policies[0]
			}
		}
		t.Fatalf("%s: observed nowhere", policy)
		return nil
	}
	got := metered(policy("FLOW_METERING", keyed(`"flow-keys": ["sourceIPv4Prefix", "destinationIPv6Prefix", "ipDiffServCodePoint"],
		"source-prefix-length-ipv4": 0, "destination-prefix-length-ipv6": 48`)))
	if got.Keys != plan.KeyDSCP || got.SourceBits != (plan.AddressBits{}) || got.DestinationBits != (plan.AddressBits{IPv6: 48}) {
		t.Errorf("prefixes: %+v", got)
	}
	if got := metered(policy("FLOW_METERING", keyed(`"flow-keys": ["egressInterface"]`))); got.Keys != 0 {
		t.Errorf("an interface: keys %b", got.Keys)
	}
	for _, where := range []string{
		at(`"interface-role": "CORE", "direction": "INGRESS"`), at(`"interface-role": "CORE", "direction": "EGRESS"`),
		at(`"interface": "edge", "direction": "BOTH"`),
	} {
		if got := metered(policy("FLOW_METERING", keyed(`"biflow": true`), where)); !got.Biflow {
			t.Errorf("%s: %+v", where, got)
		}
	}
	got = metered(policy("FLOW_METERING", keyed(`"biflow": true, "flow-keys": ["sourceIPv4Prefix", "destinationIPv4Prefix", "vlanId"],
		"source-prefix-length-ipv4": 24, "destination-prefix-length-ipv4": 24`)))
	if !got.Biflow || got.SourceBits != got.DestinationBits {
		t.Errorf("between prefixes: %+v", got)
	}
}
