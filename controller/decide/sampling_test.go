package decide_test

import (
	"strings"
	"testing"
	"time"

	"github.com/openifit/openifit/controller/analyze"
	"github.com/openifit/openifit/controller/decide"
	"github.com/openifit/openifit/controller/measure"
	"github.com/openifit/openifit/controller/policy"
)

// sampling runs the loop by a virtual clock, with measurements that answer.
type sampling struct {
	cfg     decide.Sampling
	state   decide.SamplingState
	base    *policy.Policy
	present *policy.Policy
	now     int64
	// other is the load beside the policy, part what the policy exports at the
	// base's rate; octets/s.
	other, part float64
	unmeasured  bool
	silent      []string
	from        int64
	tally       decide.Tally
	log         []decide.Decision
}

func newSampling(t *testing.T) *sampling {
	cfg := decide.DefaultSampling("adaptive")
	cfg.Budget = 100_000
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	return &sampling{
		cfg: cfg, base: list(t, "elephants", flow(1), flow(2), flow(3)), now: 100 * second,
		other: 10_000, part: 1_000, from: 98 * second,
	}
}

// share is what base and raise select together.
func (s *sampling) share() float64 {
	base, _ := s.base.Probability()
	if s.state.Raise == nil {
		return base
	}
	raise, _ := s.state.Raise.Probability()
	return 1 - (1-base)*(1-raise)
}

func (s *sampling) rates() analyze.Rates {
	base, _ := s.base.Probability()
	part := s.part * s.share() / base
	return analyze.Rates{From: s.from, Silent: s.silent, Nodes: []analyze.NodeRates{{
		Node: "r1", From: s.from, To: s.now, OctetsPerSecond: s.other + part, OctetsPerRecord: 100,
		Records: map[string]float64{"paths": part / 100},
	}}}
}

func (s *sampling) step(t *testing.T, after time.Duration, conditions ...analyze.Condition) []decide.Decision {
	t.Helper()
	s.now += int64(after)
	if s.now-s.from > second {
		s.from = s.now - second
	}
	in := decide.SamplingInput{
		Now: s.now, Conditions: conditions, Rates: s.rates(), Measured: !s.unmeasured,
		Base: s.base, Present: s.present, Evidence: measure.Seal([]measure.Measurement{{Name: "udp", Value: 1}}),
	}
	before := s.state
	next, decisions, tally, err := s.cfg.Step(before, in)
	if err != nil {
		t.Fatal(err)
	}
	if len(decisions) > 0 {
		sameReplay(t, decide.TypeSampling, s.cfg, before, in, decisions)
	}
	s.state = next
	s.tally.Add(tally)
	for _, d := range decisions {
		if len(d.Action.Changes) == 0 || len(d.Inverse.Changes) == 0 || d.Cause.Summary == "" {
			t.Errorf("decision without changes, inverse or cause: %+v", d)
		}
		if want := d.Action.Want; want != nil && (want.Owner() != "adaptive" || want.Lifetime() > 10*time.Second || want.Lifetime() == 0) {
			t.Errorf("raise of %s for %v", want.Owner(), want.Lifetime())
		}
		if d.Action.Policy != "paths.raise" {
			t.Errorf("the loop touched %s", d.Action.Policy)
		}
	}
	for _, d := range decisions {
		s.present = d.Action.Want
	}
	if s.present != nil && s.present.Owner() == "adaptive" && s.state.Raise == nil {
		s.present = nil // expired
	}
	s.log = append(s.log, decisions...)
	return decisions
}

func (s *sampling) kinds() string {
	var kinds []string
	for _, d := range s.log {
		kinds = append(kinds, string(d.Action.Kind))
	}
	return strings.Join(kinds, " ")
}

var (
	queue = analyze.Condition{Node: "r3", Interface: "to-r4", Metric: measure.TransitDelay, Event: 7, Value: 9e6, Threshold: 1e6}
	moved = analyze.Condition{Node: "r2", Metric: measure.PathChange, Flow: flow(2), Event: 8}
)

