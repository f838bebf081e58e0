package compile

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/gen/yang"
)

// MaxActions bounds the actions of one trigger.
const MaxActions = 16

// TriggerAction is a change of another policy while a condition lasts.
type TriggerAction struct {
	// Trigger is the name of the trigger, Policy that of the policy changed.
	Trigger, Policy string
	// Enable brings a disabled policy into force; otherwise Probability is
	// the policy's selection probability.
	Enable      bool
	Probability float64
	// Duration is when the change ends at the latest.
	Duration time.Duration

	path string
}

// Reaction is a temporary change of a policy by the node itself.
type Reaction struct {
	// Enabled: the policy runs even though it is configured not to.
	Enabled bool
	// Probability replaces the configured one where RateSet.
	Probability float64
	RateSet     bool
	// Halvings of the probability, by which the node keeps its own limits.
	Halvings uint8
	// Suspended: the policy does not run, for the same reason.
	Suspended bool
}

// actions converts the actions of an EVENT_MONITOR policy's triggers, sorted
// by trigger and policy.
func (p *problems) actions(path, own string, in *yang.Policy_Triggers) []TriggerAction {
	if in == nil {
		return nil
	}
	var out []TriggerAction
	for _, trigger := range slices.Sorted(maps.Keys(in.Trigger)) {
		at := fmt.Sprintf("%s/triggers/trigger[name=%s]/actions", path, trigger)
		actions := in.Trigger[trigger].GetActions()
		if actions == nil {
			continue
		}
		if len(actions.Action) > MaxActions {
			p.add(TooMuch, at, "%d actions, at most %d are possible", len(actions.Action), MaxActions)
		}
		for _, target := range slices.Sorted(maps.Keys(actions.Action)) {
			c := actions.Action[target].GetConfig()
			a := TriggerAction{
				Trigger: trigger, Policy: target, Enable: c.GetAction() == yang.TriggerAction_ENABLE,
				Probability: c.GetProbability(), Duration: milliseconds(c.GetDuration()),
				path: fmt.Sprintf("%s/action[policy=%s]/config", at, target),
			}
			if target == own {
				p.add(Invalid, a.path+"/policy", "a policy cannot change itself")
			}
			out = append(out, a)
		}
	}
	return out
}

// reactions checks the actions of a policy against the policies that they
// change.
func (b *builder) reactions(d *definition, defined map[string]*definition) {
	for i := range d.Actions {
		a := &d.Actions[i]
		target := defined[a.Policy]
		switch {
		case target == nil, a.Enable:
			// A policy whose lifetime is over has nothing that could change.
		case target.Select.Algorithm != plan.SelectUniform:
			b.add(Invalid, a.path+"/action", "SET_RATE changes a probability, and policy %s does not select by UNIFORM_PROBABILISTIC", a.Policy)
		}
	}
}

// changed is the policy as a reaction has it.
func (d *definition) changed(by Reaction) *definition {
	if by == (Reaction{}) {
		return d
	}
	out := *d
	out.Enabled = out.Enabled || by.Enabled
	if by.RateSet && out.Select.Algorithm == plan.SelectUniform {
		out.Probability = by.Probability
		out.Select.Threshold, _ = plan.Threshold(by.Probability)
	}
	if by.Halvings > 0 && out.Select.Algorithm == plan.SelectUniform {
		out.Probability = math.Ldexp(out.Probability, -int(by.Halvings))
		out.Select.Threshold, _ = plan.Threshold(out.Probability)
	}
	out.Enabled = out.Enabled && !by.Suspended
	return &out
}
