// Package rules turns the rules of a point's policies into the tables by
// which its program classifies flows.
//
// Every rule is a bit. Each table answers for one header field which rules a
// value satisfies; the AND of all answers is the set of rules that match.
package rules

import (
	"fmt"

	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/gen/bpf/point"
)

// Max is the number of rules that the tables hold.
const Max = 64 * len(Set{}.W)

type (
	// Set is a set of rules, one bit each.
	Set = point.BPFIfitRules
	// Prefix is a key of the tries.
	Prefix = point.BPFIfitPrefix
)

// Compiled are the tables of one point.
type Compiled struct {
	// Sources and Destinations are the contents of the tries.
	Sources, Destinations map[Prefix]Set
	// Labels holds the flow labels that some rule names.
	Labels map[uint32]Set
	// Tables is all the rest.
	Tables point.BPFIfitRuleTables
}

// rule is a rule with its bit.
type rule struct {
	*plan.Rule
	bit int
}

// Compile builds the tables of the policies, whose slots are their indices.
func Compile(policies []plan.Policy) (*Compiled, error) {
	var all []rule
	c := &Compiled{}
	for slot := range policies {
		for i := range policies[slot].Rules {
			r := rule{&policies[slot].Rules[i], len(all)}
			if r.bit == Max {
				return nil, fmt.Errorf("more than %d rules", Max)
			}
			all = append(all, r)
			add(&c.Tables.Policy[slot], r.bit)
			if !r.Deny {
				add(&c.Tables.Accept, r.bit)
			}
		}
	}
	c.Sources = trie(all, func(r rule) prefix { return prefix{r.Source, r.family()} })
	c.Destinations = trie(all, func(r rule) prefix { return prefix{r.Destination, r.family()} })
	for value := range c.Tables.Protocol {
		c.Tables.Protocol[value] = satisfied(all, func(r rule) bool {
			return r.Protocol < 0 || int(r.Protocol) == value
		})
	}
	for value := range c.Tables.Dscp {
		c.Tables.Dscp[value] = satisfied(all, func(r rule) bool {
			return r.DSCP < 0 || int(r.DSCP) == value
		})
	}
	c.labels(all)
	classes(all, func(r rule) plan.PortRange { return r.SourcePort },
		&c.Tables.SourcePort, &c.Tables.SourceClass)
	classes(all, func(r rule) plan.PortRange { return r.DestinationPort },
		&c.Tables.DestinationPort, &c.Tables.DestinationClass)
	return c, nil
}

func (c *Compiled) labels(all []rule) {
	c.Tables.OtherLabel = satisfied(all, func(r rule) bool { return r.FlowLabel < 0 })
	c.Labels = make(map[uint32]Set)
	for _, named := range all {
		if named.FlowLabel < 0 {
			continue
		}
		c.Labels[uint32(named.FlowLabel)] = satisfied(all, func(r rule) bool {
			return r.FlowLabel < 0 || r.FlowLabel == named.FlowLabel
		})
	}
}

func satisfied(all []rule, by func(rule) bool) Set {
	var s Set
	for _, r := range all {
		if by(r) {
			add(&s, r.bit)
		}
	}
	return s
}

func add(s *Set, bit int) {
	s.W[bit/64] |= 1 << (bit % 64)
}
