//go:build linux

package probe_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/dataplane/probe"
	"github.com/openifit/openifit/dataplane/probe/probetest"
)

// changes are the tests of what a commit does to packets and counts, of death
// in the midst of it, and of what is left at the end.
const changes = "^Test(CommitIsAllOrNothing|AbortLeavesNothing|StaleChange|AdjustedInPlace|RecordsKeepTheirGeneration|" +
	"RecordsOfWhatIsGone|Interface.*|DestroyLeavesNothing|KilledAgainAndAgain|Successor.*|Marking|MarksEnd)$"

// Changes are as exact on kernels that lack what newer ones have: a table over
// ways to attach and to load.
func TestChangesWithoutWhatOlderKernelsLack(t *testing.T) {
	for _, without := range [][]string{
		{probe.FeatureTCX},
		{probe.FeatureTCX, probe.FeatureRingBuffer, probe.FeatureIterator, probe.FeatureSkipNeighbour, probe.FeatureStatistics},
	} {
		t.Run(strings.Join(without, " "), func(t *testing.T) { probetest.Rerun(t, changes, without...) })
	}
}

func TestWithoutAnUnknownFeature(t *testing.T) {
	pair := probetest.NewPair(t)
	err := pair.Do(func() error {
		_, err := probe.Open(probe.Config{PinDir: pair.PinDir, Without: []string{"warp-drive"}})
		return err
	})
	if err == nil || !strings.Contains(err.Error(), `"warp-drive"`) || !strings.Contains(err.Error(), probe.FeatureTCX) {
		t.Errorf("got %v", err)
	}
}

// Each feature says what is done without it, and is absent where it was
// switched off.
func TestFeaturesAreShown(t *testing.T) {
	pair := probetest.NewPair(t)
	engine := pair.Open(t, probe.Config{PinDir: pair.PinDir, Without: []string{probe.FeatureTCX}})
	seen := 0
	for _, f := range engine.Features() {
		if f.Fallback == "" {
			t.Errorf("%s: nothing is said of what is done without it", f.Name)
		}
		if (f.Name == probe.FeatureTCX) == f.Available {
			t.Errorf("%s: available is %t", f.Name, f.Available)
		}
		seen++
	}
	if seen == 0 || engine.Has(probe.FeatureTCX) || !engine.Has(probe.FeatureRingBuffer) {
		t.Errorf("%d features: %+v", seen, engine.Features())
	}
}

// everything is a plan with all that calls what kernels may lack.
func everything(pair *probetest.Pair) plan.Plan {
	var sampled []plan.Policy
	for id := uint32(20); id < 32; id++ {
		p := probetest.Metering(id, 1)
		p.Select = plan.Selection{Algorithm: plan.SelectUniform, Threshold: 1 << 31}
		p.Rules = []plan.Rule{{
			Sequence: 1, Protocol: 17, DSCP: -1, FlowLabel: -1, SourcePort: plan.AnyPort, DestinationPort: plan.AnyPort,
		}}
		sampled = append(sampled, p)
	}
	watch := plan.Policy{
		PolicyRef: flow.PolicyRef{ID: 2, Generation: 1}, Name: "watch", Actions: plan.ActEvent, Keys: plan.Key5Tuple,
		Triggers: []plan.Trigger{{Name: "new", Metric: flow.MetricNewFlow, PerFlow: true}},
	}
	in := pair.Edge(plan.ForeignStrip, append(sampled, probetest.Marking(plan.ActMark|plan.ActPostcard))...)
	out := pair.Egress(probetest.Marking(plan.ActPostcard), watch)
	out.Postcards, out.Unmark = true, true
	p := probetest.MarkPlan(in, out)
	p.MaxSelected = 1000
	return p
}

// What a program can do without it does not call: such calls are unknown to
// the verifier here.
func TestEverythingLoadsWithoutWhatIsLacking(t *testing.T) {
	for _, without := range [][]string{
		{probe.FeatureRingBuffer}, {probe.FeatureTimestamp}, {probe.FeatureIterator}, {probe.FeatureSkipNeighbour}, {probe.FeatureTCX},
	} {
		t.Run(without[0], func(t *testing.T) {
			pair := probetest.NewPair(t)
			engine := pair.Open(t, probe.Config{PinDir: pair.PinDir, Without: without})
			pair.Apply(t, engine, everything(pair))
			pair.SendUDP(t, 4, 1000, 3)
			if c := pointCounters(t, engine, pair.Ingress().ID); c.Packets < 3 {
				t.Errorf("counted %+v", c)
			}
		})
	}
}

// Where no program can see packets behind their queue, triggers that need it
// are refused.
func TestDeparturesNeedTheKernel(t *testing.T) {
	pair := probetest.NewPair(t)
	engine := pair.Open(t, probe.Config{PinDir: pair.PinDir, Without: []string{probe.FeatureTracing}})
	watching := probetest.Metering(1, 1)
	watching.Actions = plan.ActEvent
	watching.Triggers = []plan.Trigger{{Name: "t", Metric: flow.MetricTransitDelay, Raise: 1, Clear: 1}}
	err := pair.Do(func() error {
		_, err := engine.Prepare(plan.Plan{MaxFlows: 64, Points: []plan.Point{pair.Egress(watching)}})
		return err
	})
	if !errors.Is(err, probe.ErrNoDepartures) {
		t.Errorf("got %v", err)
	}
}

// Where the kernel cannot stamp packets, a point that would is refused.
func TestStampsNeedTheKernel(t *testing.T) {
	pair := probetest.NewPair(t)
	engine := pair.Open(t, probe.Config{PinDir: pair.PinDir, Without: []string{probe.FeatureTimestamp}})
	stamping := pair.Ingress(probetest.Metering(1, 1))
	stamping.Stamp = true
	err := pair.Do(func() error {
		_, err := engine.Prepare(plan.Plan{MaxFlows: 64, Points: []plan.Point{stamping}})
		return err
	})
	if err == nil || !strings.Contains(err.Error(), probe.FeatureTimestamp) {
		t.Errorf("got %v", err)
	}
}
