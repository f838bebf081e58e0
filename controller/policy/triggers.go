package policy

import "github.com/openifit/openifit/gen/yang"

// PerFlow tells whether each flow has a condition of its own in a trigger of
// the policy. A trigger that is not there counts as one of the interface.
func (p *Policy) PerFlow(trigger string) bool {
	t := p.tree.GetTriggers().GetTrigger(trigger).GetConfig()
	switch t.GetMetric() {
	case yang.METRIC_PATH_CHANGE, yang.METRIC_NEW_FLOW, yang.METRIC_FLOW_RATE:
		return true
	}
	return t.GetScope() == yang.TriggerScope_FLOW
}
