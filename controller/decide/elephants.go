package decide

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/openifit/openifit/controller/analyze"
	"github.com/openifit/openifit/controller/measure"
	"github.com/openifit/openifit/controller/policy"
)

// Elephants configures the loop that puts heavy flows, and no others, on
// on-path telemetry.
type Elephants struct {
	Loop string `json:"loop"`
	// Enter and Leave are rates in octets per second: a flow comes in above the
	// one and goes below the other.
	Enter uint64 `json:"enter"`
	Leave uint64 `json:"leave"`
	// EnterEpochs and LeaveEpochs are the epochs in a row that it takes.
	EnterEpochs int `json:"enter-epochs"`
	LeaveEpochs int `json:"leave-epochs"`
	// MaxFlows bounds the flow list.
	MaxFlows int `json:"max-flows"`
	// MaxChanges bounds the changes of the policy within a minute.
	MaxChanges int `json:"max-changes"`
}

// ElephantsState is what the loop remembers.
type ElephantsState struct {
	Flows []TrackedFlow `json:"flows,omitempty"`
	// Changes are the times of the changes within the last minute.
	Changes []int64 `json:"changes,omitempty"`
}

// TrackedFlow counts epochs in a row above and below the thresholds.
type TrackedFlow struct {
	Flow  measure.Flow `json:"flow"`
	Above int          `json:"above"`
	Below int          `json:"below"`
	Rate  uint64       `json:"rate"`
	Node  string       `json:"node,omitempty"`
}

// ElephantsInput is one epoch.
type ElephantsInput struct {
	Now int64 `json:"now"`
	// Heavy are the flows of all heads' sketches, reported over gNMI.
	Heavy []analyze.FlowRate `json:"heavy"`
	// Target is the policy whose flow list the loop owns; nil when it is not
	// there.
	Target   *policy.Policy   `json:"target,omitempty"`
	Evidence measure.Evidence `json:"evidence"`
}

// Step decides on one epoch.
func (c Elephants) Step(s ElephantsState, in ElephantsInput) (ElephantsState, []Decision, Tally, error) {
	var tally Tally
	if in.Target == nil || in.Target.Owner() != c.Loop || !in.Target.HasFlowList() {
		// Not the loop's policy, or no longer: an operator has taken it over.
		return ElephantsState{}, nil, tally, nil
	}
	installed := in.Target.Flows()
	s = ElephantsState{Flows: c.track(s.Flows, in.Heavy, installed), Changes: recent(s.Changes, in.Now, time.Minute)}

	leave, enter := c.candidates(s.Flows, installed)
	room := c.MaxFlows - len(installed) + len(leave)
	if len(enter) > room {
		tally.Budget += uint64(len(enter) - max(room, 0))
		enter = enter[:max(room, 0)]
	}
	if len(leave)+len(enter) == 0 {
		return s, nil, tally, nil
	}
	if len(s.Changes) >= c.MaxChanges {
		tally.Damping++
		return s, nil, tally, nil
	}
	decisions, err := c.decide(in, installed, leave, enter)
	if err != nil {
		return s, nil, tally, err
	}
	s.Changes = append(s.Changes, in.Now)
	return s, decisions, tally, nil
}

// track counts the epoch for every flow that is heavy or installed.
func (c Elephants) track(known []TrackedFlow, heavy []analyze.FlowRate, installed []measure.Flow) []TrackedFlow {
	before := make(map[measure.Flow]TrackedFlow, len(known))
	for _, t := range known {
		before[t.Flow] = t
	}
	next := make(map[measure.Flow]TrackedFlow)
	for _, h := range heavy {
		t := before[h.Flow]
		t.Flow, t.Rate, t.Node = h.Flow, h.OctetsPerSecond, h.Node
		switch {
		case h.OctetsPerSecond > c.Enter:
			t.Above, t.Below = t.Above+1, 0
		case h.OctetsPerSecond < c.Leave:
			t.Above, t.Below = 0, t.Below+1
		default:
			t.Above, t.Below = 0, 0
		}
		next[h.Flow] = t
	}
	for _, f := range installed {
		if _, ok := next[f]; !ok {
			t := before[f]
			next[f] = TrackedFlow{Flow: f, Below: t.Below + 1, Node: t.Node}
		}
	}
	var flows []TrackedFlow
	for f, t := range next {
		if t.Above > 0 || slices.Contains(installed, f) {
			flows = append(flows, t)
		}
	}
	slices.SortFunc(flows, func(a, b TrackedFlow) int { return a.Flow.Compare(b.Flow) })
	return flows
}

