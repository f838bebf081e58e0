package meter

import (
	"net/netip"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
)

// Protocols with ports (the others have none to match).
const (
	protocolTCP     = 6
	protocolUDP     = 17
	protocolDCCP    = 33
	protocolSCTP    = 132
	protocolUDPLite = 136
)

// hit returns the first rule, by sequence, that a flow matches, nil when none
// does. It repeats for counting what the kernel decided once per flow.
func hit(rules []plan.Rule, k *flow.Key) *plan.Rule {
	for i := range rules {
		if matches(&rules[i], k) {
			return &rules[i]
		}
	}
	return nil
}

func matches(r *plan.Rule, k *flow.Key) bool {
	switch {
	case r.Family == 4 && !k.Source.Is4(), r.Family == 6 && k.Source.Is4(),
		r.Protocol >= 0 && uint8(r.Protocol) != k.Protocol,
		r.DSCP >= 0 && uint8(r.DSCP) != k.DSCP,
		r.FlowLabel >= 0 && uint32(r.FlowLabel) != k.FlowLabel:
		return false
	}
	return inPrefix(r.Source, k.Source) && inPrefix(r.Destination, k.Destination) &&
		inPorts(r.SourcePort, k.SourcePort, k.Protocol) &&
		inPorts(r.DestinationPort, k.DestinationPort, k.Protocol)
}

func inPrefix(p netip.Prefix, a netip.Addr) bool {
	return !p.IsValid() || p.Contains(a)
}

func inPorts(r plan.PortRange, port uint16, protocol uint8) bool {
	if r == plan.AnyPort {
		return true
	}
	switch protocol {
	case protocolTCP, protocolUDP, protocolDCCP, protocolSCTP, protocolUDPLite:
		return r.Min <= port && port <= r.Max
	}
	return false
}
