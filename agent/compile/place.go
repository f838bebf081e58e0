package compile

import (
	"cmp"
	"slices"
	"strings"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/gen/yang"
)

// builder puts policies on Observation Points.
type builder struct {
	*problems
	result  *Result
	marks   map[string]*mark
	present []iface
	known   *yang.Interfaces
	// probes are the uploaded ones, tree is their configuration.
	probes map[string]Probe
	tree   *yang.Probes
	points map[plan.PointID]*plan.Point
	// priorities by policy ID decide the order at a point.
	priorities map[uint32]uint16
	// stamps: something on this node needs the node transit delay.
	stamps bool
	// noTimestamps: the kernel cannot.
	noTimestamps bool
}

// references checks the names that a policy uses.
func (b *builder) references(d *definition) {
	path := policyPath(d.Name)
	for _, name := range d.Export.Collectors {
		if !slices.ContainsFunc(b.result.Collectors, func(c Collector) bool { return c.Name == name }) {
			b.add(NotFound, path+"/data-export/config/collector", "there is no collector %s", name)
		}
	}
	if len(d.Export.Collectors) > 0 && b.result.Domain.EnterpriseNumber == 0 {
		const unset = "and /ifit/domain/config/enterprise-number is not set"
		switch {
		case d.private:
			b.add(Invalid, path+"/data-export/config/collector", "records of %s consist of private Information Elements, %s", d.Technique, unset)
		case slices.Contains(d.Elements, yang.DATA_ELEMENT_TRANSIT_DELAY):
			b.add(Invalid, path+"/data-selection/config/data-element", "TRANSIT_DELAY is a private Information Element, %s", unset)
		case d.choseDrops():
			b.add(Invalid, path+"/data-selection/config/data-element", "records of DROPS consist of private Information Elements, %s", unset)
		case d.Computing.Histogram:
			b.add(Invalid, path+"/data-export/config/computing", "histograms consist of private Information Elements, %s", unset)
		case d.choseHealth():
			b.add(Invalid, path+"/data-selection/config/data-element", "records of TCP_HEALTH consist of private Information Elements, %s", unset)
		}
	}
	if b.noTimestamps {
		b.untimed(d)
	}
	if d.mark != "" {
		switch m, ok := b.marks[d.mark]; {
		case !ok:
			b.add(NotFound, path+"/encapsulation/config/mark", "there is no mark %s", d.mark)
		case m.values == 0:
			b.add(Invalid, path+"/encapsulation/config/mark", "mark %s has no values", d.mark)
		}
	}
	for _, w := range d.where {
		if w.iface == "" {
			continue
		}
		if b.known == nil || b.known.Interface[w.iface] == nil {
			b.add(NotFound, w.path+"/interface", "interface %s is not under /ifit/interfaces", w.iface)
			continue
		}
		role := b.known.Interface[w.iface].GetConfig().GetRole()
		if d.Technique == yang.TECHNIQUE_PBT_M && !inDomain(role) {
			b.add(Invalid, w.path+"/interface", "marks travel between EDGE and CORE interfaces; %s is neither", w.iface)
		}
	}
}

// untimed refuses what needs the time of arrival. Postcards do without.
func (b *builder) untimed(d *definition) {
	const reason = "this kernel cannot keep the time of arrival in a packet (mono-delivery-time under /ifit/state/capabilities)"
	path := policyPath(d.Name)
	switch {
	case watchesDelay(d.Triggers):
		b.add(Invalid, path+"/triggers", "TRANSIT_DELAY is not known: %s", reason)
	case d.Technique == yang.TECHNIQUE_FLOW_METERING && slices.Contains(d.Elements, yang.DATA_ELEMENT_TRANSIT_DELAY):
		b.add(Invalid, path+"/data-selection/config/data-element", "TRANSIT_DELAY is not known: %s", reason)
	}
}

