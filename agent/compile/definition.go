package compile

import (
	"slices"
	"strings"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/gen/yang"
)

// definition is a policy by itself, before it meets interfaces, collectors
// and the other policies.
type definition struct {
	Policy
	problems problems
	priority uint16
	fields   plan.KeyField
	keys     flowKeys
	flowList bool
	flows    []flow.ID
	mark     string
	where    []where
	private  bool
	// parameters are those of an uploaded probe.
	parameters map[string]string
	// needed are the data elements that the policy's records always hold.
	needed []yang.DATA_ELEMENT
}

// where is an Observation Point as the operator wrote it: an interface or a
// role.
type where struct {
	path      string
	iface     string
	role      yang.InterfaceRole
	direction yang.Direction
}

// RaiseSuffix ends the name of a raise: a policy that measures more than the
// one which it is named after, for a while.
const RaiseSuffix = ".raise"

// policyPath is the YANG path of a policy.
func policyPath(name string) string { return "/ifit/policies/policy[name=" + name + "]" }

// define converts one policy.
func (c *Compiler) define(name string, in *yang.Policy) *definition {
	path, config := policyPath(name), in.GetConfig()
	d := &definition{Policy: Policy{
		Name: name, Owner: config.GetOwner(), Technique: config.GetTechnique(),
		Enabled:         config.GetEnabled(),
		Priority:        config.GetPriority(),
		LocalOriginated: config.GetLocalOriginated(),
	}, priority: config.GetPriority()}
	p := &d.problems
	if d.Technique == yang.TECHNIQUE_UNSET {
		p.add(Invalid, path+"/config/technique", "a policy needs a technique")
		return d
	}
	technique, ok := c.techniques[d.Technique]
	if !ok {
		p.notBuilt(path+"/config/technique", d.Technique)
		return d
	}
	d.private = technique.private
	if strings.HasSuffix(name, RaiseSuffix) && config.GetLifetime() == 0 {
		p.add(Invalid, path+"/config/lifetime", "a raise needs a lifetime, so that it ends by itself")
	}
	p.refuseOthers(path, in, technique.leaves)
	d.where = p.where(path, in.GetObservationPoints())
	d.flowSelection(path+"/flow-selection", in.GetFlowSelection())
	d.Export = p.export(path, in.GetDataExport())
	switch d.Technique {
	case yang.TECHNIQUE_FLOW_METERING:
		d.keys = p.keys(path+"/flow-selection", in.GetFlowSelection().GetConfig())
		d.FlowKeys, d.fields = d.keys.names, d.keys.fields
		d.SourceBits, d.DestinationBits = d.keys.source, d.keys.destination
		d.Select, d.Probability = p.selection(path, in.GetPacketSelection())
	case yang.TECHNIQUE_PBT_M:
		d.answers(path, in)
		d.Select, d.Probability = p.selection(path, in.GetPacketSelection())
		d.mark = in.GetEncapsulation().GetConfig().GetMark()
		if d.Unmarked = d.mark == "" && d.Select.Algorithm.IsHash(); d.mark == "" && !d.Unmarked {
			p.add(Invalid, path+"/encapsulation/config/mark",
				"PBT_M needs a mark, unless it selects HASH_BASED: then every node recognises the packets by their hash")
		}
		if len(d.Export.Collectors) == 0 {
			p.add(Invalid, path+"/data-export/config/collector", "PBT_M needs a collector: its postcards are kept nowhere else")
		}
	case yang.TECHNIQUE_FLOW_SKETCH:
		d.Sketch, d.SketchFloor = p.sketch(path+"/sketch/config", in.GetSketch().GetConfig())
	case yang.TECHNIQUE_CUSTOM_PROBE:
		d.custom(path, in)
	case yang.TECHNIQUE_EVENT_MONITOR:
		d.Triggers = p.triggers(path, in.GetTriggers())
		d.Actions = p.actions(path, name, in.GetTriggers())
		p.blind(d, in.GetTriggers())
		if watchesDelay(d.Triggers) {
			technique.always = slices.Concat(technique.always, []yang.DATA_ELEMENT{yang.DATA_ELEMENT_TRANSIT_DELAY})
		}
	}
	d.Elements = p.elements(path+"/data-selection/config/data-element", &technique, d.Technique,
		in.GetDataSelection().GetConfig().GetDataElement())
	if d.Biflow = in.GetFlowSelection().GetConfig().GetBiflow(); d.Biflow && d.Technique == yang.TECHNIQUE_FLOW_METERING {
		p.biflow(path, d)
	}
	if d.Select.PerFlow && d.keys.readsPart() {
		p.add(Invalid, path+"/packet-selection/config/scope", "flows between prefixes are not sampled one by one")
	}
	d.needed = technique.always
	p.health(path, d)
	p.computing(path, d, in.GetDataExport())
	p.directions(d)
	return d
}

