package decide_test

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/openifit/openifit/controller/analyze"
	"github.com/openifit/openifit/controller/decide"
	"github.com/openifit/openifit/controller/measure"
	"github.com/openifit/openifit/controller/policy"
)

const second = int64(time.Second)

func flow(n int) measure.Flow {
	return measure.Flow{
		Source: netip.AddrFrom4([4]byte{10, 0, byte(n >> 8), byte(n)}), Destination: netip.MustParseAddr("10.9.0.1"),
		SourcePort: 1000, DestinationPort: 80, Protocol: 17,
	}
}

// list is a PBT_M policy with a flow list and the given owner.
func list(t testing.TB, owner string, flows ...measure.Flow) *policy.Policy {
	t.Helper()
	p, err := policy.Parse(fmt.Appendf(nil, `{"name": "paths", "config": {"name": "paths", "technique": "PBT_M", "owner": %q},
		"flow-selection": {"config": {"source": "FLOW_LIST"}},
		"packet-selection": {"config": {"algorithm": "UNIFORM_PROBABILISTIC", "probability": "0.015625"}}}`, owner))
	if err != nil {
		t.Fatal(err)
	}
	if p, err = p.WithFlows(flows); err != nil {
		t.Fatal(err)
	}
	return p
}

// sameReplay takes the step again from its record and compares.
func sameReplay(t *testing.T, kind string, config, state, input any, want []decide.Decision) {
	t.Helper()
	r, err := decide.NewRecord(kind, config, state, input)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var again decide.Record
	if err := json.Unmarshal(text, &again); err != nil {
		t.Fatal(err)
	}
	got, err := again.Replay()
	if err != nil {
		t.Fatal(err)
	}
	a, errA := json.Marshal(got)
	b, errB := json.Marshal(want)
	if errA != nil || errB != nil || string(a) != string(b) {
		t.Fatalf("replayed\n%s\nwas\n%s", a, b)
	}
}

// elephants runs the loop over epochs; rate gives each flow's rate.
type elephants struct {
	cfg    decide.Elephants
	state  decide.ElephantsState
	target *policy.Policy
	tally  decide.Tally
	epoch  int
	steps  int
}

func (e *elephants) step(t *testing.T, rates map[int]uint64) {
	t.Helper()
	in := decide.ElephantsInput{
		Now: int64(e.epoch) * second, Target: e.target,
		Evidence: measure.Seal([]measure.Measurement{{Name: "paths", Value: 1}}),
	}
	for n, r := range rates {
		in.Heavy = append(in.Heavy, analyze.FlowRate{Flow: flow(n), OctetsPerSecond: r, Node: "r1"})
	}
	e.epoch++
	before := e.state
	next, decisions, tally, err := e.cfg.Step(before, in)
	if err != nil {
		t.Fatal(err)
	}
	if len(decisions) > 0 {
		sameReplay(t, decide.TypeElephants, e.cfg, before, in, decisions)
	}
	e.state = next
	e.tally.Add(tally)
	for _, d := range decisions {
		e.steps++
		if len(d.Action.Changes) == 0 || len(d.Inverse.Changes) == 0 || d.Cause.Summary == "" {
			t.Errorf("decision without changes, inverse or cause: %+v", d)
		}
		if got := policy.Diff(d.Inverse.Want, e.target); got != nil {
			t.Errorf("the inverse does not lead back: %+v", got)
		}
		e.target = d.Action.Want
	}
}

func (e *elephants) run(t *testing.T, epochs int, rates map[int]uint64) {
	t.Helper()
	for range epochs {
		e.step(t, rates)
	}
}

func TestElephants(t *testing.T) {
	cfg := decide.DefaultElephants("elephants")
	cfg.Enter, cfg.Leave, cfg.MaxFlows = 100, 50, 3

	t.Run("a policy of somebody else", func(t *testing.T) {
		e := &elephants{cfg: cfg, target: list(t, "operator", flow(9))}
		e.run(t, 10, map[int]uint64{1: 1000})
		if len(e.target.Flows()) != 1 || e.steps != 0 {
			t.Errorf("flows %v", e.target.Flows())
		}
	})
	t.Run("no policy", func(t *testing.T) {
		e := &elephants{cfg: cfg}
		e.run(t, 3, map[int]uint64{1: 1000})
		if e.steps != 0 {
			t.Error("decided on a policy that is not there")
		}
	})
	t.Run("a short burst", func(t *testing.T) {
		e := &elephants{cfg: cfg, target: list(t, "elephants")}
		for range 10 {
			e.step(t, map[int]uint64{1: 1000})
			e.step(t, map[int]uint64{1: 10})
		}
		if e.steps != 0 {
			t.Errorf("flows %v", e.target.Flows())
		}
	})
	t.Run("too many", func(t *testing.T) {
		e := &elephants{cfg: cfg, target: list(t, "elephants")}
		e.run(t, 3, map[int]uint64{1: 101, 2: 102, 3: 103, 4: 104, 5: 105})
		got := e.target.Flows()
		if len(got) != 3 || got[0] != flow(3) || e.tally.Budget == 0 {
			t.Errorf("flows %v, tally %+v", got, e.tally)
		}
	})
	t.Run("within the dead band nothing moves", func(t *testing.T) {
		e := &elephants{cfg: cfg, target: list(t, "elephants", flow(1))}
		for i := range 50 {
			e.step(t, map[int]uint64{1: uint64(51 + i%49), 2: uint64(51 + i%49)})
		}
		if e.steps != 0 {
			t.Errorf("%d steps", e.steps)
		}
	})
	t.Run("comes and goes", func(t *testing.T) {
		e := &elephants{cfg: cfg, target: list(t, "elephants")}
		e.run(t, 2, map[int]uint64{1: 500, 2: 500, 7: 60})
		if len(e.target.Flows()) != 2 || e.steps != 1 {
			t.Fatalf("flows %v after %d steps", e.target.Flows(), e.steps)
		}
		e.run(t, 4, map[int]uint64{1: 500})
		if len(e.target.Flows()) != 2 {
			t.Fatalf("gone too early: %v", e.target.Flows())
		}
		e.step(t, map[int]uint64{1: 500})
		if got := e.target.Flows(); len(got) != 1 || got[0] != flow(1) {
			t.Errorf("flows %v", got)
		}
	})
	t.Run("bounded changes", func(t *testing.T) {
		e := &elephants{cfg: cfg, target: list(t, "elephants")}
		e.cfg.EnterEpochs, e.cfg.LeaveEpochs, e.cfg.MaxChanges = 1, 1, 4
		for i := range 60 {
			e.step(t, map[int]uint64{i: 1000})
		}
		if e.steps > 8 || e.tally.Damping == 0 {
			t.Errorf("%d steps in a minute, tally %+v", e.steps, e.tally)
		}
	})
	t.Run("kill", func(t *testing.T) {
		target := list(t, "elephants", flow(1), flow(2))
		got, err := cfg.Clear(1, target, "killed")
		if err != nil || len(got) != 1 || len(got[0].Action.Want.Flows()) != 0 {
			t.Errorf("decisions %+v, %v", got, err)
		}
		if got, err := cfg.Clear(1, list(t, "operator", flow(1)), "killed"); err != nil || got != nil {
			t.Errorf("touched the operator's policy: %+v, %v", got, err)
		}
	})
}
