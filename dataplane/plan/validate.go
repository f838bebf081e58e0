package plan

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"

	"github.com/openifit/openifit/dataplane/flow"
)

// MaxListedFlows is the number of flows, over all flow lists, at one point.
const MaxListedFlows = 100_000

// MaxTableFlows bounds MaxFlows: a table is allocated in advance, twice per
// point and with a place per CPU.
const MaxTableFlows = 1 << 22

// Validate reports the first thing that no data plane could do, with the
// point and policy it belongs to.
func (p *Plan) Validate() error {
	if p.MaxFlows == 0 || p.MaxFlows > MaxTableFlows {
		return fmt.Errorf("flow table of %d places: must be 1 to %d", p.MaxFlows, MaxTableFlows)
	}
	if err := p.validateMarks(); err != nil {
		return err
	}
	if err := p.validateTriggers(); err != nil {
		return err
	}
	if err := p.validateHistograms(); err != nil {
		return err
	}
	for i := range p.Points {
		point := &p.Points[i]
		if i > 0 && p.Points[i-1].ID.Compare(point.ID) >= 0 {
			return fmt.Errorf("point %s: listed twice or out of order", point.ID)
		}
		if err := point.validate(p); err != nil {
			return fmt.Errorf("point %s of %s: %w", point.ID, point.Interface, err)
		}
	}
	return nil
}

func (p *Point) validate(whole *Plan) error {
	switch {
	case p.ID.Ifindex == 0:
		return errors.New("no interface")
	case p.ID.Direction > flow.Egress:
		return fmt.Errorf("direction %d", p.ID.Direction)
	case len(p.Policies) > MaxPolicies:
		return fmt.Errorf("%d policies: at most %d", len(p.Policies), MaxPolicies)
	}
	rules, flows, sketches := 0, 0, 0
	listed := make(map[uint32]bool, len(p.Policies))
	for i := range p.Policies {
		policy := &p.Policies[i]
		if listed[policy.ID] {
			return fmt.Errorf("policy %q: number %d is used twice", policy.Name, policy.ID)
		}
		listed[policy.ID] = true
		if err := policy.validate(); err != nil {
			return fmt.Errorf("policy %q: %w", policy.Name, err)
		}
		if policy.Actions&ActMark != 0 {
			if p.ID.Direction != flow.Ingress || p.Role != RoleEdge {
				return fmt.Errorf("policy %q: packets are marked at ingress of an EDGE interface only", policy.Name)
			}
			if err := whole.validateMark(policy); err != nil {
				return fmt.Errorf("policy %q: %w", policy.Name, err)
			}
		}
		if policy.Actions&ActDigest != 0 && (p.ID.Direction != flow.Egress || !policy.Select.Algorithm.IsHash()) {
			return fmt.Errorf("policy %q: postcards without marks are of packets selected by hash, at egress", policy.Name)
		}
		if policy.Actions&ActSketch != 0 {
			if policy.Sketch.Parts == 0 {
				return fmt.Errorf("policy %q: a sketch of nothing", policy.Name)
			}
			if sketches++; sketches > 1 {
				return fmt.Errorf("policy %q: another policy has the sketch of this point", policy.Name)
			}
		}
		rules += len(policy.Rules)
		flows += len(policy.Flows)
	}
	if rules > MaxRules {
		return fmt.Errorf("%d rules: at most %d", rules, MaxRules)
	}
	if flows > MaxListedFlows {
		return fmt.Errorf("%d listed flows: at most %d", flows, MaxListedFlows)
	}
	return nil
}

func (p *Policy) validate() error {
	if p.ID == 0 {
		return errors.New("number 0 is not a policy's")
	}
	if p.FlowList && len(p.Rules) > 0 || !p.FlowList && len(p.Flows) > 0 {
		return errors.New("takes flows by rules and by a list")
	}
	for _, b := range []AddressBits{p.SourceBits, p.DestinationBits} {
		if b.max(WholeAddress) != WholeAddress {
			return fmt.Errorf("keys of %d bits of IPv4 and %d bits of IPv6 addresses", b.IPv4, b.IPv6)
		}
	}
	if p.Select.PerFlow && (p.SourceBits != AddressBits{} || p.DestinationBits != AddressBits{}) {
		return errors.New("packet selection: flows between prefixes are not sampled one by one")
	}
	for i := range p.Rules {
		if i > 0 && p.Rules[i-1].Sequence >= p.Rules[i].Sequence {
			return fmt.Errorf("rule %d: sequence used twice or out of order", p.Rules[i].Sequence)
		}
		if err := p.Rules[i].validate(); err != nil {
			return fmt.Errorf("rule %d: %w", p.Rules[i].Sequence, err)
		}
	}
	if p.Inner && p.Actions&^InnerActions != 0 {
		return errors.New("marks, postcards and triggers are about the outermost IP header")
	}
	for i, id := range p.Flows {
		if i > 0 && p.Flows[i-1].Compare(id) >= 0 {
			return fmt.Errorf("listed flow %s: listed twice or out of order", id)
		}
		if !id.Source.IsValid() || id.Source.BitLen() != id.Destination.BitLen() || id.Source.Is4In6() || id.Destination.Is4In6() {
			return fmt.Errorf("listed flow %s: addresses of one family, not mapped, are needed", id)
		}
	}
	return p.Select.validate()
}

func (r *Rule) validate() error {
	families := make([]uint8, 0, 3)
	if r.Family != 0 {
		families = append(families, r.Family)
	}
	for _, prefix := range []netip.Prefix{r.Source, r.Destination} {
		if prefix.IsValid() {
			if prefix.Addr().Is4In6() {
				return fmt.Errorf("prefix %s: IPv4 in IPv6 matches no packet", prefix)
			}
			families = append(families, family(prefix.Addr()))
		}
	}
	switch {
	case slices.ContainsFunc(families, func(f uint8) bool { return f != families[0] || f != 4 && f != 6 }):
		return errors.New("address family and prefixes contradict each other")
	case r.Protocol < -1 || r.Protocol > math.MaxUint8:
		return fmt.Errorf("protocol %d", r.Protocol)
	case r.DSCP < -1 || r.DSCP > 63:
		return fmt.Errorf("DSCP %d", r.DSCP)
	case r.FlowLabel < -1 || r.FlowLabel >= 1<<20:
		return fmt.Errorf("flow label %d", r.FlowLabel)
	case r.VLAN >= 1<<12:
		return fmt.Errorf("VLAN %d", r.VLAN)
	case r.VNI.Value >= 1<<24:
		return fmt.Errorf("VNI %d", r.VNI.Value)
	case r.MPLSLabel.Value >= 1<<20:
		return fmt.Errorf("MPLS label %d", r.MPLSLabel.Value)
	case r.ActiveSegment.IsValid() && (!r.ActiveSegment.Addr().Is6() || r.ActiveSegment.Addr().Is4In6()):
		return fmt.Errorf("active segment %s: segments are IPv6 addresses", r.ActiveSegment)
	case r.SourcePort.Min > r.SourcePort.Max:
		return fmt.Errorf("source ports %d..%d", r.SourcePort.Min, r.SourcePort.Max)
	case r.DestinationPort.Min > r.DestinationPort.Max:
		return fmt.Errorf("destination ports %d..%d", r.DestinationPort.Min, r.DestinationPort.Max)
	}
	return nil
}

func family(addr netip.Addr) uint8 {
	if addr.Is4() {
		return 4
	}
	return 6
}