// candidates returns the flows that have to go, and those that have to come,
// the heaviest first.
func (c Elephants) candidates(tracked []TrackedFlow, installed []measure.Flow) (leave, enter []TrackedFlow) {
	for _, t := range tracked {
		in := slices.Contains(installed, t.Flow)
		switch {
		case in && t.Below >= c.LeaveEpochs:
			leave = append(leave, t)
		case !in && t.Above >= c.EnterEpochs:
			enter = append(enter, t)
		}
	}
	slices.SortFunc(enter, func(a, b TrackedFlow) int {
		return cmp.Or(cmp.Compare(b.Rate, a.Rate), a.Flow.Compare(b.Flow))
	})
	return leave, enter
}

// decide removes before it adds, so that a full list has room.
func (c Elephants) decide(in ElephantsInput, installed []measure.Flow, leave, enter []TrackedFlow) ([]Decision, error) {
	var decisions []Decision
	now, flows := in.Target, installed
	for _, step := range []struct {
		kind  Kind
		flows []TrackedFlow
		verb  string
		why   string
	}{
		{RemoveFlows, leave, "take off", fmt.Sprintf("below %d octets/s for %d epochs", c.Leave, c.LeaveEpochs)},
		{AddFlows, enter, "instrument", fmt.Sprintf("above %d octets/s for %d epochs", c.Enter, c.EnterEpochs)},
	} {
		if len(step.flows) == 0 {
			continue
		}
		flows = change(flows, step.flows, step.kind)
		want, err := now.WithFlows(flows)
		if err != nil {
			return nil, fmt.Errorf("loop %s: %w", c.Loop, err)
		}
		decisions = append(decisions, Decision{
			Time: in.Now, Loop: c.Loop, Evidence: in.Evidence,
			Cause: Cause{
				Measurements: rates(in.Now, step.flows),
				Summary:      fmt.Sprintf("%s %s", count(len(step.flows), "flow"), step.why),
			},
			Action: Action{
				Kind: step.kind, Policy: want.Name(), Want: want, Changes: policy.Diff(now, want),
				Summary: fmt.Sprintf("%s %s, %d on the list", step.verb, list(step.flows), len(flows)),
			},
			Inverse: Action{
				Kind: opposite(step.kind), Policy: want.Name(), Want: now, Changes: policy.Diff(want, now),
				Summary: fmt.Sprintf("put the list of %s back", count(len(now.Flows()), "flow")),
			},
		})
		now = want
	}
	return decisions, nil
}

func change(flows []measure.Flow, by []TrackedFlow, kind Kind) []measure.Flow {
	next := slices.Clone(flows)
	for _, t := range by {
		if kind == AddFlows {
			next = append(next, t.Flow)
		} else {
			next = slices.DeleteFunc(next, func(f measure.Flow) bool { return f == t.Flow })
		}
	}
	return next
}

func opposite(k Kind) Kind {
	if k == AddFlows {
		return RemoveFlows
	}
	return AddFlows
}

func rates(now int64, flows []TrackedFlow) []measure.Measurement {
	out := make([]measure.Measurement, 0, len(flows))
	for _, t := range flows {
		out = append(out, measure.Measurement{
			Name: "flow-rate " + t.Flow.String(), Node: t.Node, Value: float64(t.Rate), Unit: "octets/s",
			Time: now, Provenance: measure.GNMI,
		})
	}
	return out
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// list names a few flows.
func list(flows []TrackedFlow) string {
	if len(flows) == 1 {
		return flows[0].Flow.String()
	}
	return count(len(flows), "flow")
}

// Clear takes every flow off the list: what the kill switch does.
func (c Elephants) Clear(now int64, target *policy.Policy, why string) ([]Decision, error) {
	if target == nil || target.Owner() != c.Loop || len(target.Flows()) == 0 {
		return nil, nil
	}
	var leave []TrackedFlow
	for _, f := range target.Flows() {
		leave = append(leave, TrackedFlow{Flow: f})
	}
	decisions, err := c.decide(ElephantsInput{Now: now, Target: target}, target.Flows(), leave, nil)
	for i := range decisions {
		decisions[i].Cause = Cause{Summary: why}
	}
	return decisions, err
}
