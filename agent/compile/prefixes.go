package compile

import (
	"slices"
	"strings"

	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/gen/yang"
)

// prefixKey is a Flow Key that takes part of an address.
type prefixKey struct {
	name, leaf string
	length     *uint8
	bits       *uint8
}

func prefixKeys(c *yang.Policy_FlowSelection_Config, out *flowKeys) []prefixKey {
	if c == nil {
		c = new(yang.Policy_FlowSelection_Config)
	}
	return []prefixKey{
		{"sourceIPv4Prefix", "source-prefix-length-ipv4", c.SourcePrefixLengthIpv4, &out.source.IPv4},
		{"sourceIPv6Prefix", "source-prefix-length-ipv6", c.SourcePrefixLengthIpv6, &out.source.IPv6},
		{"destinationIPv4Prefix", "destination-prefix-length-ipv4", c.DestinationPrefixLengthIpv4, &out.destination.IPv4},
		{"destinationIPv6Prefix", "destination-prefix-length-ipv6", c.DestinationPrefixLengthIpv6, &out.destination.IPv6},
	}
}

func isPrefix(name string) bool {
	return slices.ContainsFunc(prefixKeys(nil, new(flowKeys)), func(k prefixKey) bool { return k.name == name })
}

// prefixKeys checks that each prefix among the Flow Keys has a length, and
// each length a prefix.
func (p *problems) prefixKeys(path string, c *yang.Policy_FlowSelection_Config, names []string, out *flowKeys) {
	for _, k := range prefixKeys(c, out) {
		whole := strings.TrimSuffix(k.name, "Prefix") + "Address"
		switch asked := slices.Contains(names, k.name); {
		case asked && k.length == nil:
			p.add(Invalid, path+"/config/"+k.leaf, "%s as a Flow Key needs a length", k.name)
		case !asked && k.length != nil:
			p.add(Invalid, path+"/config/"+k.leaf, "%s is not among flow-keys", k.name)
		case asked && slices.Contains(names, whole):
			p.add(Invalid, path+"/config/flow-keys", "%s is part of %s", k.name, whole)
		case asked:
			*k.bits = *k.length
		}
	}
}

// readsPart tells whether flows are between prefixes.
func (k *flowKeys) readsPart() bool {
	return k.source != plan.AddressBits{} || k.destination != plan.AddressBits{}
}
