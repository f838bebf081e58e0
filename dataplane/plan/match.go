package plan

import (
	"net/netip"

	"github.com/openifit/openifit/dataplane/flow"
)

// Matches tells whether a flow satisfies the rule, whatever the rule's action.
// The kernel answers the same from tables; this is what those are tested by.
func (r *Rule) Matches(k *flow.Key) bool {
	switch {
	case r.Family != 0 && r.Family != family(k.Source),
		r.Protocol >= 0 && uint8(r.Protocol) != k.Protocol,
		r.DSCP >= 0 && uint8(r.DSCP) != k.DSCP,
		r.FlowLabel >= 0 && uint32(r.FlowLabel) != k.FlowLabel,
		r.VLAN != 0 && r.VLAN != k.VLAN,
		!r.VNI.matches(k.Overlay != flow.NoOverlay, k.VNI),
		!r.MPLSLabel.matches(k.Labelled, k.MPLSLabel()):
		return false
	}
	return covers(r.Source, k.Source) && covers(r.Destination, k.Destination) && covers(r.ActiveSegment, k.ActiveSegment) &&
		r.SourcePort.matches(k.SourcePort, k.Protocol) &&
		r.DestinationPort.matches(k.DestinationPort, k.Protocol)
}

func covers(p netip.Prefix, a netip.Addr) bool {
	return !p.IsValid() || p.Contains(a)
}

// matches takes port 0 for no port: fragments and cut-off packets have none.
func (r PortRange) matches(port uint16, protocol uint8) bool {
	if r == AnyPort {
		return true
	}
	return port != 0 && HasPorts(protocol) && r.Min <= port && port <= r.Max
}

// HasPorts tells whether a protocol's header begins with two ports.
func HasPorts(protocol uint8) bool {
	switch protocol {
	case 6, 17, 33, 132, 136: // TCP, UDP, DCCP, SCTP, UDP-Lite
		return true
	}
	return false
}

// Accepts tells whether the policy's flow selection takes the flow.
func (p *Policy) Accepts(k *flow.Key) bool {
	if p.FlowList {
		return p.Lists(k.ID)
	}
	for i := range p.Rules {
		if p.Rules[i].Matches(k) {
			return !p.Rules[i].Deny
		}
	}
	return len(p.Rules) == 0
}
