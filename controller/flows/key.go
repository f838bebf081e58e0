package flows

import (
	"net/netip"

	"github.com/openifit/openifit/controller/measure"
)

// key tells flows apart. It has no pointer in it and no gap, so that a map
// hashes and compares it in one go.
type key struct {
	source, destination            [16]byte
	policy, generation             uint32
	ifindex, label                 uint32
	node                           uint16
	sourcePort, destinationPort    uint16
	vlan                           uint16
	protocol, dscp, egress, family uint8
}

func (f *Flows) keyOf(r *measure.FlowRecord) key {
	node, ok := f.nodes[r.Node]
	if !ok {
		// The inventory bounds the names.
		node = uint16(len(f.nodes))
		f.nodes[r.Node] = node
	}
	k := key{
		source: octets(r.Key.Source), destination: octets(r.Key.Destination),
		policy: r.PolicyID, generation: r.Generation, ifindex: r.Ifindex, label: r.Key.FlowLabel, node: node,
		sourcePort: r.Key.SourcePort, destinationPort: r.Key.DestinationPort, vlan: r.Key.VLAN,
		protocol: r.Key.Protocol, dscp: r.Key.DSCP, family: family(r.Key.Source) | family(r.Key.Destination)<<4,
	}
	if r.Egress {
		k.egress = 1
	}
	return k
}

func octets(a netip.Addr) [16]byte {
	if !a.IsValid() {
		return [16]byte{}
	}
	return a.As16()
}

// family is 0 for an address that is no Flow Key.
func family(a netip.Addr) uint8 {
	switch {
	case a.Is4():
		return 4
	case a.IsValid():
		return 6
	}
	return 0
}
