package collect

import (
	"github.com/openifit/openifit/controller/measure"
	"github.com/openifit/openifit/proto/ipfix"
	"github.com/openifit/openifit/proto/ipfix/records"
)

// node names the node of a message; empty and counted when nobody claims the
// Observation Domain.
func (c *IPFIX) node(h ipfix.Header) string {
	name := c.snapshot.NodeOfDomain(h.Domain)
	if name == "" {
		c.counts.UnknownDomain++
	}
	return name
}

func (c *IPFIX) postcard(h ipfix.Header, p *records.Postcard) {
	node := c.node(h)
	if node == "" {
		return
	}
	if c.postcards == nil {
		c.postcards = batch(c.usedPostcards)
	}
	c.postcards = append(c.postcards, measure.Postcard{
		Node: node, Flow: flowOf(p.Tuple), PacketID: p.PacketID,
		PolicyID: p.Policy, Generation: p.Generation,
		Ingress: int64(p.IngressTime), Egress: int64(p.EgressTime),
		IngressIfindex: p.IngressInterface, EgressIfindex: p.EgressInterface,
		HopLimit: p.HopLimit,
	})
}

func flowOf(t records.Tuple) measure.Flow {
	return measure.Flow{
		Source: t.Source, Destination: t.Destination,
		SourcePort: t.SourcePort, DestinationPort: t.DestinationPort, Protocol: t.Protocol,
	}
}

func (c *IPFIX) flow(h ipfix.Header, f *records.Flow) {
	node := c.node(h)
	if node == "" {
		return
	}
	if c.flows == nil {
		c.flows = batch(c.usedFlows)
	}
	r := measure.FlowRecord{
		Node: node, PolicyID: f.Policy, Generation: f.Generation,
		Key:     measure.FlowKey{Flow: flowOf(f.Tuple), DSCP: f.DiffServ, FlowLabel: f.FlowLabel, VLAN: f.VLAN},
		Ifindex: f.IngressInterface, IngressIfindex: f.IngressInterface, EgressIfindex: f.EgressInterface,
		Egress:  f.Direction == records.Egress,
		Packets: f.Packets, Octets: f.Octets,
		First: int64(f.Start), Last: int64(f.End),
		TCPFlags:        f.TCPControlBits,
		MinimumHopLimit: f.MinimumHopLimit, MaximumHopLimit: f.MaximumHopLimit,
		Delay: measure.Delay{Packets: f.DelayPackets, Sum: f.DelaySum, Min: uint64(f.DelayMin), Max: uint64(f.DelayMax)},
		Ratio: 1,
	}
	if r.Egress {
		r.Ifindex = f.EgressInterface
	}
	if f.Selector != 0 {
		r.Ratio = c.selectors.ratio(h.Domain, f.Selector)
	}
	c.flows = append(c.flows, r)
}

func (c *IPFIX) policyName(h ipfix.Header, p *records.PolicyName) {
	if node := c.node(h); node != "" {
		c.inventory.LearnPolicy(node, p.Policy, p.Name)
	}
}

func (c *IPFIX) selector(h ipfix.Header, s *records.Selector) {
	c.selectors.learn(h.Domain, s)
}

// maxSelectors bounds what options records can make the collector remember.
const maxSelectors = 4096

// selectors knows the sampling of each selector, by domain.
type selectors struct{ ratios map[selectorKey]float64 }

type selectorKey struct {
	domain   uint32
	selector uint64
}

func newSelectors() *selectors {
	return &selectors{ratios: make(map[selectorKey]float64)}
}

func (s *selectors) learn(domain uint32, r *records.Selector) {
	k := selectorKey{domain, r.Selector}
	if _, ok := s.ratios[k]; !ok && len(s.ratios) >= maxSelectors {
		// The oldest generations are the ones that nobody asks for any more, and
		// those still in use come again with the next refresh.
		clear(s.ratios)
	}
	switch r.Algorithm {
	case records.UniformProbabilistic:
		s.ratios[k] = r.Probability
	case records.SystematicCount:
		if total := float64(r.PacketInterval) + float64(r.PacketSpace); total > 0 {
			s.ratios[k] = float64(r.PacketInterval) / total
		}
	case records.SystematicTime:
		if total := float64(r.TimeInterval) + float64(r.TimeSpace); total > 0 {
			s.ratios[k] = float64(r.TimeInterval) / total
		}
	case records.HashBOB, records.HashIPSX, records.HashCRC:
		if output := float64(r.OutputRangeMax-r.OutputRangeMin) + 1; r.OutputRangeMax > r.OutputRangeMin {
			selected := 0.0
			for _, in := range r.Selected() {
				selected += float64(in.Max-in.Min) + 1
			}
			s.ratios[k] = min(selected/output, 1)
		}
	case records.RandomNOutOfN:
		if r.Population > 0 {
			s.ratios[k] = float64(r.Size) / float64(r.Population)
		}
	}
}

// ratio is 0 for a selector that has not been described: unknown is not 1.
func (s *selectors) ratio(domain uint32, selector uint64) float64 {
	return s.ratios[selectorKey{domain, selector}]
}
