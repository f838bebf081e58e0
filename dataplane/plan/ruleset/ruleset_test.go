package ruleset_test

import (
	"testing"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/dataplane/plan/plantest"
	"github.com/openifit/openifit/dataplane/plan/ruleset"
)

func rulesOf(policies []plan.Policy) [][]plan.Rule {
	out := make([][]plan.Rule, len(policies))
	for i := range policies {
		out[i] = policies[i].Rules
	}
	return out
}

// decider reads the rules one by one.
func decider(rules []plan.Rule, k *flow.Key) int {
	for i := range rules {
		if rules[i].Matches(k) {
			return i
		}
	}
	return -1
}

func TestPoliciesWithoutRules(t *testing.T) {
	g := plantest.New(1)
	k := g.Flow()
	for _, policies := range [][][]plan.Rule{nil, {nil}, {nil, nil}} {
		ruleset.New(policies).Deciders(&k, nil, func(policy, rule int) {
			t.Errorf("%v: rule %d of policy %d decided", policies, rule, policy)
		})
	}
	// A policy without rules between others does not disturb them.
	any := plan.Rule{Protocol: -1, DSCP: -1, FlowLabel: -1, SourcePort: plan.AnyPort, DestinationPort: plan.AnyPort}
	found := 0
	ruleset.New([][]plan.Rule{nil, {any}, nil}).Deciders(&k, nil, func(policy, rule int) {
		if found++; policy != 1 || rule != 0 {
			t.Errorf("rule %d of policy %d decided", rule, policy)
		}
	})
	if found != 1 {
		t.Errorf("%d rules decided", found)
	}
}

// The set and the plain reading of rules find the same ones.
func TestDeciders(t *testing.T) {
	g := plantest.New(7)
	var scratch []uint64
	decided := 0
	for round := range 100 {
		policies := rulesOf(g.Policies(1+g.IntN(plan.MaxRules), []int{3, 32, 400}[round%3]))
		set := ruleset.New(policies)
		for range 200 {
			k := g.Flow()
			got := make(map[int]int)
			scratch = set.Deciders(&k, scratch, func(policy, rule int) { got[policy] = rule })
			for policy, rules := range policies {
				rule, ok := got[policy]
				if !ok {
					rule = -1
				}
				if want := decider(rules, &k); rule != want {
					t.Fatalf("flow %+v: rule %d of policy %d decided, want %d of %+v", k, rule, policy, want, rules)
				}
				if ok {
					decided++
				}
			}
		}
	}
	if decided < 1000 {
		t.Errorf("rules decided %d times: too few to say anything", decided)
	}
}

func BenchmarkDeciders(b *testing.B) {
	g := plantest.New(1)
	set := ruleset.New(rulesOf(g.Policies(1000, 32)))
	var flows [256]flow.Key
	for i := range flows {
		flows[i] = g.Flow()
	}
	var scratch []uint64
	n := 0
	for i := 0; b.Loop(); i++ {
		scratch = set.Deciders(&flows[i%256], scratch, func(int, int) { n++ })
	}
}

func BenchmarkNew(b *testing.B) {
	g := plantest.New(1)
	rules := rulesOf(g.Policies(1000, 32))
	for b.Loop() {
		ruleset.New(rules)
	}
}

// BenchmarkOneByOne is what a set spares.
func BenchmarkOneByOne(b *testing.B) {
	g := plantest.New(1)
	rules := rulesOf(g.Policies(1000, 32))
	var flows [256]flow.Key
	for i := range flows {
		flows[i] = g.Flow()
	}
	n := 0
	for i := 0; b.Loop(); i++ {
		for _, r := range rules {
			n += decider(r, &flows[i%256])
		}
	}
}
