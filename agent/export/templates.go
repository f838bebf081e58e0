package export

import (
	"fmt"

	"github.com/openifit/openifit/proto/ipfix"
	"github.com/openifit/openifit/proto/ipfix/ie"
	"github.com/openifit/openifit/proto/ipfix/records"
)

// byFamily holds one template for each address family.
type byFamily [3]*ipfix.Template

// templates are those that do not depend on a policy. What consists of
// private elements is nil without an enterprise number.
type templates struct {
	model                                              *ie.Model
	postcard, answered, event, heavy, spreader, health byFamily
	drop, culprit                                      byFamily
	policyName, interfaceName, typeInfo, distinct      *ipfix.Template
	selectionSequence, sequenceStats                   *ipfix.Template
	exporterReliability, meterReliability              *ipfix.Template
	meterStatistics                                    *ipfix.Template
}

// newTemplates makes them for an enterprise number, 0 for none.
func newTemplates(enterprise uint32) (*templates, error) {
	m := ie.NewModel(enterprise)
	t := &templates{model: m}
	var failed error
	keep := func(made *ipfix.Template, err error) *ipfix.Template {
		if err != nil && failed == nil {
			failed = err
		}
		return made
	}
	t.interfaceName = keep(records.InterfaceNameTemplate(m))
	t.selectionSequence = keep(records.SelectionSequenceTemplate(m))
	t.sequenceStats = keep(records.SequenceStatisticsTemplate(m))
	t.exporterReliability = keep(records.ExporterReliabilityTemplate(m))
	t.meterReliability = keep(records.MeterReliabilityTemplate(m))
	t.meterStatistics = keep(records.MeterStatisticsTemplate(m))
	if enterprise != 0 {
		t.policyName = keep(records.PolicyNameTemplate(m))
		t.distinct = keep(records.DistinctTemplate(m))
		t.typeInfo = keep(records.TypeInformationTemplate(m))
		for _, f := range []records.Family{records.IPv4, records.IPv6} {
			t.postcard[f] = keep(records.PostcardTemplate(m, f))
			t.answered[f] = keep(records.AnsweredPostcardTemplate(m, f))
			t.heavy[f] = keep(records.HeavyFlowTemplate(m, f))
			t.spreader[f] = keep(records.SpreaderTemplate(m, f))
			t.health[f] = keep(records.TCPHealthTemplate(m, f))
			t.drop[f] = keep(records.DropTemplate(m, f))
			t.culprit[f] = keep(records.CulpritTemplate(m, f))
		}
		for _, f := range []records.Family{records.NoFlow, records.IPv4, records.IPv6} {
			t.event[f] = keep(records.EventTemplate(m, f))
		}
	}
	if failed != nil {
		return nil, fmt.Errorf("make templates: %w", failed)
	}
	return t, nil
}

// flowTemplates are those of a policy's Flow Records, of one direction of a
// flow and, where the policy pairs them, of both.
type flowTemplates struct{ one, both, histogram byFamily }

// of is the template of a record.
func (t *flowTemplates) of(f *records.Flow) *ipfix.Template {
	// Flows whose keys are no addresses still are of a family.
	family := records.IPv4
	if f.IPVersion == 6 {
		family = records.IPv6
	}
	if f.ReversePackets > 0 {
		return t.both[family]
	}
	return t.one[family]
}

// flows makes the templates of a policy's Flow Records.
func (t *templates) flows(p *Policy) (out flowTemplates, err error) {
	if len(p.FlowKeys) == 0 {
		return out, nil
	}
	o := records.FlowOptions{
		TransitDelay: p.Delay && t.model.PEN() != 0,
		Sampled:      p.Selection.Algorithm != 0,
		Without:      p.Without,
	}
	if out.histogram, err = t.histograms(p); err != nil {
		return out, err
	}
	if out.one, err = t.flowsWith(p, o); err != nil || !p.Biflow {
		return out, err
	}
	o.Biflow = true
	out.both, err = t.flowsWith(p, o)
	return out, err
}

// histograms makes the templates of a policy's histograms.
func (t *templates) histograms(p *Policy) (out byFamily, err error) {
	h := &p.Histogram
	if !h.Wanted || t.model.PEN() == 0 {
		return out, nil
	}
	for _, f := range []records.Family{records.IPv4, records.IPv6} {
		if out[f], err = records.HistogramTemplate(t.model, f, p.FlowKeys, h.Minimum, h.Maximum, h.Mean); err != nil {
			return out, fmt.Errorf("policy %s: %w", p.Name, err)
		}
	}
	return out, nil
}

func (t *templates) flowsWith(p *Policy, o records.FlowOptions) (out byFamily, err error) {
	for _, f := range []records.Family{records.IPv4, records.IPv6} {
		if out[f], err = records.FlowTemplate(t.model, f, p.FlowKeys, o); err != nil {
			return out, fmt.Errorf("policy %s: %w", p.Name, err)
		}
	}
	return out, nil
}
