package agent

import (
	"time"

	"github.com/openifit/openifit/agent/compile"
	"github.com/openifit/openifit/agent/drops"
	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/dataplane/probe"
	"github.com/openifit/openifit/dataplane/source"
	"github.com/openifit/openifit/gen/yang"
)

// losses moves what the kernel counted of dropped packets to the cache of
// their records.
type losses struct {
	source *source.Drops
	cache  *drops.Cache
}

// drain takes all that has been counted.
func (l *losses) drain() error {
	now := time.Now()
	err := l.source.Drain(func(d *flow.Drop) { l.cache.Observe(d, now) })
	l.cache.Drained(now)
	return err
}

// show writes the sums of a policy that asks for its drops.
func (l *losses) show(p *compile.Policy, s *yang.Policy_State) {
	if !recordsDrops(p) {
		return
	}
	out := s.GetOrCreateDrops()
	out.Drop = make(map[string]*yang.Policy_State_Drop)
	for reason, sum := range l.cache.Sums(p.ID) {
		out.Drop[reason] = &yang.Policy_State_Drop{Reason: ptr(reason), Packets: ptr(sum.Packets), Octets: ptr(sum.Octets)}
	}
}

// recordsDrops tells whether a policy wants records of its flows' drops.
func recordsDrops(p *compile.Policy) bool {
	if p.Technique != yang.TECHNIQUE_FLOW_METERING {
		return false
	}
	for _, at := range p.Points {
		if at.Actions&plan.ActDrop != 0 {
			return true
		}
	}
	return false
}

// dropPolicies is what the cache of drops needs to know of a compiled tree.
func dropPolicies(r *compile.Result) []drops.Policy {
	var out []drops.Policy
	for i := range r.Policies {
		if p := &r.Policies[i]; p.Active() && recordsDrops(p) {
			out = append(out, drops.Policy{
				PolicyRef: p.PolicyRef, ActiveTimeout: p.Export.ActiveTimeout, IdleTimeout: p.Export.IdleTimeout,
			})
		}
	}
	return out
}

// showTriggers fills in the counters of a policy's triggers.
func showTriggers(p *compile.Policy, counters []probe.TriggerCounters, s *yang.Policy_State) {
	for i := range counters {
		c := &counters[i]
		if c.Policy != p.ID || int(c.Trigger) >= len(p.Triggers) {
			continue
		}
		list := s.GetOrCreateTriggerCounters()
		if list.Trigger == nil {
			list.Trigger = make(map[string]*yang.Policy_State_TriggerCounters_Trigger)
		}
		name := p.Triggers[c.Trigger].Name
		list.Trigger[name] = &yang.Policy_State_TriggerCounters_Trigger{
			Name: ptr(name), Events: ptr(c.Events), EventsSuppressed: ptr(c.Suppressed), EventsLost: ptr(c.Lost),
			ValuesRefused: ptr(c.Refused),
		}
	}
}

// showDropMonitor fills in what the node's drop program has counted.
func showDropMonitor(c probe.DropCounters, s *yang.State) {
	out := s.GetOrCreateDropMonitor()
	out.Packets, out.UnattributedPackets, out.RefusedPackets = ptr(c.Packets), ptr(c.Unknown), ptr(c.Refused)
}
