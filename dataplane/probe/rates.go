package probe

import (
	"fmt"
	"slices"

	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/gen/bpf/point"
)

// newRate is the change of one policy's rate word.
type newRate struct {
	slot         int
	policy       *plan.Policy
	before, word uint64
	parameters
}

func (o *observation) newRates(d *plan.PointDelta) []newRate {
	out := make([]newRate, 0, len(d.Rates))
	for i := range d.Rates {
		policy := &d.Rates[i]
		slot := slices.IndexFunc(d.New.Policies, func(p plan.Policy) bool { return p.ID == policy.ID })
		r := newRate{slot: slot, policy: policy, before: o.live.rate(slot), parameters: nextParameters(o, policy)}
		r.word = rateWord(policy, r.pair)
		out = append(out, r)
	}
	return out
}

// prepare sets up the parameters that the new rate word names.
func (r *newRate) prepare(o *observation) error {
	if !r.restart {
		return nil
	}
	if err := restartSequence(o.tables.lasting, o.states[r.policy.ID], r.pair); err != nil {
		return err
	}
	o.live.setSelection(r.slot, r.pair, r.values)
	return nil
}

// parameters are those that a policy will select packets by, and the one of
// two places in which they are.
type parameters struct {
	pair   uint64
	values point.BPFIfitSelection
	// restart: they are not those that the running program has in that place,
	// so counts begin anew.
	restart bool
}

// nextParameters says what a policy will select packets by at a point: with
// the same parameters its count goes on where the running program is, with
// others they get the place that no packet looks at now.
func nextParameters(o *observation, policy *plan.Policy) parameters {
	next := parameters{values: selection(&policy.Select), restart: true}
	next.values.Series = policy.Generation
	if o == nil || o.live == nil {
		return next
	}
	slot := slices.IndexFunc(o.point.Policies, func(p plan.Policy) bool { return p.ID == policy.ID })
	if slot < 0 {
		return next
	}
	before := o.point.Policies[slot].Select
	same := before.Constant() == policy.Select.Constant()
	if !isPaired(before.Algorithm) {
		next.restart = !same
		return next
	}
	next.pair = o.live.rate(slot) & 1
	running := o.live.selection(slot, next.pair)
	series := running.Series
	running.Series = next.values.Series
	if same && running == next.values {
		next.values.Series, next.restart = series, false
		return next
	}
	next.pair = 1 - next.pair
	return next
}

// isPaired tells whether an algorithm reads the parameters that its rate word
// names; the others have all they need in that word.
func isPaired(a plan.Algorithm) bool { return a != plan.SelectAll && a != plan.SelectUniform }

// selection writes parameters as the program reads them.
func selection(s *plan.Selection) point.BPFIfitSelection {
	out := point.BPFIfitSelection{
		Interval: s.Interval, Space: s.Space, Size: s.Size, Population: s.Population,
		Initialiser: s.Initialiser, Ranges: uint32(s.NumRanges),
	}
	for i, r := range s.Ranges {
		out.Range[i].Min, out.Range[i].Max = r.Min, r.Max
	}
	m := &out.Match
	m.TcpSet, m.TcpClear = s.Match.TCPSet, s.Match.TCPClear
	m.LengthMin, m.LengthMax = s.Match.MinLength, s.Match.MaxLength
	m.TtlMin, m.TtlMax = s.Match.MinTTL, s.Match.MaxTTL
	m.Fragments, m.Ecn = uint8(s.Match.Fragments), s.Match.ECN
	return out
}

func restartSequence(maps lasting, state uint32, pair uint64) error {
	if err := maps[point.BPFMapSequences].Put(2*state+uint32(pair), point.BPFIfitSequence{}); err != nil {
		return fmt.Errorf("restart packet count: %w", err)
	}
	return nil
}