func TestSamplingRefrains(t *testing.T) {
	tests := []struct {
		name   string
		change func(*sampling)
		when   []analyze.Condition
	}{
		{"nothing holds", nil, nil},
		{"another metric", nil, []analyze.Condition{{Node: "r3", Metric: measure.NewFlow}}},
		{"a flow outside of the base's list", nil, []analyze.Condition{{Node: "r3", Metric: measure.PathChange, Flow: flow(99)}}},
		{"no base", func(s *sampling) { s.base = nil }, []analyze.Condition{queue}},
		{"base without flows", func(s *sampling) { s.base = list(t, "elephants") }, []analyze.Condition{queue}},
		{"no measurement", func(s *sampling) { s.unmeasured = true }, []analyze.Condition{queue}},
		{"a node is silent", func(s *sampling) { s.silent = []string{"r4"} }, []analyze.Condition{queue}},
		{"no budget left", func(s *sampling) { s.other = 90_000 }, []analyze.Condition{queue}},
		{"an operator holds the raise", func(s *sampling) {
			p, err := s.base.Raise("operator", 0.5, time.Second, nil)
			if err != nil {
				t.Fatal(err)
			}
			s.present = p
		}, []analyze.Condition{queue}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newSampling(t)
			if tt.change != nil {
				tt.change(s)
			}
			for range 20 {
				if s.base == nil {
					if _, d, _, err := s.cfg.Step(s.state, decide.SamplingInput{Now: s.now, Conditions: tt.when, Measured: true}); err != nil || d != nil {
						t.Fatalf("decisions %+v, %v", d, err)
					}
					continue
				}
				if got := s.step(t, time.Second, tt.when...); got != nil {
					t.Fatalf("decided %s", s.kinds())
				}
			}
		})
	}
}

func TestSamplingCycle(t *testing.T) {
	s := newSampling(t)
	d := s.step(t, time.Millisecond, queue)
	if len(d) != 1 || d[0].Action.Kind != decide.Raise || s.state.Level != 3 || len(d[0].Action.Want.Flows()) != 3 {
		t.Fatalf("first step: %s, level %d", s.kinds(), s.state.Level)
	}
	if p, _ := d[0].Action.Want.Probability(); p != 0.125 {
		t.Errorf("probability %v is not eight times the base's", p)
	}
	// Every 100 ms the condition still holds: up in powers of two until the
	// budget, then renewals alone.
	for range 300 {
		s.step(t, 100*time.Millisecond, queue)
	}
	if load := s.rates(); load.Octets() > s.cfg.Budget || s.state.Level < 5 {
		t.Errorf("level %d, load %v", s.state.Level, load.Octets())
	}
	changes, renewals := 0, 0
	for _, d := range s.log {
		if d.Action.Kind == decide.Renew {
			renewals++
		} else {
			changes++
		}
	}
	if changes > 4 || renewals < 8 {
		t.Errorf("%d changes and %d renewals in 30 s: %s", changes, renewals, s.kinds())
	}
	// The load of others grows: down at once, not below what fits.
	level := s.state.Level
	s.other = 70_000
	for range 30 {
		s.step(t, 100*time.Millisecond, queue)
	}
	if load := s.rates(); load.Octets() > s.cfg.Budget || s.state.Level >= level {
		t.Errorf("level %d, load %v", s.state.Level, load.Octets())
	}
	// Over: the raise stays for the hold-down, then goes.
	s.other = 10_000
	if d := s.step(t, time.Second); s.state.Level == 0 {
		t.Errorf("withdrawn at once: %+v", d)
	}
	for range 30 {
		s.step(t, 100*time.Millisecond)
	}
	if s.state.Level != 0 || !strings.HasSuffix(s.kinds(), "WITHDRAW") {
		t.Errorf("still at level %d: %s", s.state.Level, s.kinds())
	}
}

func TestSamplingFlows(t *testing.T) {
	s := newSampling(t)
	d := s.step(t, time.Millisecond, moved)
	if len(d) != 1 {
		t.Fatalf("decisions %+v", d)
	}
	if got := d[0].Action.Want.Flows(); len(got) != 1 || got[0] != flow(2) {
		t.Fatalf("raise covers %v", got)
	}
	// A queue concerns all flows of the base.
	s.cfg.HoldUp = time.Hour
	d = s.step(t, time.Second, moved, queue)
	if len(d) != 1 || d[0].Action.Kind != decide.AddFlows || len(d[0].Action.Want.Flows()) != 3 || s.state.Level != 3 {
		t.Fatalf("decisions %s, flows %v", s.kinds(), s.state.Raise.Flows())
	}
	// A flow that leaves the base leaves the raise.
	s.base = list(t, "elephants", flow(1), flow(3))
	d = s.step(t, time.Second, queue)
	if len(d) != 1 || d[0].Action.Kind != decide.RemoveFlows || len(d[0].Action.Changes) != 1 {
		t.Fatalf("decisions %s", s.kinds())
	}
}

func TestSamplingWithoutMeasurementsRunsOut(t *testing.T) {
	s := newSampling(t)
	s.step(t, time.Millisecond, queue)
	s.unmeasured = true
	for range 15 {
		if d := s.step(t, time.Second, queue); d != nil {
			t.Fatalf("decided blindly: %s", s.kinds())
		}
	}
	if s.state.Level != 0 || s.state.Raise != nil {
		t.Errorf("the loop believes in a raise that has expired")
	}
}

