package compile

import (
	"slices"

	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/gen/yang"
)

// protocolTCP is TCP's number.
const protocolTCP = 6

// choseHealth tells whether the policy asks for the health of TCP connections.
func (d *definition) choseHealth() bool {
	return slices.Contains(d.Elements, yang.DATA_ELEMENT_TCP_HEALTH)
}

// health refuses TCP_HEALTH where it could tell nothing, or nothing true.
func (p *problems) health(path string, d *definition) {
	if !d.choseHealth() {
		return
	}
	element := path + "/data-selection/config/data-element"
	switch {
	case d.measuresDeparture():
		p.add(Invalid, element, "TCP_HEALTH is seen where packets arrive, TRANSIT_DELAY and QUEUE_DEPTH where they leave: take two policies")
	case d.Inner:
		p.add(Invalid, path+"/flow-selection/config/match-header", "TCP_HEALTH is about the outermost IP header")
	}
	if d.Select.Algorithm != plan.SelectAll {
		p.add(Invalid, path+"/packet-selection/config/algorithm", "TCP_HEALTH needs all packets of a connection, or each one left out looks like a loss")
	}
	if !d.acceptsTCP() {
		p.add(Invalid, path+"/flow-selection", "TCP_HEALTH of flows among which there is no TCP")
	}
}

// acceptsTCP tells whether flow selection lets any TCP connection in.
func (d *definition) acceptsTCP() bool {
	if d.flowList {
		for _, f := range d.flows {
			if f.Protocol == protocolTCP {
				return true
			}
		}
		return len(d.flows) == 0
	}
	for i := range d.Rules {
		r := &d.Rules[i]
		if r.Protocol >= 0 && r.Protocol != protocolTCP {
			continue
		}
		if !r.Deny {
			return true
		}
		everything := plan.Rule{
			Sequence: r.Sequence, Protocol: -1, DSCP: -1, FlowLabel: -1,
			SourcePort: plan.AnyPort, DestinationPort: plan.AnyPort, Deny: true,
		}
		tcp := everything
		tcp.Protocol = protocolTCP
		if *r == everything || *r == tcp {
			return false
		}
	}
	return len(d.Rules) == 0
}

// measuresDeparture tells whether the policy asks for what is known only where
// packets leave.
func (d *definition) measuresDeparture() bool {
	return slices.Contains(d.Elements, yang.DATA_ELEMENT_TRANSIT_DELAY) ||
		slices.Contains(d.Elements, yang.DATA_ELEMENT_QUEUE_DEPTH)
}
