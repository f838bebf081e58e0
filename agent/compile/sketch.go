package compile

import (
	"slices"

	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/gen/yang"
)

// sketch converts the parameters of a FLOW_SKETCH policy, and the rate in
// octets per second below which no flow is heavy.
func (p *problems) sketch(at string, c *yang.Policy_Sketch_Config) (plan.Sketch, uint64) {
	s := plan.Sketch{
		TopK: c.GetTopK(), Epoch: milliseconds(c.GetEpoch()), LeastDestinations: uint64(c.GetSpreaderThreshold()),
	}
	reports := c.GetReport()
	if len(reports) == 0 {
		reports = []yang.SketchReport{yang.SketchReport_HEAVY_FLOWS}
	}
	for _, r := range reports {
		switch r {
		case yang.SketchReport_HEAVY_FLOWS:
			s.Parts |= plan.SketchHeavy
		case yang.SketchReport_DISTINCT:
			s.Parts |= plan.SketchDistinct
		case yang.SketchReport_SPREADERS:
			s.Parts |= plan.SketchSpread
		default:
			p.notBuilt(at+"/report", r)
		}
	}
	if c != nil && c.ThresholdOctetsPerSecond != nil && !slices.Contains(reports, yang.SketchReport_HEAVY_FLOWS) {
		p.add(Invalid, at+"/threshold-octets-per-second", "belongs to HEAVY_FLOWS, which report leaves out")
	}
	return s, c.GetThresholdOctetsPerSecond()
}
