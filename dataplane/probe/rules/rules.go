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

// Max is the number of rules that the tables of a point hold.
const Max = len(point.BPFIfitPoint{}.RuleSlot)

type (
	// Set is a set of rules, one bit each, in as many words as the point needs.
	Set []uint64
	// Prefix is a key of the tries.
	Prefix = point.BPFIfitPrefix
	// Value is a value that some rule names in a field.
	Value = point.BPFIfitRuleValue
	// Ports tell for each port the place of its set.
	Ports = point.BPFIfitPortSets
)

// Compiled are the tables of one point. Those of fields that no rule restricts
// are empty.
type Compiled struct {
	// Words is the length of every Set, Fields the restricted fields.
	Words  int
	Fields point.BPFIfitRuleField
	// Fold says how matching rules become policies, word by word, and Slots
	// whose each rule is.
	Fold  [len(point.BPFIfitPoint{}.Rules)]point.BPFIfitRuleWord
	Slots [Max]uint8
	// Sources and Destinations are the contents of the tries.
	Sources, Destinations map[Prefix]Set
	// Segments is the content of the trie of active segments; packets without
	// one have a set in Sets.
	Segments map[Prefix]Set
	// Values are sets of values that rules name; the fields' other values
	// have a set in Sets.
	Values map[Value]Set
	// Sets stand at the places that the program knows, those of ports behind.
	Sets []Set
	// SourcePorts and DestinationPorts are nil where no rule restricts them.
	SourcePorts, DestinationPorts *Ports
}

// rule is a rule with its bit.
type rule struct {
	*plan.Rule
	bit int
}

// Compile builds the tables of the policies, whose slots are their indices.
func Compile(policies []plan.Policy) (*Compiled, error) {
	c := &Compiled{Values: make(map[Value]Set)}
	var all []rule
	for slot := range policies {
		for i := range policies[slot].Rules {
			r := rule{&policies[slot].Rules[i], len(all)}
			if r.bit == Max {
				return nil, fmt.Errorf("more than %d rules", Max)
			}
			c.Slots[r.bit] = uint8(slot)
			all = append(all, r)
		}
	}
	c.Words = (len(all) + 63) / 64
	c.fold(all)
	c.restricted(all)
	if c.restricts(point.BPFIfitRuleFieldIFIT_RULE_SOURCE) {
		c.Sources = c.trie(all, func(r rule) prefix { return prefix{r.Source, r.family()} })
	}
	if c.restricts(point.BPFIfitRuleFieldIFIT_RULE_DESTINATION) {
		c.Destinations = c.trie(all, func(r rule) prefix { return prefix{r.Destination, r.family()} })
	}
	if c.Words > 0 {
		c.sets(all)
	}
	return c, nil
}

func (c *Compiled) restricts(f point.BPFIfitRuleField) bool { return c.Fields&f != 0 }

// restricted finds the fields that some rule looks at.
func (c *Compiled) restricted(all []rule) {
	for _, r := range all {
		for _, f := range []struct {
			is    bool
			field point.BPFIfitRuleField
		}{
			// The family alone is looked up with the source address.
			{r.Source.IsValid() || r.Family != 0 && !r.Destination.IsValid(), point.BPFIfitRuleFieldIFIT_RULE_SOURCE},
			{r.Destination.IsValid(), point.BPFIfitRuleFieldIFIT_RULE_DESTINATION},
			{r.SourcePort != plan.AnyPort, point.BPFIfitRuleFieldIFIT_RULE_SOURCE_PORT},
			{r.DestinationPort != plan.AnyPort, point.BPFIfitRuleFieldIFIT_RULE_DESTINATION_PORT},
			{r.Protocol >= 0, point.BPFIfitRuleFieldIFIT_RULE_PROTOCOL},
			{r.DSCP >= 0, point.BPFIfitRuleFieldIFIT_RULE_DSCP},
			{r.FlowLabel >= 0, point.BPFIfitRuleFieldIFIT_RULE_FLOW_LABEL},
			{r.VLAN != 0, point.BPFIfitRuleFieldIFIT_RULE_VLAN},
			{r.VNI.Given, point.BPFIfitRuleFieldIFIT_RULE_VNI},
			{r.MPLSLabel.Given, point.BPFIfitRuleFieldIFIT_RULE_MPLS},
			{r.ActiveSegment.IsValid(), point.BPFIfitRuleFieldIFIT_RULE_SEGMENT},
		} {
			if f.is {
				c.Fields |= f.field
			}
		}
	}
}

// fold writes how the program finds the first match of each policy: a policy
// whose rules are in several words goes on from one to the next.
func (c *Compiled) fold(all []rule) {
	for _, r := range all {
		w, bit := &c.Fold[r.bit/64], uint64(1)<<(r.bit%64)
		begins := r.bit == 0 || c.Slots[r.bit-1] != c.Slots[r.bit]
		ends := r.bit == len(all)-1 || c.Slots[r.bit+1] != c.Slots[r.bit]
		if !r.Deny {
			w.Accept |= bit
		}
		if begins || r.bit%64 == 0 {
			w.First |= bit
		}
		if ends || r.bit%64 == 63 {
			w.Last |= bit
		}
		from, to := r.bit/64*64, min(r.bit/64*64+63, len(all)-1)
		if from > 0 && c.Slots[from-1] == c.Slots[from] && c.Slots[r.bit] == c.Slots[from] {
			w.Continued |= bit
		}
		if to < len(all)-1 && c.Slots[to+1] == c.Slots[to] && c.Slots[r.bit] == c.Slots[to] {
			w.Continuing |= bit
		}
	}
}
