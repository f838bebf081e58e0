package decide

import (
	"fmt"
	"slices"
	"time"

	"github.com/openifit/openifit/controller/analyze"
	"github.com/openifit/openifit/controller/measure"
	"github.com/openifit/openifit/controller/policy"
)

// Sampling configures the loop that samples more while a condition holds. It
// moves a raise beside a base policy, and never the base itself.
type Sampling struct {
	Loop string `json:"loop"`
	// Metrics are those whose conditions count.
	Metrics []string `json:"metrics"`
	// Budget is what the whole domain may export, in octets per second.
	Budget float64 `json:"budget"`
	// DeadBand is the share of the budget that stays free after a step up.
	DeadBand float64 `json:"dead-band"`
	// MaxProbability bounds the raise's sampling probability.
	MaxProbability float64 `json:"max-probability"`
	// FirstDoublings and Doublings are how many doublings of the probability the
	// first and every further step up takes at most.
	FirstDoublings int `json:"first-doublings"`
	Doublings      int `json:"doublings"`
	// Lifetime is that of the raise, renewed each Renew while a condition holds.
	Lifetime time.Duration `json:"lifetime"`
	Renew    time.Duration `json:"renew"`
	// HoldUp is the least time between a change and a further step up; each flap
	// doubles it, and makes a new raise wait as well. HoldDown is how long the
	// raise stays, and a flow in it, when nothing holds any more.
	HoldUp   time.Duration `json:"hold-up"`
	HoldDown time.Duration `json:"hold-down"`
	// Gather is the least time between two changes of the flow list alone, so
	// that the flows of one incident come together.
	Gather time.Duration `json:"gather"`
	// Settle is how long a change takes to show in measurements: an interval
	// that began before is not believed.
	Settle time.Duration `json:"settle"`
	// FlapWindow is the time within which a step up after a step down is a flap,
	// and for which a flap is remembered.
	FlapWindow time.Duration `json:"flap-window"`
	// MaxChanges bounds the changes within a minute; steps down are never held
	// back.
	MaxChanges int `json:"max-changes"`
	// MaxFlows bounds the flow list of a raise.
	MaxFlows int `json:"max-flows"`
}

// SamplingState is what the loop remembers.
type SamplingState struct {
	// Level is the number of doublings of the base's probability; 0 is no raise.
	Level int `json:"level"`
	// Raise is the policy as it was set last; nil when there is none.
	Raise *policy.Policy `json:"raise,omitempty"`
	// SetAt is when the raise was set or renewed, ListedAt when it was set,
	// ChangedAt when its level was changed last.
	SetAt     int64 `json:"set-at,omitempty"`
	ListedAt  int64 `json:"listed-at,omitempty"`
	ChangedAt int64 `json:"changed-at,omitempty"`
	// Held are the flows of late conditions; HeldAt is when a condition last
	// held that concerns all.
	Held   []HeldFlow `json:"held,omitempty"`
	HeldAt int64      `json:"held-at,omitempty"`
	// Yielded is true when somebody else removed the raise: the loop leaves it
	// at that until nothing holds any more.
	Yielded bool `json:"yielded,omitempty"`
	// Direction of the last change of level: 1 up, -1 down.
	Direction int     `json:"direction,omitempty"`
	Changes   []int64 `json:"changes,omitempty"`
	Flaps     []int64 `json:"flaps,omitempty"`
}

// HeldFlow is a flow, and when a condition of it last held.
type HeldFlow struct {
	Flow measure.Flow `json:"flow"`
	At   int64        `json:"at"`
}

// SamplingInput is what is known at one moment, all of it authenticated but
// the evidence.
type SamplingInput struct {
	Now        int64               `json:"now"`
	Conditions []analyze.Condition `json:"conditions,omitempty"`
	// Rates are the measured rates of export; Measured is false when there are
	// none.
	Rates    analyze.Rates `json:"rates"`
	Measured bool          `json:"measured"`
	// Base is the policy that may be raised; nil when it is not there.
	Base *policy.Policy `json:"base,omitempty"`
	// Present is the policy that the controller holds under the raise's name.
	Present  *policy.Policy   `json:"present,omitempty"`
	Evidence measure.Evidence `json:"evidence"`
}

// Step decides on the present moment.
func (c Sampling) Step(s SamplingState, in SamplingInput) (SamplingState, []Decision, Tally, error) {
	m := &moment{Sampling: c, s: c.age(s, in.Now), in: in}
	err := m.decide()
	if err != nil {
		err = fmt.Errorf("loop %s: %w", c.Loop, err)
	}
	return m.s, m.decisions, m.tally, err
}

// age forgets what is over: changes of more than a minute ago, and a raise
// whose lifetime ended.
func (c Sampling) age(s SamplingState, now int64) SamplingState {
	s.Changes = recent(s.Changes, now, time.Minute)
	s.Flaps = recent(s.Flaps, now, c.FlapWindow)
	if s.Level > 0 && since(now, s.SetAt) >= c.Lifetime {
		s.Level, s.Raise = 0, nil
	}
	return s
}

// moment is one step under way.
type moment struct {
	Sampling
	s         SamplingState
	in        SamplingInput
	decisions []Decision
	tally     Tally
}

