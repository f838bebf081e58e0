package state

import "github.com/openifit/openifit/gen/yang"

// The functions below wrap one object into a tree of its own, nil for nil.

func treeOfPolicy(p *yang.Policy) *yang.Ifit {
	if p == nil {
		return nil
	}
	return &yang.Ifit{Policies: &yang.Policies{Policy: map[string]*yang.Policy{*p.Name: p}}}
}

func treeOfInterface(i *yang.Interface) *yang.Ifit {
	if i == nil {
		return nil
	}
	return &yang.Ifit{Interfaces: &yang.Interfaces{Interface: map[string]*yang.Interface{*i.Name: i}}}
}

func treeOfCollector(c *yang.Collector) *yang.Ifit {
	if c == nil {
		return nil
	}
	return &yang.Ifit{Collectors: &yang.Collectors{Collector: map[string]*yang.Collector{*c.Name: c}}}
}

func treeOfProbe(p *yang.Probe) *yang.Ifit {
	if p == nil {
		return nil
	}
	return &yang.Ifit{Probes: &yang.Probes{Probe: map[string]*yang.Probe{*p.Name: p}}}
}

func treeOfEvent(e *yang.Event) *yang.Ifit {
	return &yang.Ifit{Events: &yang.Events{Event: map[uint64]*yang.Event{*e.Id: e}}}
}

func treeOfNode(n *yang.State) *yang.Ifit {
	if n == nil {
		return nil
	}
	return &yang.Ifit{State: n}
}
