//go:build linux

package probe_test

import (
	"testing"
	"time"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/dataplane/probe"
	"github.com/openifit/openifit/dataplane/probe/probetest"
)

// selections has every algorithm, per flow too, at one point.
func selections() (out []plan.Policy) {
	properties := plan.AnyProperties()
	properties.TCPClear, properties.ECN = 2, 1
	ranges := [plan.MaxHashRanges]plan.HashRange{{Min: 0, Max: 60000}}
	for i, s := range []plan.Selection{
		{Algorithm: plan.SelectSystematicCount, Interval: 1, Space: 9},
		{Algorithm: plan.SelectSystematicCount, Interval: 1, Space: 9, PerFlow: true},
		{Algorithm: plan.SelectSystematicTime, Interval: 1, Space: 9},
		{Algorithm: plan.SelectRandom, Size: 1, Population: 10},
		{Algorithm: plan.SelectRandom, Size: 1, Population: 10, PerFlow: true},
		{Algorithm: plan.SelectUniform, Threshold: 1 << 31},
		{Algorithm: plan.SelectUniform, Threshold: 1 << 31, PerFlow: true},
		{Algorithm: plan.SelectProperty, Match: properties},
		{Algorithm: plan.SelectHashBOB, NumRanges: 1, Ranges: ranges},
		{Algorithm: plan.SelectHashIPSX, NumRanges: 1, Ranges: ranges},
		{Algorithm: plan.SelectHashCRC32, NumRanges: 1, Ranges: ranges},
	} {
		p := probetest.Metering(uint32(20+i), 1)
		p.Select = s
		out = append(out, p)
	}
	return out
}

// All of it fits into one program, stack included.
func TestEverySelectionAndMarkAtOnePoint(t *testing.T) {
	for name, without := range map[string][]string{"this kernel": nil, "without iterators": {probe.FeatureIterator}} {
		t.Run(name, func(t *testing.T) {
			pair := probetest.NewRouter(t)
			engine := pair.Open(t, probe.Config{PinDir: pair.PinDir, Without: without})
			in := pair.Edge(plan.ForeignStrip, append(selections(),
				probetest.MarkingIn(plan.MarkLabel, plan.ActMark|plan.ActPostcard))...)
			in.Stamp = true
			digest := selections()[8]
			digest.ID, digest.Actions = 50, plan.ActDigest
			watch := plan.Policy{
				PolicyRef: flow.PolicyRef{ID: 51, Generation: 1}, Name: "watch", Actions: plan.ActEvent, Keys: plan.Key5Tuple,
				Triggers: []plan.Trigger{{Name: "new", Metric: flow.MetricNewFlow, PerFlow: true}},
			}
			out := pair.Egress(append(selections(), probetest.MarkingIn(plan.MarkFlag, plan.ActPostcard), digest, watch)...)
			out.Postcards, out.Unmark = true, true
			pair.Apply(t, engine, probetest.FieldPlan(in, out))
			if err := engine.RenewLease(probetest.MarkPolicy, time.Minute); err != nil {
				t.Fatal(err)
			}
			for id, want := range map[plan.PointID]uint32{in.ID: 0, out.ID: 7} {
				pair.Runner(t, engine, id).Repeat(t, in6(10, 5).Frame(), probetest.Arrival{Ingress: want}, 10)
				for policy := uint32(20); policy < 31; policy++ {
					if c := policyCounters(t, engine, id, policy); c.Observed < 10 {
						t.Errorf("%s, policy %d: %+v", id, policy, c)
					}
				}
			}
		})
	}
}
