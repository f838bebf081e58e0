package rules

import (
	"net/netip"

	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/gen/bpf/point"
)

// beyond makes the sets of the header fields beyond the IP header.
func (c *Compiled) beyond(all []rule) {
	c.named(all, point.BPFIfitRuleValueFieldIFIT_RULE_VALUE_VLAN, func(r rule) int64 {
		return given(plan.Exactly{Value: uint32(r.VLAN), Given: r.VLAN != 0})
	})
	c.named(all, point.BPFIfitRuleValueFieldIFIT_RULE_VALUE_VNI, func(r rule) int64 { return given(r.VNI) })
	c.named(all, point.BPFIfitRuleValueFieldIFIT_RULE_VALUE_MPLS, func(r rule) int64 { return given(r.MPLSLabel) })
	without := c.set()
	for _, r := range all {
		if !r.ActiveSegment.IsValid() {
			without.add(r.bit)
		}
	}
	c.Sets[point.BPFIfitRuleSetIFIT_RULE_SET_OTHER+point.BPFIfitRuleSet(point.BPFIfitRuleValueFieldIFIT_RULE_VALUE_SEGMENT)] = without
	if c.restricts(point.BPFIfitRuleFieldIFIT_RULE_SEGMENT) {
		// Segments are IPv6 addresses, whatever the family of the flow is.
		c.Segments = c.trie(all, func(r rule) prefix { return prefix{r.ActiveSegment, 0} })
		delete(c.Segments, key(netip.PrefixFrom(netip.IPv4Unspecified(), 0)))
	}
}

// given is -1 for any value.
func given(e plan.Exactly) int64 {
	if !e.Given {
		return -1
	}
	return int64(e.Value)
}
