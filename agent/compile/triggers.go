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

func (p *problems) trigger(at, name string, c *yang.Policy_Trigger_Config) plan.Trigger {
	out := plan.Trigger{
		Name:  name,
		Raise: c.GetThreshold(), Clear: c.GetThreshold(),
		Hold: time.Duration(c.GetHoldTime()) * time.Millisecond,
	}
	if report := c.GetReport(); report != yang.TriggerReport_EVENT {
		p.notBuilt(at+"/report", report)
	}
	momentary := false
	switch metric := c.GetMetric(); metric {
	case yang.METRIC_TRANSIT_DELAY:
		out.Metric = flow.MetricTransitDelay
	case yang.METRIC_NEW_FLOW:
		out.Metric, momentary = flow.MetricNewFlow, true
	case yang.METRIC_PATH_CHANGE:
		out.Metric, momentary = flow.MetricPathChange, true
	case yang.METRIC_UNSET:
		p.add(Invalid, at, "a trigger needs a metric")
		return out
	default:
		p.notBuilt(at+"/metric", metric)
		return out
	}
	out.PerFlow = momentary || c.GetScope() == yang.TriggerScope_FLOW
	if momentary {
		if c.GetScope() == yang.TriggerScope_INTERFACE {
			p.add(Invalid, at+"/scope", "%s belongs to a flow", c.GetMetric())
		}
		if c.Threshold != nil || c.ClearThreshold != nil {
			p.add(Invalid, at+"/threshold", "%s has no threshold", c.GetMetric())
		}
		return out
	}
	if c.Threshold == nil {
		p.add(Invalid, at, "%s needs a threshold", c.GetMetric())
	}
	if c.ClearThreshold != nil {
		if out.Clear = *c.ClearThreshold; out.Clear > out.Raise {
			p.add(Invalid, at+"/clear-threshold", "exceeds the threshold")
		}
	}
	return out
}
