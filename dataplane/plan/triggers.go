package plan

import (
	"fmt"
	"slices"

	"github.com/openifit/openifit/dataplane/flow"
)

// MaxTriggers is the number of triggers on one node, each counted once per
// policy wherever it is watched.
const MaxTriggers = 64

// validateTriggers checks that a policy has the same triggers wherever it is,
// and all of them together a place.
func (p *Plan) validateTriggers() error {
	seen := make(map[uint32][]Trigger)
	total := 0
	for i := range p.Points {
		for j := range p.Points[i].Policies {
			policy := &p.Points[i].Policies[j]
			if policy.Actions&(ActEvent|ActDrop) == 0 {
				continue
			}
			before, ok := seen[policy.ID]
			if ok && !slices.Equal(before, policy.Triggers) {
				return fmt.Errorf("policy %q: different triggers at different points", policy.Name)
			}
			if ok {
				continue
			}
			seen[policy.ID] = policy.Triggers
			// Records of drops take a trigger's place.
			total += max(len(policy.Triggers), 1)
			for k := range policy.Triggers {
				if err := policy.Triggers[k].validate(); err != nil {
					return fmt.Errorf("policy %q: trigger %q: %w", policy.Name, policy.Triggers[k].Name, err)
				}
			}
		}
	}
	if total > MaxTriggers {
		return fmt.Errorf("%d triggers: at most %d", total, MaxTriggers)
	}
	return nil
}

func (t *Trigger) validate() error {
	switch t.Metric {
	case flow.MetricNewFlow, flow.MetricPathChange:
		return nil
	case flow.MetricTransitDelay, flow.MetricQueueDepth, flow.MetricPacketDrop, flow.MetricFlowRate, flow.MetricMicroburst:
		if t.Clear > t.Raise {
			return fmt.Errorf("raised at %d and cleared below %d", t.Raise, t.Clear)
		}
		if t.PerFlow && (t.Metric == flow.MetricQueueDepth || t.Metric == flow.MetricMicroburst) {
			return fmt.Errorf("metric %d belongs to an interface", t.Metric)
		}
		if !t.PerFlow && t.Metric == flow.MetricFlowRate {
			return fmt.Errorf("metric %d belongs to a flow", t.Metric)
		}
		if t.Hold < 0 {
			return fmt.Errorf("hold time %s", t.Hold)
		}
		return nil
	}
	return fmt.Errorf("metric %d is not watched in the kernel", t.Metric)
}
