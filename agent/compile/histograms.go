package compile

import (
	"slices"

	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/gen/yang"
)

// Computing is what a node computes of a measured value.
type Computing struct {
	// Histogram with its percentiles; the others come beside it.
	Histogram, Minimum, Maximum, Mean bool
}

// computing converts what is computed of measured values, and refuses what no
// histogram could be made of.
func (p *problems) computing(path string, d *definition, in *yang.Policy_DataExport) {
	at := path + "/data-export/config/computing"
	chosen := in.GetConfig().GetComputing()
	for i, c := range chosen {
		if slices.Contains(chosen[:i], c) {
			p.add(Invalid, at, "%s is given twice", c)
		}
		switch c {
		case yang.Computing_HISTOGRAM:
			d.Computing.Histogram = true
		case yang.Computing_MINIMUM:
			d.Computing.Minimum = true
		case yang.Computing_MAXIMUM:
			d.Computing.Maximum = true
		case yang.Computing_MEAN:
			d.Computing.Mean = true
		}
	}
	queue := slices.Contains(d.Elements, yang.DATA_ELEMENT_QUEUE_DEPTH)
	if !d.Computing.Histogram {
		if len(chosen) > 0 {
			p.add(NotBuilt, at, "%s without HISTOGRAM is %s", chosen[0], notBuilt)
		}
		if queue {
			p.add(NotBuilt, path+"/data-selection/config/data-element", "QUEUE_DEPTH without computing HISTOGRAM is %s", notBuilt)
		}
		return
	}
	if !d.measuresDeparture() {
		p.add(Invalid, at, "HISTOGRAM of what? It needs TRANSIT_DELAY or QUEUE_DEPTH among the data elements")
	}
	if d.Select.Algorithm != plan.SelectAll {
		p.add(Invalid, path+"/packet-selection/config/algorithm", "histograms are of all packets of a flow")
	}
	if d.choseDrops() {
		p.add(Invalid, at, "HISTOGRAM and DROPS have other keys: take two policies")
	}
	if d.Inner {
		p.add(Invalid, path+"/flow-selection/config/match-header", "histograms are about the outermost IP header")
	}
	for _, key := range d.FlowKeys {
		if !histogramKey(key) {
			p.add(NotBuilt, path+"/flow-selection/config/flow-keys", "%s as a Flow Key of histograms is %s", key, notBuilt)
		}
	}
}

// histogramKey tells whether histograms can be kept apart by an element.
func histogramKey(element string) bool {
	switch element {
	case "ingressInterface", "egressInterface", "ipVersion", "vlanId":
		return true
	}
	field, ok := keyField(element)
	return ok && field != 0 && field&^plan.HistogramKeys == 0 && field != plan.KeyVLAN
}

// histograms are the actions that a policy's histograms need where packets
// leave.
func (d *definition) histograms() (actions plan.Action) {
	if !d.Computing.Histogram {
		return 0
	}
	if slices.Contains(d.Elements, yang.DATA_ELEMENT_TRANSIT_DELAY) {
		actions |= plan.ActDelayHistogram
	}
	if slices.Contains(d.Elements, yang.DATA_ELEMENT_QUEUE_DEPTH) {
		actions |= plan.ActQueueHistogram
	}
	return actions
}

// limitHistograms blames the policy whose histograms come too late.
func (b *builder) limitHistograms() {
	n := 0
	for i := range b.result.Policies {
		p := &b.result.Policies[i]
		if p.Computing.Histogram && p.Active() {
			if n++; n == plan.MaxHistograms+1 {
				b.add(TooMuch, policyPath(p.Name)+"/data-export/config/computing",
					"at most %d policies of a node can have histograms", plan.MaxHistograms)
			}
		}
	}
}
