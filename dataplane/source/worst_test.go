//go:build linux

package source_test

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/dataplane/plan/plantest"
	"github.com/openifit/openifit/dataplane/probe/probetest"
	"github.com/openifit/openifit/lab/packet"
)

// selections are packet selection in every way, for the policies to take in turn.
func selections() []plan.Selection {
	hashed := plan.Selection{NumRanges: 1, Ranges: [plan.MaxHashRanges]plan.HashRange{{Min: 0, Max: 1 << 15}}}
	of := func(a plan.Algorithm) plan.Selection {
		hashed.Algorithm = a
		return hashed
	}
	return []plan.Selection{
		{},
		{Algorithm: plan.SelectSystematicCount, Interval: 1, Space: 3},
		{Algorithm: plan.SelectSystematicCount, Interval: 1, Space: 3, PerFlow: true},
		{Algorithm: plan.SelectUniform, Threshold: 1 << 31},
		{Algorithm: plan.SelectUniform, Threshold: 1 << 31, PerFlow: true},
		{Algorithm: plan.SelectSystematicTime, Interval: 1000, Space: 1000},
		{Algorithm: plan.SelectRandom, Size: 2, Population: 9},
		of(plan.SelectHashBOB), of(plan.SelectHashIPSX), of(plan.SelectHashCRC32),
	}
}

// crowded is a point that carries as many policies and rules as it can, which
// do all that is possible there, with layers of either header.
func crowded(point plan.Point, egress, layers bool) plan.Point {
	g := plantest.New(7)
	ways := selections()
	for i := range plan.MaxPolicies {
		p := with(probetest.Metering(uint32(100+i), 1), func(p *plan.Policy) {
			p.Keys = wideOuter().Keys | plan.KeyIngressInterface
			p.Inner = layers && i%2 == 1
			p.Select = ways[i/2%len(ways)]
			for n := range plan.MaxRules / plan.MaxPolicies {
				p.Rules = append(p.Rules, g.Rule(n))
			}
		})
		switch i {
		case 0:
			p.Actions, p.Sketch = plan.ActSketch, plan.Sketch{
				Parts: plan.SketchHeavy | plan.SketchDistinct | plan.SketchSpread, TopK: 8, Epoch: time.Hour, LeastDestinations: 2,
			}
		case 2:
			p.Actions = plan.ActEvent
			p.Triggers = []plan.Trigger{
				{Name: "new", Metric: flow.MetricNewFlow, PerFlow: true},
				{Name: "rate", Metric: flow.MetricFlowRate, Raise: 1 << 30, Clear: 1, PerFlow: true},
			}
		case 4:
			p.Rules, p.FlowList, p.Flows = nil, true, []flow.ID{key(4, 17, 1000, 2000).ID}
		case 6:
			p.Actions |= plan.ActTCP
		case 8:
			mark := probetest.Marking(plan.ActPostcard)
			if !egress {
				mark = probetest.Marking(plan.ActMark | plan.ActPostcard)
			}
			p = mark
		case 10:
			if egress {
				p.Actions |= plan.ActDelay
			}
		case 14:
			if egress {
				p.Actions, p.Select = plan.ActDigest, ways[7]
			}
		}
		point.Policies = append(point.Policies, p)
	}
	return point
}

// The verifier takes the program of a point that does everything at once, and
// packets pass it.
func TestEverythingAtOnce(t *testing.T) {
	frames := [][]byte{with(v6(packet.TCP), func(s *packet.Spec) {
		s.Source = netip.MustParseAddrPort("[fd00::1]:5")
	}).Frame()}
	for _, tt := range tunnelled() {
		frames = append(frames, tt.frame)
	}
	for _, layers := range []bool{false, true} {
		pair := probetest.NewRouter(t)
		engine := pair.Engine(t)
		in, out := crowded(pair.Edge(plan.ForeignStrip), false, layers), crowded(pair.Egress(), true, layers)
		in.Stamp, out.Role, out.Postcards, out.Unmark = true, plan.RoleEdge, true, true
		next := probetest.MarkPlan(in, out)
		next.MaxFlows, next.MaxSelected, next.MaxPostcards = 1024, 1000, 1000
		pair.Apply(t, engine, next)
		for _, point := range []plan.Point{in, out} {
			run := pair.Runner(t, engine, point.ID)
			for _, frame := range frames {
				got := run.Run(t, frame, probetest.Arrival{Ingress: pair.Ifindex, Segments: 3, SegmentSize: 40})
				if got.Verdict != probetest.Next || len(got.Frame) != len(frame) || !bytes.Equal(got.Frame[:12], frame[:12]) {
					t.Errorf("point %s: verdict %d, %x became %x", point.ID, got.Verdict, frame, got.Frame)
				}
			}
		}
	}
}
