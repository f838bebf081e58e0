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
	algorithm := c.GetAlgorithm()
	p.foreignParameters(at, in, algorithm)
	if s.PerFlow = c.GetScope() == yang.SelectionScope_FLOW; s.PerFlow && !knowsFlows(algorithm) {
		p.add(Invalid, at+"/scope", "%s decides about each packet by itself and knows no flows", algorithm)
		s.PerFlow = false
	}
	probability := 0.0
	switch algorithm {
	case yang.SelectionAlgorithm_ALL:
	case yang.SelectionAlgorithm_SYSTEMATIC_COUNT:
		s.Algorithm = plan.SelectSystematicCount
		p.intervals(at, c, &s, "packets")
	case yang.SelectionAlgorithm_SYSTEMATIC_TIME:
		s.Algorithm = plan.SelectSystematicTime
		p.intervals(at, c, &s, "microseconds")
	case yang.SelectionAlgorithm_RANDOM_N_OUT_OF_N:
		s.Algorithm = plan.SelectRandom
		p.population(at, c, &s)
	case yang.SelectionAlgorithm_UNIFORM_PROBABILISTIC:
		s.Algorithm = plan.SelectUniform
		probability = p.uniform(at, c, &s)
	case yang.SelectionAlgorithm_HASH_BASED:
		p.hash(path+"/packet-selection", in, &s)
	case yang.SelectionAlgorithm_PROPERTY_MATCH:
		s.Algorithm = plan.SelectProperty
		p.properties(at, c, &s.Match)
	default:
		p.notBuilt(at+"/algorithm", algorithm)
	}
	return s, probability
}

func knowsFlows(a yang.E_OpenifitTypes_SelectionAlgorithm) bool {
	return a == yang.SelectionAlgorithm_SYSTEMATIC_COUNT || a == yang.SelectionAlgorithm_RANDOM_N_OUT_OF_N ||
		a == yang.SelectionAlgorithm_UNIFORM_PROBABILISTIC
}

// foreignParameters refuses what belongs to another algorithm.
func (p *problems) foreignParameters(at string, in *yang.Policy_PacketSelection, a yang.E_OpenifitTypes_SelectionAlgorithm) {
	c := in.GetConfig()
	if c == nil {
		c = new(yang.Policy_PacketSelection_Config)
	}
	const properties = "PROPERTY_MATCH"
	perFlow := c.GetScope() == yang.SelectionScope_FLOW
	for _, leaf := range []struct {
		given      bool
		name, owns string
		own        bool
	}{
		{c.Interval != nil, "interval", "SYSTEMATIC_COUNT and SYSTEMATIC_TIME", isSystematic(a)},
		{c.Space != nil, "space", "SYSTEMATIC_COUNT and SYSTEMATIC_TIME", isSystematic(a)},
		{c.Size != nil, "size", "RANDOM_N_OUT_OF_N", a == yang.SelectionAlgorithm_RANDOM_N_OUT_OF_N},
		{c.Population != nil, "population", "RANDOM_N_OUT_OF_N", a == yang.SelectionAlgorithm_RANDOM_N_OUT_OF_N},
		{c.Probability != nil, "probability", "UNIFORM_PROBABILISTIC", a == yang.SelectionAlgorithm_UNIFORM_PROBABILISTIC},
		{c.HashFunction != yang.HashFunction_UNSET, "hash-function", "HASH_BASED", a == yang.SelectionAlgorithm_HASH_BASED},
		{c.HashInitialiser != nil, "hash-initialiser", "HASH_BASED, or UNIFORM_PROBABILISTIC with scope FLOW",
			a == yang.SelectionAlgorithm_HASH_BASED || a == yang.SelectionAlgorithm_UNIFORM_PROBABILISTIC && perFlow},
		{len(c.TcpFlags) > 0, "tcp-flags", properties, a == yang.SelectionAlgorithm_PROPERTY_MATCH},
		{len(c.TcpFlagsAbsent) > 0, "tcp-flags-absent", properties, a == yang.SelectionAlgorithm_PROPERTY_MATCH},
		{c.MinimumPacketLength != nil, "minimum-packet-length", properties, a == yang.SelectionAlgorithm_PROPERTY_MATCH},
		{c.MaximumPacketLength != nil, "maximum-packet-length", properties, a == yang.SelectionAlgorithm_PROPERTY_MATCH},
		{c.MinimumTtl != nil, "minimum-ttl", properties, a == yang.SelectionAlgorithm_PROPERTY_MATCH},
		{c.MaximumTtl != nil, "maximum-ttl", properties, a == yang.SelectionAlgorithm_PROPERTY_MATCH},
		{len(c.Ecn) > 0, "ecn", properties, a == yang.SelectionAlgorithm_PROPERTY_MATCH},
		{c.GetFragments() != yang.FragmentMatch_ANY, "fragments", properties, a == yang.SelectionAlgorithm_PROPERTY_MATCH},
	} {
		if leaf.given && !leaf.own {
			p.add(Invalid, at+"/"+leaf.name, "belongs to %s, not to %s", leaf.owns, a)
		}
	}
	if a != yang.SelectionAlgorithm_HASH_BASED && len(hashRanges(in)) > 0 {
		p.add(Invalid, at[:len(at)-len("config")]+"hash-ranges", "belongs to HASH_BASED, not to %s", a)
	}
}

func isSystematic(a yang.E_OpenifitTypes_SelectionAlgorithm) bool {
	return a == yang.SelectionAlgorithm_SYSTEMATIC_COUNT || a == yang.SelectionAlgorithm_SYSTEMATIC_TIME
}

func (p *problems) intervals(at string, c *yang.Policy_PacketSelection_Config, s *plan.Selection, unit string) {
	if c.Interval == nil || c.Space == nil {
		p.add(Invalid, at, "%s needs interval and space", c.GetAlgorithm())
		return
	}
	if *c.Interval == 0 {
		p.add(Invalid, at+"/interval", "0 %s in a row select nothing", unit)
	}
	s.Interval, s.Space = *c.Interval, *c.Space
}

func (p *problems) population(at string, c *yang.Policy_PacketSelection_Config, s *plan.Selection) {
	switch {
	case c.Size == nil || c.Population == nil:
		p.add(Invalid, at, "RANDOM_N_OUT_OF_N needs size and population")
	case *c.Size == 0:
		p.add(Invalid, at+"/size", "0 packets of a population select nothing")
	case *c.Size > *c.Population:
		p.add(Invalid, at+"/size", "%d exceeds the population of %d packets", *c.Size, *c.Population)
	default:
		s.Size, s.Population = *c.Size, *c.Population
	}
}

func (p *problems) uniform(at string, c *yang.Policy_PacketSelection_Config, s *plan.Selection) float64 {
	if c.Probability == nil {
		p.add(Invalid, at, "UNIFORM_PROBABILISTIC needs a probability")
		return 0
	}
	probability := *c.Probability
	if !(probability >= 0 && probability <= 1) {
		p.add(Invalid, at+"/probability", "%v lies outside of 0 to 1", probability)
		return 0
	}
	s.Threshold, _ = plan.Threshold(probability)
	if s.PerFlow {
		s.Initialiser = defaultInitialiser
		if c.HashInitialiser != nil {
			s.Initialiser = *c.HashInitialiser
		}
	}
	return probability
}
