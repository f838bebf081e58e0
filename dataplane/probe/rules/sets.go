package rules

import (
	"slices"

	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/gen/bpf/point"
)

func (c *Compiled) set() Set { return make(Set, c.Words) }

// place appends a set.
func (c *Compiled) place(s Set) uint32 {
	c.Sets = append(c.Sets, s)
	return uint32(len(c.Sets) - 1)
}

func (s Set) add(bit int) { s[bit/64] |= 1 << (bit % 64) }

func (s Set) remove(bit int) { s[bit/64] &^= 1 << (bit % 64) }

// sets fills Sets and Values and the tables of ports.
func (c *Compiled) sets(all []rule) {
	c.Sets = make([]Set, point.BPFIfitRuleSetIFIT_RULE_SET_PORTS)
	if c.restricts(point.BPFIfitRuleFieldIFIT_RULE_PROTOCOL) {
		c.small(all, int(point.BPFIfitRuleSetIFIT_RULE_SET_PROTOCOL), 256, func(r rule) int { return int(r.Protocol) })
	}
	if c.restricts(point.BPFIfitRuleFieldIFIT_RULE_DSCP) {
		c.small(all, int(point.BPFIfitRuleSetIFIT_RULE_SET_DSCP), 64, func(r rule) int { return int(r.DSCP) })
	}
	c.named(all, point.BPFIfitRuleValueFieldIFIT_RULE_VALUE_FLOW_LABEL, func(r rule) int64 { return int64(r.FlowLabel) })
	c.beyond(all)
	if c.restricts(point.BPFIfitRuleFieldIFIT_RULE_SOURCE_PORT) {
		c.SourcePorts = c.ports(all, func(r rule) plan.PortRange { return r.SourcePort })
	}
	if c.restricts(point.BPFIfitRuleFieldIFIT_RULE_DESTINATION_PORT) {
		c.DestinationPorts = c.ports(all, func(r rule) plan.PortRange { return r.DestinationPort })
	}
	if c.restricts(point.BPFIfitRuleFieldIFIT_RULE_SOURCE) {
		c.Sources = c.ranges(all, func(r rule) prefix { return prefix{r.Source, r.family()} })
	}
	if c.restricts(point.BPFIfitRuleFieldIFIT_RULE_DESTINATION) {
		c.Destinations = c.ranges(all, func(r rule) prefix { return prefix{r.Destination, r.family()} })
	}
}

// small makes the sets of a field with few values; value is -1 for any.
func (c *Compiled) small(all []rule, place, values int, value func(rule) int) {
	others, named := c.set(), make(map[int]Set)
	for _, r := range all {
		if v := value(r); v < 0 {
			others.add(r.bit)
		} else if named[v] == nil {
			named[v] = c.set()
		}
	}
	for v := range values {
		c.Sets[place+v] = others
	}
	for v, s := range named {
		copy(s, others)
		c.Sets[place+v] = s
	}
	for _, r := range all {
		if v := value(r); v >= 0 {
			named[v].add(r.bit)
		}
	}
}

// named makes the sets of the values that rules name in a field with many;
// value is -1 for any.
func (c *Compiled) named(all []rule, field point.BPFIfitRuleValueField, value func(rule) int64) {
	others := c.set()
	for _, r := range all {
		if value(r) < 0 {
			others.add(r.bit)
		}
	}
	c.Sets[int(point.BPFIfitRuleSetIFIT_RULE_SET_OTHER)+int(field)] = others
	for _, r := range all {
		v := value(r)
		if v < 0 {
			continue
		}
		key := Value{Field: field, Value: uint32(v)}
		if _, ok := c.Values[key]; !ok {
			c.Values[key] = c.place(slices.Clone(others))
		}
		c.Sets[c.Values[key]].add(r.bit)
	}
}

// ports divides the ports into ranges within which every port satisfies the
// same rules, and appends their sets. Port 0 stands for no port.
func (c *Compiled) ports(all []rule, ports func(rule) plan.PortRange) *Ports {
	const end = 1 << 16
	type edge struct {
		port, bit int
		begins    bool
	}
	var edges []edge
	at := c.set()
	cuts := []int{0, 1, end}
	for _, r := range all {
		p := ports(r)
		if p == plan.AnyPort {
			at.add(r.bit)
			continue
		}
		first, after := max(int(p.Min), 1), int(p.Max)+1
		if first >= after {
			continue
		}
		edges = append(edges, edge{first, r.bit, true}, edge{after, r.bit, false})
		cuts = append(cuts, first, after)
	}
	slices.SortFunc(edges, func(a, b edge) int { return a.port - b.port })
	slices.Sort(cuts)
	cuts = slices.Compact(cuts)
	out := new(Ports)
	for i, port := range cuts[:len(cuts)-1] {
		for ; len(edges) > 0 && edges[0].port == port; edges = edges[1:] {
			if edges[0].begins {
				at.add(edges[0].bit)
			} else {
				at.remove(edges[0].bit)
			}
		}
		place := uint16(len(c.Sets))
		c.Sets = append(c.Sets, slices.Clone(at))
		for p := port; p < cuts[i+1]; p++ {
			out.Set[p] = place
		}
	}
	return out
}
