package meter

import (
	"testing"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/dataplane/plan/plantest"
)

// ruled are metering policies of the rules of a random plan.
func ruled(g plantest.Generator, rules int) []Policy {
	var out []Policy
	for _, p := range g.Policies(rules, 40) {
		policy := metering(p.ID)
		policy.Rules, policy.Records = p.Rules, false
		out = append(out, policy)
	}
	return out
}

// Every packet is a hit of exactly that rule of each policy which decides.
func TestHitsOfManyRules(t *testing.T) {
	g := plantest.New(5)
	m := New(func(*Record) {})
	want := make(map[uint32]map[uint32]uint64)
	policies := ruled(g, plan.MaxRules)
	for round := range 3 {
		// Now and then all rules of one policy are others.
		policies[round].Rules = g.Policies(20, 20)[0].Rules
		m.Configure(nil)
		for range drainsToRetire {
			m.Drained(0)
		}
		clear(want)
		m.Configure(policies)
		for range 500 {
			r := record("10.0.0.1", 1, uint64(1+g.IntN(5)))
			r.Key = g.Flow()
			m.Observe(&r, 0)
			for _, p := range policies {
				for i := range p.Rules {
					if p.Rules[i].Matches(&r.Key) {
						if want[p.ID] == nil {
							want[p.ID] = make(map[uint32]uint64)
						}
						want[p.ID][p.Rules[i].Sequence] += r.Packets
						break
					}
				}
			}
		}
		for _, p := range policies {
			for _, hits := range m.Hits(p.ID) {
				if hits.Packets != want[p.ID][hits.Sequence] {
					t.Fatalf("rule %d of policy %d: %d hits, want %d", hits.Sequence, p.ID, hits.Packets, want[p.ID][hits.Sequence])
				}
			}
		}
	}
}

// Rules that change under the same policy count under their own sequence.
func TestHitsAfterRulesChanged(t *testing.T) {
	g := plantest.New(6)
	m := New(func(*Record) {})
	p := metering(1)
	first := plan.Rule{Sequence: 1, Protocol: 6, DSCP: -1, FlowLabel: -1, SourcePort: plan.AnyPort, DestinationPort: plan.AnyPort}
	second := first
	second.Sequence, second.Protocol = 2, -1
	r := record("10.0.0.1", 1, 1)
	for n, rules := range [][]plan.Rule{{first, second}, {second}, {first}} {
		r.Key = g.Flow()
		r.Key.Protocol = 6
		p.Rules = rules
		m.Configure([]Policy{p})
		m.Observe(&r, 0)
		if hits := m.Hits(1); hits[0].Packets != 1 {
			t.Errorf("round %d: %+v", n, hits)
		}
	}
}

// BenchmarkDrainManyRules is a drain of 100,000 flows at a point with 1,000
// rules.
func BenchmarkDrainManyRules(b *testing.B) {
	g := plantest.New(5)
	m := New(func(*Record) {})
	m.Configure(ruled(g, 1000))
	records := make([]flow.Record, 100_000)
	for i := range records {
		records[i] = record("10.0.0.1", 1, 1)
		records[i].Key = g.Flow()
	}
	b.ReportAllocs()
	for b.Loop() {
		for i := range records {
			m.Observe(&records[i], 0)
		}
	}
}