// place puts a policy on its Observation Points.
func (b *builder) place(d *definition, ref flow.PolicyRef) {
	out := d.Policy
	out.PolicyRef = ref
	if m := b.marks[d.mark]; m != nil {
		out.LabelMark = m.field == plan.MarkLabel
	}
	out.Select, out.Probability = b.result.selection(&d.Policy)
	for _, w := range d.where {
		if w.iface != "" && b.known.Interface[w.iface] != nil && b.find(w.iface) == nil {
			out.Missing = append(out.Missing, &Error{
				Path: w.path + "/interface", Code: NotFound,
				Reason: "the kernel has no interface " + w.iface,
			})
		}
	}
	b.probe(d, &out)
	if out.Enabled && len(out.Declined) == 0 {
		for i := range b.present {
			for _, direction := range []flow.Direction{flow.Ingress, flow.Egress} {
				if actions := b.actions(d, &b.present[i], direction); actions != 0 {
					at := plan.PointID{Ifindex: b.present[i].index, Direction: direction}
					out.Points = append(out.Points, Point{PointID: at, Interface: b.present[i].name, Actions: actions})
					if actions == actProbe {
						continue
					}
					b.put(d, ref, b.point(at, &b.present[i]), actions)
				}
			}
		}
		out.Roles = b.roles(&out)
		b.pairable(&out)
	}
	b.result.Policies = append(b.result.Policies, out)
}

func (b *builder) find(name string) *iface {
	for i := range b.present {
		if b.present[i].name == name {
			return &b.present[i]
		}
	}
	return nil
}

// actions says what a policy does at one side of an interface.
func (b *builder) actions(d *definition, i *iface, direction flow.Direction) plan.Action {
	if !d.has(direction) {
		return 0
	}
	asked, byDefault := d.asks(i, direction), len(d.where) == 0 && i.inDomain()
	switch d.Technique {
	case yang.TECHNIQUE_FLOW_METERING:
		return d.metering(asked, byDefault, direction)
	case yang.TECHNIQUE_FLOW_SKETCH:
		if asked || byDefault && i.role == yang.InterfaceRole_EDGE {
			return plan.ActSketch
		}
	case yang.TECHNIQUE_EVENT_MONITOR:
		if asked || byDefault && direction == flow.Egress {
			return plan.ActEvent | d.dropAction()
		}
		if byDefault {
			return d.dropAction()
		}
	case yang.TECHNIQUE_CUSTOM_PROBE:
		if asked || byDefault && direction == flow.Ingress {
			return actProbe
		}
	case yang.TECHNIQUE_PBT_M:
		switch {
		case !i.inDomain() || !asked && !byDefault:
		case d.Unmarked:
			return plan.ActDigest
		case direction == flow.Ingress && i.role == yang.InterfaceRole_EDGE:
			return plan.ActMark | plan.ActPostcard
		default:
			return plan.ActPostcard
		}
	}
	return 0
}

// metering counts at ingress unless delay is asked for, which is only known
// at egress: never at both by default, so that nothing counts twice.
func (d *definition) metering(asked, byDefault bool, direction flow.Direction) plan.Action {
	if !asked && byDefault && direction == flow.Egress && d.choseHealth() && d.LocalOriginated {
		// Connections of the node itself send nothing through any ingress.
		return plan.ActTCP
	}
	var actions plan.Action
	if d.choseDrops() && (asked || byDefault) {
		// Wherever its flows come by, so that drops before and behind are known.
		actions |= plan.ActDrop
	}
	if !asked && (!byDefault || d.measuresDeparture() != (direction == flow.Egress)) {
		return actions
	}
	actions |= plan.ActMeter
	if slices.Contains(d.Elements, yang.DATA_ELEMENT_TRANSIT_DELAY) {
		actions |= plan.ActDelay
	}
	if d.choseHealth() {
		actions |= plan.ActTCP
	}
	if direction == flow.Egress {
		actions |= d.histograms()
	}
	return actions
}