func (d *definition) flowSelection(path string, in *yang.Policy_FlowSelection) {
	p := &d.problems
	d.Inner = in.GetConfig().GetMatchHeader() == yang.MatchHeader_INNER
	if d.Inner && d.Technique != yang.TECHNIQUE_FLOW_METERING && d.Technique != yang.TECHNIQUE_FLOW_SKETCH {
		p.add(Invalid, path+"/config/match-header", "INNER is for counting; what %s does to packets or tells of them is about the outermost IP header", d.Technique)
	}
	d.Rules = p.rules(path, in.GetRules())
	d.flows = p.flows(path, in.GetFlows())
	switch source := in.GetConfig().GetSource(); source {
	case yang.FlowSource_RULES:
		if len(d.flows) > 0 {
			p.add(Invalid, path+"/flows", "flows are read with source FLOW_LIST only")
		}
	case yang.FlowSource_FLOW_LIST:
		d.flowList = true
		if len(d.Rules) > 0 {
			p.add(Invalid, path+"/rules", "rules are read with source RULES only")
		}
	default:
		p.notBuilt(path+"/config/source", source)
	}
}

// where converts the Observation Points that the operator wrote.
func (p *problems) where(path string, in *yang.Policy_ObservationPoints) []where {
	if in == nil {
		return nil
	}
	names := make([]string, 0, len(in.ObservationPoint))
	for name := range in.ObservationPoint {
		names = append(names, name)
	}
	slices.Sort(names)
	var out []where
	for _, name := range names {
		c := in.ObservationPoint[name].GetConfig()
		w := where{
			path:  path + "/observation-points/observation-point[name=" + name + "]/config",
			iface: c.GetInterface(), role: c.GetInterfaceRole(), direction: c.GetDirection(),
		}
		switch {
		case w.iface == "" && w.role == yang.InterfaceRole_UNSET:
			p.add(Invalid, w.path, "an observation point needs an interface or an interface-role")
		case w.iface != "" && w.role != yang.InterfaceRole_UNSET:
			p.add(Invalid, w.path, "give an interface or an interface-role, not both")
		default:
			if i := slices.IndexFunc(out, w.overlaps); i >= 0 {
				p.add(Invalid, w.path, "observes the same packets as %s", strings.TrimSuffix(out[i].path, "/config"))
			}
			out = append(out, w)
		}
	}
	return out
}

// overlaps tells whether both name a side of an interface, or of a role.
func (w where) overlaps(o where) bool {
	return w.iface == o.iface && w.role == o.role &&
		(w.direction == o.direction || w.direction == yang.Direction_BOTH || o.direction == yang.Direction_BOTH)
}

// directions refuses Observation Points at which a technique can do nothing.
// BOTH is each direction that it has.
func (p *problems) directions(d *definition) {
	for _, w := range d.where {
		at := w.path + "/direction"
		switch {
		case w.direction == yang.Direction_INGRESS && !d.has(flow.Ingress) && d.Technique == yang.TECHNIQUE_FLOW_METERING:
			p.add(Invalid, at, "TRANSIT_DELAY is known at EGRESS only, not at %s", w.direction)
		case d.Technique == yang.TECHNIQUE_EVENT_MONITOR:
			// What a trigger cannot watch has been said of the trigger.
		case w.direction == yang.Direction_INGRESS && !d.has(flow.Ingress),
			w.direction == yang.Direction_EGRESS && !d.has(flow.Egress):
			p.add(NotBuilt, at, "%s at %s is %s", d.Technique, w.direction, notBuilt)
		}
		if d.Technique == yang.TECHNIQUE_PBT_M && w.role == yang.InterfaceRole_MONITOR {
			p.add(Invalid, w.path+"/interface-role", "marks travel between EDGE and CORE interfaces")
		}
	}
}

// has tells whether the technique measures in a direction.
func (d *definition) has(direction flow.Direction) bool {
	switch d.Technique {
	case yang.TECHNIQUE_FLOW_METERING:
		return direction == flow.Egress || !d.measuresDeparture()
	case yang.TECHNIQUE_EVENT_MONITOR:
		return watches(d.Triggers, direction)
	case yang.TECHNIQUE_PBT_M:
		return direction == flow.Egress || !d.Unmarked
	case yang.TECHNIQUE_FLOW_SKETCH:
		return direction == flow.Ingress
	}
	return true
}
