package compile

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/gen/yang"
)

// rules converts the rules of a policy, sorted by sequence.
func (p *problems) rules(path string, in *yang.Policy_FlowSelection_Rules) []plan.Rule {
	if in == nil {
		return nil
	}
	out := make([]plan.Rule, 0, len(in.Rule))
	for seq, r := range in.Rule {
		at := fmt.Sprintf("%s/rules/rule[sequence-id=%d]/config", path, seq)
		out = append(out, p.rule(at, seq, r.GetConfig()))
	}
	slices.SortFunc(out, func(a, b plan.Rule) int { return cmp.Compare(a.Sequence, b.Sequence) })
	for i := range out {
		for j := range out[:i] {
			if why := shadows(&out[j], &out[i]); why != "" {
				p.add(Invalid, fmt.Sprintf("%s/rules/rule[sequence-id=%d]", path, out[i].Sequence),
					"%s rule %d", why, out[j].Sequence)
				break
			}
		}
	}
	return out
}

func (p *problems) rule(at string, seq uint32, c *yang.Policy_FlowSelection_Rule_Config) plan.Rule {
	r := plan.Rule{
		Sequence: seq, Protocol: -1, DSCP: -1, FlowLabel: -1,
		SourcePort: plan.AnyPort, DestinationPort: plan.AnyPort,
		Deny: c.GetAction() == yang.RuleAction_DENY,
	}
	if c == nil {
		return r
	}
	r.Source = p.prefix(at+"/source-prefix", c.SourcePrefix)
	r.Destination = p.prefix(at+"/destination-prefix", c.DestinationPrefix)
	if c.Protocol != nil {
		r.Protocol = int16(*c.Protocol)
	}
	if c.Dscp != nil {
		r.DSCP = int8(*c.Dscp)
	}
	if c.FlowLabel != nil {
		r.FlowLabel = int32(*c.FlowLabel)
	}
	p.beyond(at, c, &r)
	r.SourcePort = p.ports(at+"/source-port", c.SourcePort)
	r.DestinationPort = p.ports(at+"/destination-port", c.DestinationPort)
	if r.Protocol >= 0 && !plan.HasPorts(uint8(r.Protocol)) {
		if c.SourcePort != nil {
			p.add(Invalid, at+"/source-port", "protocol %d has no ports", r.Protocol)
		}
		if c.DestinationPort != nil {
			p.add(Invalid, at+"/destination-port", "protocol %d has no ports", r.Protocol)
		}
	}
	r.Family = p.family(at, c, &r)
	return r
}

// beyond converts what a rule asks of headers beyond the IP header.
func (p *problems) beyond(at string, c *yang.Policy_FlowSelection_Rule_Config, r *plan.Rule) {
	if c.VlanId != nil {
		r.VLAN = *c.VlanId
	}
	if c.Vni != nil {
		r.VNI = plan.Exactly{Value: *c.Vni, Given: true}
	}
	if c.MplsLabel != nil {
		r.MPLSLabel = plan.Exactly{Value: *c.MplsLabel, Given: true}
	}
	r.ActiveSegment = p.prefix(at+"/active-segment", c.ActiveSegment)
	if r.ActiveSegment.IsValid() && r.ActiveSegment.Addr().Is4() {
		p.add(Invalid, at+"/active-segment", "%s is of IPv4; segments are IPv6 addresses", r.ActiveSegment)
	}
}

// family finds the one address family that the rule's leaves speak of.
func (p *problems) family(at string, c *yang.Policy_FlowSelection_Rule_Config, r *plan.Rule) uint8 {
	found, by := uint8(0), ""
	for _, leaf := range []struct {
		name   string
		family uint8
	}{
		{"address-family", familyOf(c.GetAddressFamily())},
		{"source-prefix", prefixFamily(r.Source)},
		{"destination-prefix", prefixFamily(r.Destination)},
		{"flow-label", labelFamily(r.FlowLabel)},
	} {
		switch {
		case leaf.family == 0:
		case found == 0:
			found, by = leaf.family, leaf.name
		case leaf.family != found:
			p.add(Invalid, at+"/"+leaf.name, "is of IPv%d, but %s is of IPv%d", leaf.family, by, found)
		}
	}
	return found
}

