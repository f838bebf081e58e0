package compile

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/dataplane/probe/custom/object"
	"github.com/openifit/openifit/gen/yang"
)

// Probe is an uploaded probe: its object, or the reason why there is none that
// could run.
type Probe struct {
	Object *object.Object
	Reason string
}

// Custom is what a CUSTOM_PROBE policy runs.
type Custom struct {
	// Probe is the name of the uploaded probe, Object what was uploaded.
	Probe  string
	Object *object.Object
	// Parameters are octets in the form of the object's.
	Parameters []byte
	// FirstElement numbers the private Information Elements of its fields.
	FirstElement uint16
	// PerPacket and CPU bound its cost; 0 does not. CPU is a share of one.
	PerPacket time.Duration
	CPU       float64
}

// actProbe stands for a program beside that of the point, of which the point's
// program knows nothing.
const actProbe plan.Action = 1 << 15

// maxProbes is the number of uploaded probes at one Observation Point: each is
// a program more that every packet passes.
const maxProbes = 8

// custom reads which probe a policy runs.
func (d *definition) custom(path string, in *yang.Policy) {
	p := &d.problems
	if d.Custom.Probe = in.GetConfig().GetProbe(); d.Custom.Probe == "" {
		p.add(Invalid, path+"/config/probe", "CUSTOM_PROBE needs a probe")
	}
	d.probeParameters(path, in)
	if len(d.Rules) > 0 || d.flowList {
		p.add(NotBuilt, path+"/flow-selection", "choosing flows for CUSTOM_PROBE is %s: the probe sees every packet", notBuilt)
	}
}

// answers reads which probe answers for a policy's postcards.
func (d *definition) answers(path string, in *yang.Policy) {
	d.Custom.Probe = in.GetDataSelection().GetConfig().GetProbe()
	d.probeParameters(path, in)
	if d.Custom.Probe == "" && len(d.parameters) > 0 {
		d.problems.add(Invalid, path+"/probe-parameters", "there is no probe whose parameters these are")
	}
}

func (d *definition) probeParameters(path string, in *yang.Policy) {
	p := &d.problems
	d.parameters = make(map[string]string)
	if list := in.GetProbeParameters(); list != nil {
		for name, value := range list.Parameter {
			if value.GetConfig() == nil || value.GetConfig().Value == nil {
				p.add(Invalid, path+"/probe-parameters/parameter[name="+name+"]/config/value", "a parameter needs a value")
				continue
			}
			d.parameters[name] = value.GetConfig().GetValue()
		}
	}
}

// probe finds the object that a policy runs, and encodes its parameters.
func (b *builder) probe(d *definition, out *Policy) {
	if d.Custom.Probe == "" {
		return
	}
	path := policyPath(d.Name)
	leaf := path + "/config/probe"
	if d.Technique != yang.TECHNIQUE_CUSTOM_PROBE {
		leaf = path + "/data-selection/config/probe"
	}
	found, ok := b.probes[d.Custom.Probe]
	switch {
	case !ok:
		b.add(NotFound, leaf, "there is no probe %s", d.Custom.Probe)
		return
	case found.Object == nil:
		b.add(Invalid, leaf, "probe %s: %s", d.Custom.Probe, found.Reason)
		return
	}
	c := b.tree.GetProbe(d.Custom.Probe).GetConfig()
	out.Custom = Custom{
		Probe: d.Custom.Probe, Object: found.Object, FirstElement: c.GetFirstElement(),
		PerPacket: time.Duration(c.GetMaxNsPerPacket()), CPU: float64(c.GetMaxCpuPercent()) / 100,
	}
	encoded, err := found.Object.Encode(d.parameters)
	var wrong *object.ParameterError
	switch {
	case errors.As(err, &wrong):
		b.add(Invalid, path+"/probe-parameters/parameter[name="+wrong.Name+"]/config/value", "parameter %s %s", wrong.Name, wrong.Reason)
	case err != nil:
		b.add(Invalid, path+"/probe-parameters", "%v", err)
	}
	out.Custom.Parameters = encoded
}

// elements counts the Information Elements of a probe.
func elements(o *object.Object) int {
	n := 0
	for _, s := range []*object.Struct{o.Counters, o.Record} {
		if s != nil {
			n += len(s.Fields)
		}
	}
	return n
}

// numbering refuses two probes whose Information Elements share numbers, and
// names that would be the same.
func (p *problems) numbering(tree *yang.Probes, probes map[string]Probe) {
	type span struct {
		name       string
		begin, end int
	}
	var taken []span
	for _, name := range slices.Sorted(maps.Keys(probes)) {
		o := probes[name].Object
		if o == nil {
			continue
		}
		n := elements(o)
		s := span{name, int(tree.GetProbe(name).GetConfig().GetFirstElement()), 0}
		s.end = s.begin + n
		path := "/ifit/probes/probe[name=" + name + "]/config/first-element"
		if s.end > 1<<15 {
			p.add(Invalid, path, "%d elements from %d on end behind 32767", n, s.begin)
		}
		for _, t := range taken {
			if n > 0 && s.begin < t.end && t.begin < s.end {
				p.add(Invalid, path, "elements %d to %d overlap with %d to %d of probe %s; choose another number", s.begin, s.end-1, t.begin, t.end-1, t.name)
				break
			}
		}
		taken = append(taken, s)
	}
}

// crowds blames the policy whose probe is one too many at a point.
func (b *builder) crowds() {
	seen := make(map[plan.PointID]int)
	for i := range b.result.Policies {
		p := &b.result.Policies[i]
		if p.Technique != yang.TECHNIQUE_CUSTOM_PROBE {
			continue
		}
		for _, at := range p.Points {
			if seen[at.PointID]++; seen[at.PointID] == maxProbes+1 {
				b.add(TooMuch, policyPath(p.Name), "with it, %d uploaded probes would run at %s of %s, at most %d are possible", maxProbes+1, strings.ToLower(at.Direction.String()), at.Interface, maxProbes)
			}
		}
	}
}
