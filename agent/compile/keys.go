package compile

import (
	"slices"

	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/gen/yang"
)

// keyField names the header fields behind each Information Element that can
// be a Flow Key; interfaces are no header fields.
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
	case "ingressInterface", "egressInterface", "ipVersion", "flowDirection":
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

// keys checks the Flow Keys of a metering policy.
func (p *problems) keys(path string, c *yang.Policy_FlowSelection_Config) (names []string, fields plan.KeyField) {
	names = slices.Clone(c.GetFlowKeys())
	if len(names) == 0 {
		return fiveTuple(), plan.Key5Tuple
	}
	for i, name := range names {
		f, ok := keyField(name)
		switch {
		case !ok:
			p.add(NotBuilt, path+"/config/flow-keys", "%s as a Flow Key is %s", name, notBuilt)
		case slices.Contains(names[:i], name):
			p.add(Invalid, path+"/config/flow-keys", "%s is given twice", name)
		}
		fields |= f
	}
	slices.Sort(names)
	return names, fields
}
