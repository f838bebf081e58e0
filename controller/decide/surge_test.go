package decide_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/openifit/openifit/controller/analyze"
	"github.com/openifit/openifit/controller/decide"
	"github.com/openifit/openifit/controller/measure"
	"github.com/openifit/openifit/controller/policy"
)

// surge is a domain under the loop: many nodes, traffic that grows to five
// times on a fifth of them, measurements two periods old, and one Set in a
// hundred lost until the next one.
type surge struct {
	rng     *rand.Rand
	ceiling float64 // octets/s that one node exports at most; 0 is none
	base    float64
	traffic []float64
	share   []float64 // what each node samples
	until   []int     // period in which its raise ends
}

const (
	surgeNodes  = 500
	surgeRecord = 100.0
)

func (s *surge) set(raise *policy.Policy, period int) {
	for i := range s.share {
		if s.rng.IntN(100) == 0 {
			continue
		}
		s.share[i], s.until[i] = s.base, 0
		if raise != nil {
			p, _ := raise.Probability()
			s.share[i] = 1 - (1-s.base)*(1-p)
			s.until[i] = period + int(raise.Lifetime()/time.Second)
		}
	}
}

// export returns what each node exports in a period.
func (s *surge) export(period int) []float64 {
	out := make([]float64, len(s.share))
	for i := range s.share {
		if s.until[i] != 0 && period >= s.until[i] {
			s.share[i], s.until[i] = s.base, 0
		}
		out[i] = s.traffic[i] * s.share[i] * surgeRecord
		if s.ceiling > 0 {
			out[i] = min(out[i], s.ceiling)
		}
	}
	return out
}

func sum(v []float64) float64 {
	total := 0.0
	for _, x := range v {
		total += x
	}
	return total
}

// run lets the loop work for three minutes, with the surge in the second one,
// and returns the highest export as a share of the budget, the periods above
// it, and the changes per node and period.
func (s *surge) run(t *testing.T) (peak float64, above int, changes float64) {
	t.Helper()
	cfg := decide.DefaultSampling("adaptive")
	const budget = 1_000_000
	cfg.Budget = budget
	// Feedback is two periods old: a change shows in what begins then.
	cfg.Settle, cfg.HoldUp = 2*time.Second, 4*time.Second
	base := list(t, "elephants", flow(1))
	s.base, _ = base.Probability()
	for range surgeNodes {
		s.traffic = append(s.traffic, 200)
		s.share = append(s.share, s.base)
		s.until = append(s.until, 0)
	}
	var (
		state   decide.SamplingState
		history [][]float64
		changed int
	)
	const periods = 180
	for p := range periods {
		if p == 60 || p == 120 {
			factor := 5.0
			if p == 120 {
				factor = 0.2
			}
			for i := range surgeNodes / 5 {
				s.traffic[i] *= factor
			}
		}
		exported := s.export(p)
		history = append(history, exported)
		peak = max(peak, sum(exported)/budget)
		if sum(exported) > budget {
			above++
		}
		if p < 3 {
			continue
		}
		old := history[p-2]
		from := int64(p-2) * second
		in := decide.SamplingInput{
			Now: int64(p+1) * second, Conditions: []analyze.Condition{{Node: "r3", Metric: measure.TransitDelay}},
			Rates:    analyze.Rates{From: from, Nodes: []analyze.NodeRates{{OctetsPerSecond: sum(old), OctetsPerRecord: surgeRecord, Records: map[string]float64{"paths": sum(old) / surgeRecord}}}},
			Measured: true, Base: base,
		}
		next, decisions, _, err := cfg.Step(state, in)
		if err != nil {
			t.Fatal(err)
		}
		state = next
		for _, d := range decisions {
			if d.Action.Kind != decide.Renew {
				changed++
			}
			s.set(d.Action.Want, p+1)
		}
	}
	return peak, above, float64(changed) / periods
}

func TestSurge(t *testing.T) {
	for seed := range uint64(5) {
		free := &surge{rng: rand.New(rand.NewPCG(seed, 2))}
		peak, above, _ := free.run(t)
		// Without ceilings at the nodes the surge shows until feedback has come
		// round: it may overshoot, for a few periods only.
		if above > 4 || peak > 1.5 {
			t.Errorf("seed %d: without ceilings the export peaked at %.2f of the budget, %d periods above it", seed, peak, above)
		}
		bound := &surge{rng: rand.New(rand.NewPCG(seed, 2)), ceiling: 1_000_000 / surgeNodes}
		peak, above, changes := bound.run(t)
		if above > 0 || peak > 1.0001 {
			t.Errorf("seed %d: with ceilings the export peaked at %.2f of the budget", seed, peak)
		}
		if changes > 0.02 {
			t.Errorf("seed %d: %.3f changes per node and period", seed, changes)
		}
		t.Logf("seed %d: peak %.2f, %.3f changes per node and period", seed, peak, changes)
	}
}