func familyOf(f yang.AddressFamily) uint8 {
	switch f {
	case yang.AddressFamily_IPV4:
		return 4
	case yang.AddressFamily_IPV6:
		return 6
	}
	return 0
}

func prefixFamily(p netip.Prefix) uint8 {
	switch {
	case !p.IsValid():
		return 0
	case p.Addr().Is4():
		return 4
	}
	return 6
}

func labelFamily(label int32) uint8 {
	if label < 0 {
		return 0
	}
	return 6
}

// prefix parses a prefix that has no bits beyond its length.
func (p *problems) prefix(at string, s *string) netip.Prefix {
	if s == nil {
		return netip.Prefix{}
	}
	out, err := netip.ParsePrefix(*s)
	switch {
	case err != nil:
		p.add(Invalid, at, "%v", err)
	case out.Addr().Is4In6():
		p.add(Invalid, at, "%s is an IPv4-mapped prefix; no packet carries such an address", *s)
	case out != out.Masked():
		p.add(Invalid, at, "%s has bits beyond its length; the prefix is %s", *s, out.Masked())
	}
	return out.Masked()
}

// ports parses a port or a range; v is a union of a number and a string.
func (p *problems) ports(at string, v any) plan.PortRange {
	switch v := v.(type) {
	case nil:
		return plan.AnyPort
	case yang.UnionUint16:
		return plan.PortRange{Min: uint16(v), Max: uint16(v)}
	case yang.UnionString:
		lo, hi, ok := strings.Cut(string(v), "..")
		first, err1 := strconv.ParseUint(lo, 10, 16)
		last, err2 := strconv.ParseUint(hi, 10, 16)
		switch {
		case !ok || err1 != nil || err2 != nil:
			p.add(Invalid, at, "%q is no range of ports", string(v))
		case first > last:
			p.add(Invalid, at, "the range %s is reversed", string(v))
		default:
			return plan.PortRange{Min: uint16(first), Max: uint16(last)}
		}
		return plan.AnyPort
	}
	p.add(Invalid, at, "%v is no port", v)
	return plan.AnyPort
}

// shadows tells why a later rule makes no sense behind an earlier one.
func shadows(earlier, later *plan.Rule) string {
	a, b := *earlier, *later
	a.Sequence, b.Sequence, a.Deny, b.Deny = 0, 0, false, false
	switch {
	case a == b && earlier.Deny == later.Deny:
		return "is a duplicate of"
	case earlier.Deny == later.Deny:
		return "" // A wider rule with the same answer makes it superfluous, not wrong.
	case a == b:
		return "contradicts"
	case covers(&a, &b):
		return "never applies: its packets all match the contrary"
	}
	return ""
}

// covers tells whether every packet that matches b matches a.
func covers(a, b *plan.Rule) bool {
	return (a.Family == 0 || a.Family == b.Family) &&
		prefixCovers(a.Source, b.Source) && prefixCovers(a.Destination, b.Destination) &&
		(a.Protocol < 0 || a.Protocol == b.Protocol) &&
		(a.DSCP < 0 || a.DSCP == b.DSCP) &&
		(a.FlowLabel < 0 || a.FlowLabel == b.FlowLabel) &&
		(a.VLAN == 0 || a.VLAN == b.VLAN) &&
		(!a.VNI.Given || a.VNI == b.VNI) &&
		(!a.MPLSLabel.Given || a.MPLSLabel == b.MPLSLabel) &&
		prefixCovers(a.ActiveSegment, b.ActiveSegment) &&
		portsCover(a.SourcePort, b.SourcePort) && portsCover(a.DestinationPort, b.DestinationPort)
}

func prefixCovers(a, b netip.Prefix) bool {
	return !a.IsValid() || b.IsValid() && a.Bits() <= b.Bits() && a.Contains(b.Addr())
}

func portsCover(a, b plan.PortRange) bool { return a.Min <= b.Min && b.Max <= a.Max }
