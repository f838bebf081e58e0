package compile

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/gen/yang"
)

// MaxTriggers bounds the triggers of one policy.
const MaxTriggers = 8

// triggers converts the triggers of an EVENT_MONITOR policy, sorted by name.
func (p *problems) triggers(path string, in *yang.Policy_Triggers) []plan.Trigger {
	at := path + "/triggers"
	if in == nil || len(in.Trigger) == 0 {
		p.add(Invalid, at, "an EVENT_MONITOR policy needs a trigger")
		return nil
	}
	if len(in.Trigger) > MaxTriggers {
		p.add(TooMuch, at, "%d triggers, at most %d are possible", len(in.Trigger), MaxTriggers)
	}
	var out []plan.Trigger
	for name, t := range in.Trigger {
		out = append(out, p.trigger(fmt.Sprintf("%s/trigger[name=%s]/config", at, name), name, t.GetConfig()))
	}
	slices.SortFunc(out, func(a, b plan.Trigger) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// watchable is what can be asked of a metric.
type watchable struct {
	metric flow.Metric
	// momentary: told once, without a threshold.
	momentary bool
	// flows, interfaces: what a condition can belong to, the first of them
	// unless told otherwise when byFlow is set.
	flows, interfaces, byFlow bool
	// egress: known at egress alone.
	egress bool
}

// watchables lists the metrics that the kernel watches.
func watchables() map[yang.METRIC]watchable {
	return map[yang.METRIC]watchable{
		yang.METRIC_NEW_FLOW:      {metric: flow.MetricNewFlow, momentary: true, flows: true, byFlow: true},
		yang.METRIC_PATH_CHANGE:   {metric: flow.MetricPathChange, momentary: true, flows: true, byFlow: true, egress: true},
		yang.METRIC_TRANSIT_DELAY: {metric: flow.MetricTransitDelay, flows: true, interfaces: true, egress: true},
		yang.METRIC_PACKET_DROP:   {metric: flow.MetricPacketDrop, flows: true, interfaces: true},
		yang.METRIC_QUEUE_DEPTH:   {metric: flow.MetricQueueDepth, interfaces: true, egress: true},
		yang.METRIC_FLOW_RATE:     {metric: flow.MetricFlowRate, flows: true, byFlow: true},
		yang.METRIC_MICROBURST:    {metric: flow.MetricMicroburst, interfaces: true},
	}
}

func (p *problems) trigger(at, name string, c *yang.Policy_Trigger_Config) plan.Trigger {
	out := plan.Trigger{
		Name:  name,
		Raise: c.GetThreshold(), Clear: c.GetThreshold(),
		Hold: time.Duration(c.GetHoldTime()) * time.Millisecond,
	}
	if report := c.GetReport(); report != yang.TriggerReport_EVENT {
		p.notBuilt(at+"/report", report)
	}
	if c.GetMetric() == yang.METRIC_UNSET {
		p.add(Invalid, at, "a trigger needs a metric")
		return out
	}
	w, ok := watchables()[c.GetMetric()]
	if !ok {
		p.notBuilt(at+"/metric", c.GetMetric())
		return out
	}
	out.Metric = w.metric
	out.PerFlow = p.scope(at+"/scope", c, &w)
	if w.momentary {
		if c.Threshold != nil || c.ClearThreshold != nil {
			p.add(Invalid, at+"/threshold", "%s has no threshold", c.GetMetric())
		}
		return out
	}
	switch {
	case c.Threshold == nil:
		p.add(Invalid, at, "%s needs a threshold", c.GetMetric())
	case *c.Threshold == 0:
		p.add(Invalid, at+"/threshold", "a condition at 0 would never end")
	}
	if c.ClearThreshold != nil {
		if out.Clear = *c.ClearThreshold; out.Clear > out.Raise {
			p.add(Invalid, at+"/clear-threshold", "exceeds the threshold")
		}
	}
	return out
}

// scope tells whether each flow has a condition of its own.
func (p *problems) scope(at string, c *yang.Policy_Trigger_Config, w *watchable) bool {
	switch scope := c.GetScope(); {
	case scope == yang.TriggerScope_FLOW && !w.flows:
		p.add(Invalid, at, "%s belongs to an interface", c.GetMetric())
	case scope == yang.TriggerScope_INTERFACE && !w.interfaces:
		p.add(Invalid, at, "%s belongs to a flow", c.GetMetric())
	case scope == yang.TriggerScope_UNSET:
		return w.byFlow
	default:
		return scope == yang.TriggerScope_FLOW
	}
	return w.byFlow
}

// watches tells whether a trigger of a policy can be evaluated in a direction.
func watches(triggers []plan.Trigger, direction flow.Direction) bool {
	return direction == flow.Egress || slices.ContainsFunc(triggers, func(t plan.Trigger) bool { return !atEgressOnly(t.Metric) })
}

func atEgressOnly(metric flow.Metric) bool {
	for _, w := range watchables() {
		if w.metric == metric {
			return w.egress
		}
	}
	return false
}

// blind refuses triggers that no Observation Point of the policy can evaluate.
func (p *problems) blind(d *definition, in *yang.Policy_Triggers) {
	if len(d.where) == 0 || slices.ContainsFunc(d.where, func(w where) bool { return w.direction != yang.Direction_INGRESS }) {
		return
	}
	for i := range d.Triggers {
		if t := &d.Triggers[i]; atEgressOnly(t.Metric) {
			p.add(Invalid, d.where[0].path+"/direction", "trigger %s: %s is known at EGRESS only",
				t.Name, in.GetTrigger(t.Name).GetConfig().GetMetric())
		}
	}
}