func (m *moment) decide() error {
	if m.overridden() {
		return nil
	}
	if m.in.Base == nil || !m.in.Base.Enabled() {
		m.withdraw("the base policy is gone or disabled")
		return nil
	}
	share, ok := m.in.Base.Probability()
	if !ok || share <= 0 {
		m.withdraw("the base policy has no rate to raise")
		return nil
	}
	holding := m.hold()
	flows, late := m.concerned()
	if !late {
		m.s.Yielded = false
		m.withdraw("no condition holds any more")
		return nil
	}
	if m.s.Yielded {
		return nil
	}
	if !m.in.Measured {
		// Without a measurement nothing is raised, and a raise runs out.
		m.tally.Damping++
		return nil
	}
	level := m.level(share, holding)
	if level == 0 {
		why := "the base policy already samples as much as the loop may"
		if load := m.in.Rates.Octets(); load > m.Budget {
			why = fmt.Sprintf("export of %.0f octets/s exceeds the budget of %.0f", load, m.Budget)
		}
		m.withdraw(why)
		return nil
	}
	return m.apply(share, level, flows)
}

// overridden tells whether somebody else has the raise in hand: an operator
// who set one of that name, or who removed the loop's.
func (m *moment) overridden() bool {
	if m.in.Present != nil && m.in.Present.Owner() != m.Loop {
		m.s.Level, m.s.Raise, m.s.Yielded = 0, nil, true
		return true
	}
	if m.in.Present == nil && m.s.Raise != nil {
		m.s.Level, m.s.Raise, m.s.Yielded = 0, nil, true
	}
	return false
}

// hold notes which flows are concerned now, and reports whether any are.
func (m *moment) hold() bool {
	held := make(map[measure.Flow]int64)
	latest := int64(0)
	for _, h := range m.s.Held {
		latest = max(latest, h.At)
		if since(m.in.Now, h.At) < m.HoldDown {
			held[h.Flow] = h.At
		}
	}
	list, own := m.in.Base.HasFlowList(), m.in.Base.Flows()
	holding := false
	for i := range m.in.Conditions {
		c := &m.in.Conditions[i]
		_, known := held[c.Flow]
		switch {
		case !slices.Contains(m.Metrics, c.Metric):
		case c.Flow.IsZero():
			m.s.HeldAt, holding = m.in.Now, true
		case list && !slices.Contains(own, c.Flow):
			// The loop never widens what the base may touch.
		case !known && len(held) >= m.MaxFlows:
			m.tally.Budget++
		default:
			held[c.Flow], holding = m.in.Now, true
		}
	}
	if !holding && since(m.in.Now, latest) < m.HoldDown {
		// The flows of an incident that is over leave together.
		return false
	}
	m.s.Held = nil
	for f, at := range held {
		m.s.Held = append(m.s.Held, HeldFlow{f, at})
	}
	slices.SortFunc(m.s.Held, func(a, b HeldFlow) int { return a.Flow.Compare(b.Flow) })
	return holding
}

// concerned returns the flows that a condition concerned until lately, nil
// for all that the base covers; late is false when there was none.
func (m *moment) concerned() (flows []measure.Flow, late bool) {
	list, own := m.in.Base.HasFlowList(), m.in.Base.Flows()
	if list && len(own) == 0 {
		return nil, false
	}
	if m.s.HeldAt != 0 && since(m.in.Now, m.s.HeldAt) < m.HoldDown {
		return nil, true
	}
	for _, h := range m.s.Held {
		if !list || slices.Contains(own, h.Flow) {
			flows = append(flows, h.Flow)
		}
	}
	if list && len(flows) == len(own) {
		return nil, true
	}
	return flows, len(flows) > 0
}

// level chooses the number of doublings: by what is measured, and only when
// what is measured began after the last change. Without a raise an older
// measurement will do: the raise that is gone can only have made it larger, and
// whoever reacts to an event must not wait for the next one.
func (m *moment) level(share float64, holding bool) int {
	now := m.s.Level
	highest := highestLevel(share, m.MaxProbability)
	if now > highest {
		return highest
	}
	fresh := m.in.Rates.From >= m.s.ChangedAt+int64(m.Settle) || m.s.ChangedAt == 0
	if !fresh && now > 0 {
		return now
	}
	total := m.in.Rates.Octets()
	part := m.in.Rates.PolicyOctets(m.in.Base.Name(), policy.RaiseName(m.in.Base.Name()))
	room := m.Budget * (1 - m.DeadBand)
	fits := func(level int) bool {
		return total-part+part*effective(share, level)/effective(share, now) <= room
	}
	if total > m.Budget && now > 0 {
		level := now - 1
		for level > 0 && !fits(level) {
			level--
		}
		return level
	}
	if !holding || now == highest {
		return now
	}
	step := m.Doublings
	if now == 0 {
		step = m.FirstDoublings
	}
	level := min(now+step, highest)
	for level > now && !fits(level) {
		level--
	}
	if level < min(now+step, highest) {
		m.tally.Budget++
	}
	if level == now {
		return now
	}
	if !m.mayRise() {
		m.tally.Damping++
		return now
	}
	return level
}

// mayRise applies hold-down, flap counter and the bound on changes.
func (m *moment) mayRise() bool {
	if len(m.s.Changes) >= m.MaxChanges || len(m.in.Rates.Silent) > 0 {
		return false
	}
	hold := m.HoldUp << min(len(m.s.Flaps), 5)
	if m.s.Level == 0 && len(m.s.Flaps) == 0 {
		// What begins anew after a calm time has waited long enough.
		hold = 0
	}
	return m.s.ChangedAt == 0 || since(m.in.Now, m.s.ChangedAt) >= hold
}

// highestLevel is the number of doublings after which the probability is still
// not above ceiling.
func highestLevel(share, ceiling float64) int {
	level := 0
	for share*float64(int64(2)<<level) <= ceiling*(1+1e-9) && level < 32 {
		level++
	}
	return level
}

// effective is the share of packets that base and raise select together, if
// they choose independently.
func effective(share float64, level int) float64 {
	if level == 0 {
		return share
	}
	raised := min(share*float64(int64(1)<<level), 1)
	return 1 - (1-share)*(1-raised)
}