// asks tells whether the operator named this side of the interface.
func (d *definition) asks(i *iface, direction flow.Direction) bool {
	for _, w := range d.where {
		named := w.iface == i.name || w.iface == "" && w.role == i.role
		if named && (w.direction == yang.Direction_BOTH || (w.direction == yang.Direction_EGRESS) == (direction == flow.Egress)) {
			return true
		}
	}
	return false
}

// roles says what this node does with marked packets of a policy.
func (b *builder) roles(p *Policy) (roles []yang.NodeRole) {
	if p.Technique != yang.TECHNIQUE_PBT_M || len(p.Points) == 0 {
		return nil
	}
	if p.Unmarked {
		return []yang.NodeRole{yang.NodeRole_PATH}
	}
	if p.Marks() {
		roles = append(roles, yang.NodeRole_HEAD)
	}
	core, edge := 0, 0
	for _, i := range b.present {
		switch i.role {
		case yang.InterfaceRole_CORE:
			core++
		case yang.InterfaceRole_EDGE:
			edge++
		}
	}
	// Packets pass through between two interfaces inside the domain.
	if core > 1 {
		roles = append(roles, yang.NodeRole_PATH)
	}
	if edge > 0 {
		roles = append(roles, yang.NodeRole_END)
	}
	return roles
}

// put adds the policy's part to a point.
func (b *builder) put(d *definition, ref flow.PolicyRef, at *plan.Point, actions plan.Action) {
	p := plan.Policy{
		PolicyRef: ref, Name: d.Name, Actions: actions, Keys: d.keysFor(actions),
		SourceBits: d.SourceBits, DestinationBits: d.DestinationBits, Biflow: d.Biflow && actions&plan.ActMeter != 0,
		FlowList: d.flowList, Flows: d.flows, Rules: d.Rules,
		Mark: noMarking(), Local: d.LocalOriginated && actions&(plan.ActTCP|plan.ActHistograms) != 0,
	}
	if actions&plan.ActHistograms != 0 {
		p.ByIngress = slices.Contains(d.FlowKeys, "ingressInterface")
		p.ByEgress = slices.Contains(d.FlowKeys, "egressInterface")
	}
	if p.Inner = d.Inner; p.Inner && actions&^plan.InnerActions != 0 {
		b.add(Invalid, policyPath(d.Name)+"/flow-selection/config/match-header", "INNER is for counting; the policy asks for more, which is about the outermost IP header")
	}
	switch {
	case actions&plan.ActMark != 0:
		if m := b.marks[d.mark]; m != nil {
			p.MarkField, p.Mark, p.MarkLabels = m.field, m.dscp, m.labels
		}
		p.Select, _ = b.result.selection(&d.Policy)
	case actions&(plan.ActMeter|plan.ActDigest) != 0:
		p.Select, _ = b.result.selection(&d.Policy)
	case actions&plan.ActSketch != 0:
		p.Sketch = d.Sketch
		p.Select, _ = b.result.selection(&d.Policy)
	case actions&(plan.ActEvent|plan.ActDrop) != 0:
		p.Triggers = d.Triggers
	}
	if actions&(plan.ActDelay|plan.ActDelayHistogram|plan.ActPostcard|plan.ActDigest) != 0 || watchesDelay(p.Triggers) {
		b.stamps = !b.noTimestamps
	}
	if actions&plan.ActPostcard != 0 && at.ID.Direction == flow.Egress {
		at.Postcards = true
	}
	p.Answer = actions&(plan.ActPostcard|plan.ActDigest) != 0 && d.Custom.Probe != ""
	at.Policies = append(at.Policies, p)
	if b.priorities == nil {
		b.priorities = make(map[uint32]uint16)
	}
	b.priorities[ref.ID] = d.priority
}

