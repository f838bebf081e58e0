//go:build linux

package source_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/dataplane/probe"
	"github.com/openifit/openifit/dataplane/probe/probetest"
	"github.com/openifit/openifit/lab/packet"
)

var errFault = errors.New("fault")

// adoptable is a plan with everything that points of a node share.
func adoptable(pair *probetest.Pair) plan.Plan {
	delay := plan.Trigger{Name: "delay", Metric: flow.MetricTransitDelay, Raise: uint64(time.Hour), Clear: 1}
	sketch := sketching(4)
	sketch.Sketch.Epoch = 100 * time.Millisecond
	in := pair.Edge(plan.ForeignStrip, probetest.Marking(plan.ActMark|plan.ActPostcard), sketch)
	in.Stamp = true
	out := pair.Egress(probetest.Marking(plan.ActPostcard), monitoring(newFlow, delay))
	out.Postcards = true
	return probetest.MarkPlan(in, out)
}

// While no process is there, stripping, postcards, sketches and triggers go
// on; what they found is there for the next process, and counted once.
func TestTheNodeOutlivesTheProcess(t *testing.T) {
	pair := probetest.NewRouter(t)
	first := pair.Engine(t)
	pair.Apply(t, first, adoptable(pair))
	in, out := pair.Ingress().ID, pair.Egress().ID
	if err := first.RenewLease(probetest.MarkPolicy, time.Hour); err != nil {
		t.Fatal(err)
	}
	ingress, egress := pair.Runner(t, first, in), pair.Runner(t, first, out)
	frame := probetest.UDP(probetest.Beyond4, probetest.Mark0).Frame()
	egress.Run(t, frame, probetest.Arrival{Ingress: 7})
	transmit := transmitLink(t, pair)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}

	work := func() {
		t.Helper()
		result := ingress.Run(t, frame, probetest.Arrival{Ingress: pair.Ifindex})
		if seen, err := packet.Parse(result.Frame); err != nil || seen.DSCP != probetest.Mark0 {
			t.Errorf("under the lease: %+v, %v", seen, err)
		}
		egress.Run(t, frame, probetest.Arrival{Ingress: 7})
	}
	work()
	second := pair.Open(t, probe.Config{PinDir: pair.PinDir})
	work()
	pair.Apply(t, second, adoptable(pair))
	ingress, egress = pair.Runner(t, second, in), pair.Runner(t, second, out)
	work()
	if now := transmitLink(t, pair); now != transmit {
		t.Errorf("the same transmit program was attached anew: link %d became %d", transmit, now)
	}

	kept, lost := 4, uint64(0)
	if probetest.Lacks(probe.FeatureRingBuffer) {
		// A perf buffer does not outlive its reader, and there was none.
		kept, lost = 0, 4
	}
	if c := policyAt(t, second, out); c.Postcards != uint64(kept) || c.PostcardsLost != lost {
		t.Errorf("%+v", c)
	}
	cards := readPostcards(t, second)
	for range kept {
		if card := cards.next(t); card.Policy.ID != probetest.MarkPolicy || card.EgressIfindex != pair.Ifindex {
			t.Errorf("%+v", card)
		}
	}
	counters, err := second.TriggerCounters()
	if err != nil {
		t.Fatal(err)
	}
	if len(counters) != 2 {
		t.Errorf("%+v", counters)
	}
	for _, c := range counters {
		if want := map[uint8]uint64{0: 1, 1: 0}[c.Trigger]; c.Events != want {
			t.Errorf("trigger %d told %d events, want %d", c.Trigger, c.Events, want)
		}
	}
	policy := policyAt(t, second, in)
	if policy.Marked != 3 || policy.LeaseExpired != 0 {
		t.Errorf("%+v", policy)
	}
	// Whose epoch it was is not known any more: it is not handed out.
	if err := second.EndSketchEpoch(in, func(*ebpf.Map) error {
		t.Error("an epoch of two processes was handed out")
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	work()
	if list, _ := epoch(t, second); len(list) != 1 || list[0].Packets != 1 {
		t.Errorf("%+v", list)
	}
}

// transmitLink identifies the link of the node's transmit program.
func transmitLink(t *testing.T, pair *probetest.Pair) link.ID {
	t.Helper()
	l, err := link.LoadPinnedLink(filepath.Join(pair.PinDir, "xmit", "link"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	info, err := l.Info()
	if err != nil {
		t.Fatal(err)
	}
	return info.ID
}

func policyAt(t *testing.T, engine *probe.Engine, id plan.PointID) probe.PolicyCounters {
	t.Helper()
	all, err := engine.PolicyCounters()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		if c.Point == id && c.Policy == probetest.MarkPolicy {
			return c
		}
	}
	t.Fatalf("no counters of the policy at point %s", id)
	return probe.PolicyCounters{}
}

// A step of a commit that fails leaves marks, triggers and sketches as they
// were.
func TestFailedCommitsChangeNothingShared(t *testing.T) {
	pair := probetest.NewRouter(t)
	var fail string
	var steps []string
	engine := pair.Open(t, probe.Config{PinDir: pair.PinDir, Fault: func(step string) error {
		steps = append(steps, step)
		if step == fail {
			return errFault
		}
		return nil
	}})
	pair.Apply(t, engine, adoptable(pair))
	frame := probetest.UDP(probetest.Beyond4, probetest.Mark0).Frame()
	pair.Runner(t, engine, pair.Egress().ID).Run(t, frame, probetest.Arrival{Ingress: 7})

	// The next plan knows no marks, other triggers and no sketch.
	next := plan.Plan{MaxFlows: 64, Points: []plan.Point{
		pair.Ingress(probetest.Metering(70, 1)), pair.Egress(monitoring(pathChange)),
	}}
	steps = nil
	prepare := func() error {
		return pair.Do(func() error {
			change, err := engine.Prepare(next)
			if err != nil {
				t.Fatal(err)
			}
			return change.Commit()
		})
	}
	fail = "settle what points share"
	if err := prepare(); err == nil {
		t.Fatal("the commit did not fail")
	}
	if len(steps) < 4 {
		t.Errorf("the commit has the steps %q alone", steps)
	}
	for _, step := range steps {
		fail = step
		if err := prepare(); err == nil {
			t.Fatalf("the commit did not fail at %q", step)
		}
		stripped := pair.Runner(t, engine, pair.Ingress().ID).Run(t, frame, probetest.Arrival{})
		if seen, err := packet.Parse(stripped.Frame); err != nil || seen.DSCP != 0 {
			t.Errorf("after a failure at %q a foreign mark came in: %+v, %v", step, seen, err)
		}
		counters, err := engine.TriggerCounters()
		if err != nil {
			t.Fatal(err)
		}
		if len(counters) != 2 || counters[0].Events+counters[1].Events != 1 {
			t.Errorf("after a failure at %q: %+v", step, counters)
		}
		if sketches, err := engine.Sketches(); err != nil || len(sketches) != 1 {
			t.Errorf("after a failure at %q: %+v, %v", step, sketches, err)
		}
	}
	fail = ""
	if err := prepare(); err != nil {
		t.Fatal(err)
	}
	if sketches, err := engine.Sketches(); err != nil || len(sketches) != 0 {
		t.Errorf("%+v, %v", sketches, err)
	}
	if _, err := os.Stat(filepath.Join(pair.PinDir, "xmit")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the transmit program is still there without a delay to watch: %v", err)
	}
	passed := pair.Runner(t, engine, pair.Ingress().ID).Run(t, frame, probetest.Arrival{})
	if seen, err := packet.Parse(passed.Frame); err != nil || seen.DSCP != probetest.Mark0 {
		t.Errorf("what is no mark any more was changed: %+v, %v", seen, err)
	}
}
