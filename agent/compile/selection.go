package compile

import (
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/gen/yang"
)

// selection converts packet selection. Parameters of another algorithm than
// the one chosen are refused.
func (p *problems) selection(path string, in *yang.Policy_PacketSelection) (plan.Selection, float64) {
	c, at := in.GetConfig(), path+"/packet-selection/config"
	var s plan.Selection
	var probability float64
	algorithm := c.GetAlgorithm()
	if c != nil {
		if algorithm != yang.SelectionAlgorithm_SYSTEMATIC_COUNT && (c.Interval != nil || c.Space != nil) {
			p.add(Invalid, at+"/interval", "interval and space belong to SYSTEMATIC_COUNT, not to %s", algorithm)
		}
		if algorithm != yang.SelectionAlgorithm_UNIFORM_PROBABILISTIC && c.Probability != nil {
			p.add(Invalid, at+"/probability", "belongs to UNIFORM_PROBABILISTIC, not to %s", algorithm)
		}
	}
	switch algorithm {
	case yang.SelectionAlgorithm_ALL:
	case yang.SelectionAlgorithm_SYSTEMATIC_COUNT:
		s.Algorithm = plan.SelectSystematicCount
		if c.Interval == nil || c.Space == nil {
			p.add(Invalid, at, "SYSTEMATIC_COUNT needs interval and space")
			break
		}
		if *c.Interval == 0 {
			p.add(Invalid, at+"/interval", "0 packets in a row select nothing")
		}
		s.Interval, s.Space = *c.Interval, *c.Space
	case yang.SelectionAlgorithm_UNIFORM_PROBABILISTIC:
		s.Algorithm = plan.SelectUniform
		if c.Probability == nil {
			p.add(Invalid, at, "UNIFORM_PROBABILISTIC needs a probability")
			break
		}
		if probability = *c.Probability; !(probability >= 0 && probability <= 1) {
			p.add(Invalid, at+"/probability", "%v lies outside of 0 to 1", probability)
			break
		}
		s.Threshold, _ = plan.Threshold(probability)
	default:
		p.notBuilt(at+"/algorithm", algorithm)
	}
	return s, probability
}