func TestSamplingYields(t *testing.T) {
	s := newSampling(t)
	s.step(t, time.Millisecond, queue)
	// An operator deletes the raise.
	s.present = nil
	for range 20 {
		if d := s.step(t, time.Second, queue); d != nil {
			t.Fatalf("the loop does not yield: %s", s.kinds())
		}
	}
	for range 5 {
		s.step(t, time.Second)
	}
	if d := s.step(t, time.Second, queue); len(d) != 1 {
		t.Error("the loop sulks after the incident is over")
	}
}

// TestSamplingGathers lets the flows of one incident report one after the
// other, and their conditions come and go.
func TestSamplingGathers(t *testing.T) {
	s := newSampling(t)
	s.cfg.HoldUp = time.Hour
	only := func(n ...int) (c []analyze.Condition) {
		for _, i := range n {
			c = append(c, analyze.Condition{Node: "r3", Interface: "to-r4", Metric: measure.TransitDelay, Flow: flow(i)})
		}
		return c
	}
	if d := s.step(t, time.Millisecond, only(1)...); len(d) != 1 {
		t.Fatal("the first flow waits for others")
	}
	s.step(t, 10*time.Millisecond, only(1, 2)...)
	for i := range 100 {
		s.step(t, 100*time.Millisecond, only(1+i%2)...)
	}
	flows := s.state.Raise.Flows()
	changes := len(s.state.Changes)
	if len(flows) != 2 || changes != 2 {
		t.Errorf("%d flows after %d changes: %s", len(flows), changes, s.kinds())
	}
}

func TestSamplingFlaps(t *testing.T) {
	s := newSampling(t)
	for i := range 600 {
		if i%30 < 5 {
			s.step(t, 100*time.Millisecond, queue)
		} else {
			s.step(t, 100*time.Millisecond)
		}
	}
	ups := strings.Count(s.kinds(), string(decide.Raise))
	if len(s.state.Changes) > s.cfg.MaxChanges || ups > 8 || s.tally.Flaps == 0 || s.tally.Damping == 0 {
		t.Errorf("%d raises and %d changes in a minute of flapping, tally %+v", ups, len(s.state.Changes), s.tally)
	}
}

func TestSamplingKill(t *testing.T) {
	s := newSampling(t)
	if _, d := s.cfg.Withdraw(s.now, s.state, "killed"); d != nil {
		t.Errorf("withdrew nothing: %+v", d)
	}
	s.step(t, time.Millisecond, queue)
	next, d := s.cfg.Withdraw(s.now, s.state, "killed")
	if len(d) != 1 || d[0].Action.Kind != decide.Withdraw || next.Level != 0 || d[0].Cause.Summary != "killed" {
		t.Errorf("decisions %+v", d)
	}
}

func TestValidate(t *testing.T) {
	if err := decide.DefaultElephants("e").Validate(); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*decide.Sampling){
		"no name":        func(c *decide.Sampling) { c.Loop = "" },
		"no budget":      func(c *decide.Sampling) { c.Budget = 0 },
		"long raise":     func(c *decide.Sampling) { c.Lifetime = time.Minute },
		"late renewal":   func(c *decide.Sampling) { c.Renew = c.Lifetime },
		"no step":        func(c *decide.Sampling) { c.FirstDoublings = 0 },
		"probability":    func(c *decide.Sampling) { c.MaxProbability = 2 },
		"no change":      func(c *decide.Sampling) { c.MaxChanges = 0 },
		"whole deadband": func(c *decide.Sampling) { c.DeadBand = 1 },
	} {
		c := decide.DefaultSampling("s")
		change(&c)
		if c.Validate() == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	e := decide.DefaultElephants("e")
	e.Leave = e.Enter + 1
	if e.Validate() == nil {
		t.Error("leave above enter is accepted")
	}
}

// TestSamplingReactsAgain has a second incident right after the first one,
// before a measurement has begun without the raise.
func TestSamplingReactsAgain(t *testing.T) {
	s := newSampling(t)
	s.step(t, time.Millisecond, queue)
	s.step(t, 3*time.Second)
	if s.state.Level != 0 {
		t.Fatalf("still at level %d", s.state.Level)
	}
	if d := s.step(t, 100*time.Millisecond, queue); len(d) != 1 || d[0].Action.Kind != decide.Raise {
		t.Errorf("no reaction to the second incident: %s", s.kinds())
	}
}
