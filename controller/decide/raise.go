package decide

import (
	"fmt"
	"strings"

	"github.com/openifit/openifit/controller/measure"
	"github.com/openifit/openifit/controller/policy"
)

// apply brings the raise to a level and a list of flows, or renews it.
func (m *moment) apply(share float64, level int, flows []measure.Flow) error {
	probability := min(share*float64(int64(1)<<level), 1)
	want, err := m.in.Base.Raise(m.Loop, probability, m.Lifetime, flows)
	if err != nil {
		return err
	}
	changes := policy.Diff(m.s.Raise, want)
	if len(changes) == 0 {
		return m.keep()
	}
	kind := Raise
	switch {
	case m.s.Raise == nil:
	case level != m.s.Level:
		kind = SetRate
	default:
		kind = AddFlows
		if len(want.Flows()) < len(m.s.Raise.Flows()) {
			kind = RemoveFlows
		}
		if since(m.in.Now, m.s.ListedAt) < m.Gather {
			return nil
		}
		if kind == AddFlows && len(m.s.Changes) >= m.MaxChanges {
			m.tally.Damping++
			return m.keep()
		}
	}
	inverse := Action{
		Kind: Withdraw, Policy: want.Name(), Changes: policy.Diff(want, nil),
		Summary: "remove the raise, which leaves the base as it is",
	}
	if m.s.Raise != nil {
		inverse = Action{
			Kind: kind, Policy: want.Name(), Want: m.s.Raise, Changes: policy.Diff(want, m.s.Raise),
			Summary: "set the raise as it was before",
		}
	}
	m.record(Decision{
		Action: Action{
			Kind: kind, Policy: want.Name(), Want: want, Changes: changes,
			Summary: fmt.Sprintf("sample %s of %s for %v", percent(probability), of(flows, m.in.Base), m.Lifetime),
		},
		Inverse:  inverse,
		Lifetime: m.Lifetime,
		Cause:    m.cause(level),
	})
	if level != m.s.Level {
		m.turn(level)
		m.s.ChangedAt = m.in.Now
	}
	m.s.Level, m.s.Raise = level, want
	m.s.SetAt, m.s.ListedAt = m.in.Now, m.in.Now
	m.s.Changes = append(m.s.Changes, m.in.Now)
	return nil
}

// keep renews the raise when it is time.
func (m *moment) keep() error {
	if since(m.in.Now, m.s.SetAt) >= m.Renew {
		m.renew()
	}
	return nil
}

// renew prolongs the raise and changes nothing else.
func (m *moment) renew() {
	r := m.s.Raise
	m.record(Decision{
		Action: Action{
			Kind: Renew, Policy: r.Name(), Want: r, Changes: r.Touch(),
			Summary: fmt.Sprintf("prolong the raise by %v", m.Lifetime),
		},
		Inverse: Action{
			Kind: Withdraw, Policy: r.Name(), Changes: policy.Diff(r, nil),
			Summary: "remove the raise, which leaves the base as it is",
		},
		Lifetime: m.Lifetime,
		Cause:    m.cause(m.s.Level),
	})
	m.s.SetAt = m.in.Now
}

// withdraw removes the raise if there is one.
func (m *moment) withdraw(why string) {
	r := m.s.Raise
	if m.s.Level == 0 || r == nil {
		return
	}
	cause := m.cause(0)
	cause.Summary = why
	m.record(Decision{
		Action: Action{
			Kind: Withdraw, Policy: r.Name(), Changes: policy.Diff(r, nil), Summary: "remove the raise",
		},
		Inverse: Action{
			Kind: Raise, Policy: r.Name(), Want: r, Changes: policy.Diff(nil, r), Summary: "set the raise again",
		},
		Cause: cause,
	})
	m.turn(0)
	m.s.Level, m.s.Raise = 0, nil
	m.s.ChangedAt = m.in.Now
	m.s.Changes = append(m.s.Changes, m.in.Now)
}

// Withdraw removes the raise whatever holds: what the kill switch does.
func (c Sampling) Withdraw(now int64, s SamplingState, why string) (SamplingState, []Decision) {
	m := &moment{Sampling: c, s: s, in: SamplingInput{Now: now}}
	m.withdraw(why)
	return m.s, m.decisions
}

// turn counts a step up soon after a step down: a flap.
func (m *moment) turn(level int) {
	var direction int
	switch {
	case level > m.s.Level:
		direction = 1
	case level < m.s.Level:
		direction = -1
	default:
		return
	}
	if m.s.Direction < 0 && direction > 0 && since(m.in.Now, m.s.ChangedAt) < m.FlapWindow {
		m.s.Flaps = append(m.s.Flaps, m.in.Now)
		m.tally.Flaps++
	}
	m.s.Direction = direction
}

func (m *moment) record(d Decision) {
	d.Time, d.Loop, d.Evidence = m.in.Now, m.Loop, m.in.Evidence
	m.decisions = append(m.decisions, d)
}

// cause says why: the conditions that hold, and the load against the budget.
func (m *moment) cause(level int) Cause {
	var c Cause
	var said places
	for i := range m.in.Conditions {
		held := &m.in.Conditions[i]
		c.Events = append(c.Events, held.Event)
		unit := ""
		if held.Metric == measure.TransitDelay {
			unit = "ns"
		}
		c.Measurements = append(c.Measurements, measure.Measurement{
			Name: strings.ToLower(strings.ReplaceAll(held.Metric, "_", "-")), Node: held.Node, Interface: held.Interface,
			Value: float64(held.Value), Unit: unit, Time: held.Since, Provenance: measure.GNMI,
		})
		said.add(held.Metric, held.Node, held.Interface)
	}
	load := m.in.Rates.Octets()
	c.Measurements = append(c.Measurements,
		measure.Measurement{Name: "export-octets-per-second", Value: load, Unit: "octets/s", Time: m.in.Now, Provenance: measure.GNMI},
		measure.Measurement{Name: "export-budget", Value: m.Budget, Unit: "octets/s", Time: m.in.Now, Provenance: measure.GNMI})
	c.Summary = fmt.Sprintf("%s; export %.0f of %.0f octets/s", said, load, m.Budget)
	if level < m.s.Level && load > m.Budget {
		c.Summary = fmt.Sprintf("export of %.0f octets/s exceeds the budget of %.0f", load, m.Budget)
	}
	return c
}

func of(flows []measure.Flow, base *policy.Policy) string {
	if flows == nil {
		return "what " + base.Name() + " covers"
	}
	if len(flows) == 1 {
		return flows[0].String()
	}
	return count(len(flows), "flow")
}

func percent(p float64) string {
	return strings.TrimRight(strings.TrimRight(fmt.Sprintf("%.3f", p*100), "0"), ".") + " %"
}
