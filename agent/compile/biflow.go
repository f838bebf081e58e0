package compile

import (
	"slices"

	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/gen/yang"
)

// sides are the Flow Keys that the two directions of a flow exchange.
func sides() [][2]string {
	return [][2]string{
		{"sourceIPv4Address", "destinationIPv4Address"}, {"sourceIPv6Address", "destinationIPv6Address"},
		{"sourceIPv4Prefix", "destinationIPv4Prefix"}, {"sourceIPv6Prefix", "destinationIPv6Prefix"},
		{"sourceTransportPort", "destinationTransportPort"},
	}
}

// biflow checks whether the two directions of a policy's flows can be found to
// belong together.
func (p *problems) biflow(path string, d *definition) {
	at := path + "/flow-selection/config/biflow"
	for _, side := range sides() {
		for i, name := range side {
			if slices.Contains(d.FlowKeys, name) && !slices.Contains(d.FlowKeys, side[1-i]) {
				p.add(Invalid, at, "%s is a Flow Key and %s is not: the other direction has another key", name, side[1-i])
			}
		}
	}
	if d.SourceBits != d.DestinationBits {
		p.add(Invalid, at, "prefixes of different lengths: the other direction has another key")
	}
	for _, name := range []string{
		"ingressInterface", "egressInterface", "flowDirection", "flowLabelIPv6", "mplsTopLabelStackSection", "srhActiveSegmentIPv6",
	} {
		if slices.Contains(d.FlowKeys, name) {
			p.add(Invalid, at, "%s is a Flow Key, and is another in the other direction", name)
		}
	}
	if d.Select.Algorithm != plan.SelectAll {
		p.add(Invalid, at, "needs every packet: packet-selection is not ALL")
	}
	for _, e := range d.Elements {
		if !slices.Contains(pairedElements(), e) {
			p.add(Invalid, at, "%s has no field for the other direction", e)
		}
	}
}

// pairedElements are the data elements that both directions of a record have.
func pairedElements() []yang.DATA_ELEMENT {
	return []yang.DATA_ELEMENT{
		yang.DATA_ELEMENT_FLOW_KEYS, yang.DATA_ELEMENT_PACKET_COUNT, yang.DATA_ELEMENT_OCTET_COUNT,
		yang.DATA_ELEMENT_TCP_FLAGS, yang.DATA_ELEMENT_FLOW_TIMES, yang.DATA_ELEMENT_TTL_RANGE,
		yang.DATA_ELEMENT_INGRESS_INTERFACE, yang.DATA_ELEMENT_EGRESS_INTERFACE,
	}
}

// pairable refuses Observation Points that a forwarded packet passes twice.
// Two directions meet where packets come in at several interfaces, or leave by
// them, or do both at a single one.
func (b *builder) pairable(p *Policy) {
	if !p.Biflow || len(p.Points) == 0 {
		return
	}
	first := p.Points[0]
	for _, at := range p.Points[1:] {
		if at.Direction != first.Direction && !oneInterface(p.Points) {
			b.add(Invalid, policyPath(p.Name)+"/flow-selection/config/biflow",
				"a packet from %s to %s would be counted twice: it is observed at INGRESS and at EGRESS",
				first.Interface, at.Interface)
			return
		}
	}
}

func oneInterface(points []Point) bool {
	return !slices.ContainsFunc(points, func(at Point) bool { return at.Ifindex != points[0].Ifindex })
}
