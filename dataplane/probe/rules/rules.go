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
const Max = 64 * len(point.BPFIfitPoint{}.Rules)

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
	// Fold says how matching rules become policies with rules, word by word,
	// and Spread to which slots these belong.
	Fold   [Max / 64]point.BPFIfitRuleWord
	Spread Moves
	// Sources and Destinations are nil where no rule restricts them.
	Sources, Destinations *Ranges
	// Segments is the content of the trie of active segments; packets without
	// one have a set in Sets.
	Segments map[Prefix]uint32
	// Values are sets of values that rules name; the fields' other values
	// have a set in Sets.
	Values map[Value]uint32
	// Sets stand at the places that the program knows, those of ports behind.
	Sets []Set
	// SourcePorts and DestinationPorts are nil where no rule restricts them.
	SourcePorts, DestinationPorts *Ports
}

// rule is a rule with its bit.
type rule struct {
	*plan.Rule
	bit int
	// policy is its policy's number among those with rules.
	policy int
}

// Compile builds the tables of the policies, whose slots are their indices.
func Compile(policies []plan.Policy) (*Compiled, error) {
	c := &Compiled{Values: make(map[Value]uint32)}
	var all []rule
	slots, with := uint64(0), 0
	for slot := range policies {
		for i := range policies[slot].Rules {
			r := rule{&policies[slot].Rules[i], len(all), with}
			if r.bit == Max {
				return nil, fmt.Errorf("more than %d rules", Max)
			}
			all = append(all, r)
		}
		if len(policies[slot].Rules) > 0 {
			slots |= 1 << slot
			with++
		}
	}
	c.Spread = gather(slots)
	c.Words = (len(all) + 63) / 64
	c.fold(all)
	c.restricted(all)
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
		begins := r.bit == 0 || all[r.bit-1].policy != r.policy
		ends := r.bit == len(all)-1 || all[r.bit+1].policy != r.policy
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
		if from > 0 && all[from-1].policy == r.policy {
			w.Continued |= bit
		}
		if to < len(all)-1 && all[to+1].policy == r.policy {
			w.Continuing |= bit
		}
		if r.bit == from {
			w.Before = uint64(r.policy)
		}
	}
	for i := range c.Words {
		c.Fold[i].Gather = gather(c.Fold[i].Last)
	}
}
