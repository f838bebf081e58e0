package compile

import (
	"slices"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/gen/yang"
)

// choseDrops tells whether a metering policy wants records of drops.
func (d *definition) choseDrops() bool {
	return d.Technique == yang.TECHNIQUE_FLOW_METERING && slices.Contains(d.Elements, yang.DATA_ELEMENT_DROPS)
}

// dropAction notes the flows of a policy with a PACKET_DROP trigger.
func (d *definition) dropAction() plan.Action {
	if slices.ContainsFunc(d.Triggers, func(t plan.Trigger) bool { return t.Metric == flow.MetricPacketDrop }) {
		return plan.ActDrop
	}
	return 0
}

// keysFor are the fields that the policy reads at a point: drops are known by
// the 5-tuple, whatever the Flow Keys are.
func (d *definition) keysFor(actions plan.Action) plan.KeyField {
	if actions&plan.ActDrop != 0 {
		return d.fields | plan.Key5Tuple
	}
	return d.fields
}