func watchesDelay(triggers []plan.Trigger) bool {
	return slices.ContainsFunc(triggers, func(t plan.Trigger) bool { return t.Metric == flow.MetricTransitDelay })
}

// point finds or makes the Observation Point.
func (b *builder) point(id plan.PointID, i *iface) *plan.Point {
	if at := b.points[id]; at != nil {
		return at
	}
	at := &plan.Point{ID: id, Interface: i.name, ForeignMark: i.foreign}
	switch i.role {
	case yang.InterfaceRole_EDGE:
		at.Role = plan.RoleEdge
	case yang.InterfaceRole_CORE:
		at.Role = plan.RoleCore
	}
	b.points[id] = at
	return at
}

// finish adds what points do for the domain and the node as a whole, sorts
// them and checks their limits.
func (b *builder) finish() {
	b.domainDuties()
	b.crowds()
	b.limitHistograms()
	out := make([]plan.Point, 0, len(b.points))
	for _, at := range b.points {
		slices.SortFunc(at.Policies, func(x, y plan.Policy) int {
			return cmp.Or(cmp.Compare(b.priorities[y.ID], b.priorities[x.ID]), strings.Compare(x.Name, y.Name))
		})
		out = append(out, *at)
	}
	slices.SortFunc(out, func(x, y plan.Point) int {
		return cmp.Or(cmp.Compare(x.ID.Ifindex, y.ID.Ifindex), cmp.Compare(x.ID.Direction, y.ID.Direction))
	})
	for i := range out {
		b.limits(&out[i])
	}
	b.result.Plan.Points = out
}

// domainDuties keeps marks inside the domain: as long as the domain has
// marks, its edges take them off, whether or not a policy is active here.
func (b *builder) domainDuties() {
	marks := b.result.Plan.MarkFields() != 0
	for n := range b.present {
		i := &b.present[n]
		if !i.inDomain() {
			continue
		}
		ingress := plan.PointID{Ifindex: i.index, Direction: flow.Ingress}
		egress := plan.PointID{Ifindex: i.index, Direction: flow.Egress}
		if b.stamps {
			b.point(ingress, i).Stamp = true
		}
		if marks {
			// A marked packet may end here.
			b.point(ingress, i).Unmark = true
		}
		if marks && i.role == yang.InterfaceRole_EDGE {
			b.point(ingress, i).StripForeign = true
			b.point(egress, i).Unmark = true
		}
	}
}

// limits checks what one program can hold, and blames the policy that comes
// too late.
func (b *builder) limits(at *plan.Point) {
	where := strings.ToLower(at.ID.Direction.String()) + " of " + at.Interface
	rules, flows, sketches, answers := 0, 0, 0, 0
	for i := range at.Policies {
		p := &at.Policies[i]
		path := policyPath(p.Name)
		if i == plan.MaxPolicies {
			b.add(TooMuch, path, "%d policies would observe %s, at most %d are possible", len(at.Policies), where, plan.MaxPolicies)
		}
		before := rules
		if rules += len(p.Rules); before <= plan.MaxRules && rules > plan.MaxRules {
			b.add(TooMuch, path+"/flow-selection/rules", "with it, %d rules would apply at %s, at most %d are possible", rules, where, plan.MaxRules)
		}
		before = flows
		if flows += len(p.Flows); before <= plan.MaxListedFlows && flows > plan.MaxListedFlows {
			b.add(TooMuch, path+"/flow-selection/flows", "with it, %d flows would be listed at %s, at most %d are possible", flows, where, plan.MaxListedFlows)
		}
		if p.Answer {
			if answers++; answers == 2 {
				b.add(TooMuch, path+"/data-selection/config/probe", "a second probe would answer for postcards at %s", where)
			}
		}
		if p.Actions&plan.ActSketch == 0 {
			continue
		}
		if sketches++; sketches == 2 {
			b.add(TooMuch, path, "a second FLOW_SKETCH policy would observe %s", where)
		}
	}
}
