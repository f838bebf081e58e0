package compile

import (
	"slices"

	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/gen/yang"
)

// keyField names the fields behind each Information Element that can be a Flow
// Key, prefixes excepted.
func keyField(element string) (plan.KeyField, bool) {
	switch element {
	case "sourceIPv4Address", "sourceIPv6Address":
		return plan.KeySourceAddress, true
	case "destinationIPv4Address", "destinationIPv6Address":
		return plan.KeyDestinationAddress, true
	case "sourceTransportPort":
		return plan.KeySourcePort, true
	case "destinationTransportPort":
		return plan.KeyDestinationPort, true
	case "protocolIdentifier":
		return plan.KeyProtocol, true
	case "ipDiffServCodePoint":
		return plan.KeyDSCP, true
	case "flowLabelIPv6":
		return plan.KeyFlowLabel, true
	case "vlanId", "dot1qVlanId":
		return plan.KeyVLAN, true
	case "dot1qCustomerVlanId":
		return plan.KeyCustomerVLAN, true
	case "layer2SegmentId":
		return plan.KeyVNI, true
	case "mplsTopLabelStackSection":
		return plan.KeyMPLS, true
	case "srhActiveSegmentIPv6":
		return plan.KeySegment, true
	case "ingressInterface":
		return plan.KeyIngressInterface, true
	case "egressInterface", "ipVersion", "flowDirection":
		return 0, true
	}
	return 0, false
}

// fiveTuple is what flow-keys means where none are given.
func fiveTuple() []string {
	return []string{
		"sourceIPv4Address", "destinationIPv4Address", "sourceIPv6Address", "destinationIPv6Address",
		"protocolIdentifier", "sourceTransportPort", "destinationTransportPort",
	}
}

// flowKeys are the checked Flow Keys of a metering policy.
type flowKeys struct {
	names  []string
	fields plan.KeyField
	// source and destination are the bits of prefixes among them.
	source, destination plan.AddressBits
}

// keys checks the Flow Keys of a metering policy.
func (p *problems) keys(path string, c *yang.Policy_FlowSelection_Config) (out flowKeys) {
	at := path + "/config/flow-keys"
	names := slices.Clone(c.GetFlowKeys())
	if len(names) == 0 {
		names = fiveTuple()
	}
	for i, name := range names {
		f, ok := keyField(name)
		switch {
		case slices.Contains(names[:i], name):
			p.add(Invalid, at, "%s is given twice", name)
		case !ok && !isPrefix(name):
			p.add(NotBuilt, at, "%s as a Flow Key is %s", name, notBuilt)
		}
		out.fields |= f
	}
	p.prefixKeys(path, c, names, &out)
	slices.Sort(names)
	out.names = names
	return out
}
