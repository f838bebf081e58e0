package policy

import (
	"fmt"
	"hash/fnv"
	"net/netip"
	"slices"

	"github.com/openconfig/ygot/ygot"

	"github.com/openifit/openifit/controller/measure"
	"github.com/openifit/openifit/gen/yang"
)

// FlowID is the key under which a flow stands in a flow list: the same for the
// same flow, so that an update never lists it twice.
func FlowID(f measure.Flow) string {
	h := fnv.New64a()
	_, _ = h.Write([]byte(f.String()))
	return fmt.Sprintf("f%016x", h.Sum64())
}

// HasFlowList tells whether the policy covers the flows of a list.
func (p *Policy) HasFlowList() bool {
	return p.tree.GetFlowSelection().GetConfig().GetSource() == yang.FlowSource_FLOW_LIST
}

// Flows returns the flows of the policy's list in their order.
func (p *Policy) Flows() []measure.Flow {
	var flows []measure.Flow
	if p.tree.FlowSelection == nil || p.tree.FlowSelection.Flows == nil {
		return nil
	}
	for _, entry := range p.tree.FlowSelection.Flows.Flow {
		if f, err := flowOf(entry.Config); err == nil {
			flows = append(flows, f)
		}
	}
	slices.SortFunc(flows, measure.Flow.Compare)
	return flows
}

func flowOf(c *yang.Policy_FlowSelection_Flow_Config) (measure.Flow, error) {
	src, err := netip.ParseAddr(c.GetSourceAddress())
	if err != nil {
		return measure.Flow{}, fmt.Errorf("source-address: %w", err)
	}
	dst, err := netip.ParseAddr(c.GetDestinationAddress())
	if err != nil {
		return measure.Flow{}, fmt.Errorf("destination-address: %w", err)
	}
	return measure.Flow{
		Source: src, Destination: dst,
		SourcePort: c.GetSourcePort(), DestinationPort: c.GetDestinationPort(), Protocol: c.GetProtocol(),
	}, nil
}

// WithFlows returns the policy with another flow list.
func (p *Policy) WithFlows(flows []measure.Flow) (*Policy, error) {
	tree, err := p.clone()
	if err != nil {
		return nil, err
	}
	setFlows(tree, flows)
	return build(tree)
}

func setFlows(tree *yang.Policy, flows []measure.Flow) {
	sel := tree.GetOrCreateFlowSelection()
	sel.GetOrCreateConfig().Source = yang.FlowSource_FLOW_LIST
	sel.Rules = nil
	sel.Flows = &yang.Policy_FlowSelection_Flows{Flow: make(map[string]*yang.Policy_FlowSelection_Flow, len(flows))}
	for _, f := range flows {
		id := FlowID(f)
		sel.Flows.Flow[id] = &yang.Policy_FlowSelection_Flow{Id: ygot.String(id), Config: flowConfig(id, f)}
	}
}

func flowConfig(id string, f measure.Flow) *yang.Policy_FlowSelection_Flow_Config {
	c := &yang.Policy_FlowSelection_Flow_Config{
		Id:            ygot.String(id),
		SourceAddress: ygot.String(f.Source.String()), DestinationAddress: ygot.String(f.Destination.String()),
		Protocol: ygot.Uint8(f.Protocol),
	}
	if hasPorts(f.Protocol) {
		c.SourcePort, c.DestinationPort = ygot.Uint16(f.SourcePort), ygot.Uint16(f.DestinationPort)
	}
	return c
}

// hasPorts: TCP, UDP, DCCP, SCTP and UDP-Lite; ICMP and ICMPv6 carry type and
// code where the others have the destination port.
func hasPorts(protocol uint8) bool {
	switch protocol {
	case 1, 6, 17, 33, 58, 132, 136:
		return true
	}
	return false
}
