package agent

import (
	"maps"
	"slices"

	"github.com/openifit/openifit/agent/compile"
	"github.com/openifit/openifit/gen/yang"
)

// publish shows a configuration in the state; counters are read when somebody
// asks for them.
func (a *applier) publish(before, now *applied) {
	for i := range now.result.Policies {
		p := &now.result.Policies[i]
		if old := before.policy(p.Name); old != nil && old.PolicyRef == p.PolicyRef && samePlaces(old, p) {
			continue
		}
		a.store.SetPolicy(p.Name, func(s *yang.Policy_State) { showPolicy(p, s) })
	}
	if before == nil || now.snapshot.Changed.Interfaces != nil || !slices.Equal(before.links, now.links) {
		a.publishInterfaces(before, now)
	}
	for _, c := range now.result.Collectors {
		a.store.SetCollector(c.Name, func(*yang.Collector_State) {})
	}
	if before == nil {
		return
	}
	// What stays configured and does not run any more, such as a policy whose
	// lifetime is over, plays no role.
	for i := range before.result.Policies {
		name := before.result.Policies[i].Name
		if now.policy(name) == nil && now.snapshot.Policies[name] != nil {
			a.store.SetPolicy(name, func(s *yang.Policy_State) { s.Role = nil })
		}
	}
}

func samePlaces(a, b *compile.Policy) bool {
	return a.Enabled == b.Enabled && len(a.Missing) == len(b.Missing) && len(a.Declined) == len(b.Declined) &&
		slices.Equal(a.Omitted, b.Omitted) && slices.Equal(a.Points, b.Points)
}

// showPolicy writes down what became of a policy that runs.
func showPolicy(p *compile.Policy, s *yang.Policy_State) {
	s.OperStatus = yang.PolicyOperStatus_INACTIVE
	if p.Active() {
		s.OperStatus = yang.PolicyOperStatus_ACTIVE
	}
	s.Role = slices.Clone(p.Roles)
	s.DeclinedDataElement = slices.Clone(p.Omitted)
	s.LastError = nil
	if reasons := slices.Concat(p.Declined, p.Missing); len(reasons) > 0 {
		s.LastError = ptr(reasons[0].Error())
	}
}

// publishInterfaces shows the configured interfaces.
func (a *applier) publishInterfaces(before, now *applied) {
	list := func(x *applied) map[string]*yang.Interface {
		if x == nil || x.snapshot.Root.GetInterfaces() == nil {
			return nil
		}
		return x.snapshot.Root.GetInterfaces().Interface
	}
	for name := range list(before) {
		if list(now)[name] == nil {
			a.store.DeleteInterface(name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(list(now))) {
		a.store.SetInterface(name, func(s *yang.Interface_State) { now.links.describe(name, s) })
	}
}
