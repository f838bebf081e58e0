package inventory

import (
	"slices"
	"time"

	"github.com/openifit/openifit/gen/yang"
)

// forgetPolicy is how long a policy is remembered that a live node no longer
// mentions: a few samples.
const forgetPolicy = 5 * time.Second

// Observe takes in what a node told over gNMI. Leaves that are absent leave
// what is known.
func (inv *Inventory) Observe(name string, device *yang.Device, now time.Time) {
	ifit := device.GetIfit()
	if ifit == nil {
		return
	}
	inv.mu.Lock()
	defer inv.mu.Unlock()
	n := inv.nodes[name]
	if n == nil {
		return
	}
	names := n.observeIdentity(ifit.GetDomain())
	names = n.observeInterfaces(ifit.GetInterfaces(), inv.peers) || names
	told := n.observeState(ifit.GetState())
	names = n.observePolicies(ifit.GetPolicies(), now.UnixNano()) || names
	names = n.forgetPolicies(now.UnixNano()) || names
	if names {
		inv.publish()
	}
	if names || told {
		inv.changed(n.clone())
	}
}

func (n *Node) observeIdentity(d *yang.Domain) bool {
	if d == nil {
		return false
	}
	changed := false
	if s := d.GetState(); s != nil && s.ObservationDomainId != nil && *s.ObservationDomainId != n.DomainID {
		n.DomainID, changed = *s.ObservationDomainId, true
	}
	if ns := d.GetNamespaces().GetNamespace(0); ns != nil {
		if s := ns.GetState(); s != nil && s.NodeId != nil && *s.NodeId != n.NodeID {
			n.NodeID, changed = *s.NodeId, true
		}
	}
	return changed
}

func (n *Node) observeInterfaces(list *yang.Interfaces, peers map[LinkEnd]LinkEnd) bool {
	if list == nil {
		return false
	}
	changed := false
	for name, entry := range list.Interface {
		s := entry.GetState()
		if s == nil {
			continue
		}
		at := slices.IndexFunc(n.Interfaces, func(i Interface) bool { return i.Name == name })
		if at < 0 {
			n.Interfaces = append(n.Interfaces, Interface{Name: name, Peer: peers[LinkEnd{n.Name, name}]})
			at = len(n.Interfaces) - 1
			changed = true
		}
		before := n.Interfaces[at]
		i := &n.Interfaces[at]
		if s.Ifindex != nil {
			i.Ifindex = *s.Ifindex
		}
		if s.Mtu != nil {
			i.MTU = *s.Mtu
		}
		if s.Role != yang.InterfaceRole_UNSET {
			i.Role = s.Role.String()
		}
		if s.OperStatus != yang.InterfaceOperStatus_UNSET {
			i.OperUp = s.OperStatus == yang.InterfaceOperStatus_UP
		}
		changed = changed || *i != before
	}
	sortInterfaces(n.Interfaces)
	return changed
}

// observeState reports whether anything changed that is worth telling: rates
// change all the time and are not.
func (n *Node) observeState(s *yang.State) bool {
	if s == nil {
		return false
	}
	changed := set(&n.AgentVersion, s.AgentVersion)
	changed = set(&n.KernelRelease, s.KernelRelease) || changed
	if s.StartedAt != nil && int64(*s.StartedAt) != n.StartedAt {
		n.StartedAt, changed = int64(*s.StartedAt), true
	}
	if c := s.GetCapabilities(); c != nil && len(c.Technique) > 0 {
		techniques := make([]string, 0, len(c.Technique))
		for _, t := range c.Technique {
			techniques = append(techniques, t.String())
		}
		slices.Sort(techniques)
		if !slices.Equal(techniques, n.Techniques) {
			n.Techniques, changed = techniques, true
		}
	}
	return changed
}

func set(to *string, from *string) bool {
	if from == nil || *from == *to {
		return false
	}
	*to = *from
	return true
}

// SetExportRate tells what a node exports, in octets per second.
func (inv *Inventory) SetExportRate(name string, rate float64) {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	if n := inv.nodes[name]; n != nil {
		n.ExportRate, n.ExportKnown = rate, true
	}
}

// observePolicies reports whether a number, a generation or a status changed.
func (n *Node) observePolicies(list *yang.Policies, now int64) bool {
	if list == nil {
		return false
	}
	changed := false
	for name, entry := range list.Policy {
		s := entry.GetState()
		if s == nil {
			continue
		}
		p, had := n.Policies[name]
		before := p
		p.Name, p.lastSeen = name, now
		p.merge(s)
		n.Policies[name] = p
		changed = changed || !had || p.ID != before.ID || p.Generation != before.Generation ||
			p.OperStatus != before.OperStatus || p.LastError != before.LastError || !slices.Equal(p.Roles, before.Roles)
	}
	return changed
}

// DropPolicy tells that a node no longer has a policy.
func (inv *Inventory) DropPolicy(name, policy string) {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	n := inv.nodes[name]
	if n == nil {
		return
	}
	if _, ok := n.Policies[policy]; ok {
		delete(n.Policies, policy)
		inv.publish()
		inv.changed(n.clone())
	}
}

func (n *Node) forgetPolicies(now int64) bool {
	changed := false
	for name, p := range n.Policies {
		if now-p.lastSeen > int64(forgetPolicy) {
			delete(n.Policies, name)
			changed = true
		}
	}
	return changed
}

func (p *PolicyState) merge(s *yang.Policy_State) {
	if s.Id != nil {
		p.ID = *s.Id
	}
	if s.Generation != nil {
		p.Generation = *s.Generation
	}
	if s.OperStatus != yang.PolicyOperStatus_UNSET {
		p.OperStatus = s.OperStatus.String()
		if s.LastError == nil && p.OperStatus == "ACTIVE" {
			p.LastError = ""
		}
	}
	if len(s.Role) > 0 {
		p.Roles = nil
		for _, r := range s.Role {
			p.Roles = append(p.Roles, r.String())
		}
	}
	set(&p.LastError, s.LastError)
	if s.ExpiresAt != nil {
		p.ExpiresAt = int64(*s.ExpiresAt)
	}
	for _, c := range []struct{ to, from *uint64 }{
		{&p.Observed, s.PacketsObserved}, {&p.Selected, s.PacketsSelected},
		{&p.Records, s.RecordsExported}, {&p.Dropped, s.RecordsDropped}, {&p.Events, s.Events},
	} {
		if c.from != nil {
			*c.to = *c.from
		}
	}
}
