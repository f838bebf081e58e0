package compile

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/gen/yang"
)

// flows converts a flow list, in a stable order.
func (p *problems) flows(path string, in *yang.Policy_FlowSelection_Flows) []flow.ID {
	if in == nil {
		return nil
	}
	names := make([]string, 0, len(in.Flow))
	for name := range in.Flow {
		names = append(names, name)
	}
	slices.Sort(names)
	owner := make(map[flow.ID]string, len(names))
	out := make([]flow.ID, 0, len(names))
	for _, name := range names {
		at := fmt.Sprintf("%s/flows/flow[id=%s]/config", path, name)
		id, ok := p.flow(at, in.Flow[name].GetConfig())
		if !ok {
			continue
		}
		if other, twice := owner[id]; twice {
			p.add(Invalid, at, "is the same flow as %s", other)
			continue
		}
		owner[id] = name
		out = append(out, id)
	}
	slices.SortFunc(out, flow.ID.Compare)
	return out
}

func (p *problems) flow(at string, c *yang.Policy_FlowSelection_Flow_Config) (flow.ID, bool) {
	before := len(*p)
	if c == nil || c.SourceAddress == nil || c.DestinationAddress == nil || c.Protocol == nil {
		p.add(Invalid, at, "a flow needs source-address, destination-address and protocol")
		return flow.ID{}, false
	}
	id := flow.ID{
		Source:      p.address(at+"/source-address", *c.SourceAddress),
		Destination: p.address(at+"/destination-address", *c.DestinationAddress),
		SourcePort:  c.GetSourcePort(), DestinationPort: c.GetDestinationPort(),
		Protocol: *c.Protocol,
	}
	if id.Source.IsValid() && id.Destination.IsValid() {
		if id.Source.Is4() != id.Destination.Is4() {
			p.add(Invalid, at+"/destination-address", "is not of the source-address's family")
		}
		if f := familyOf(c.GetAddressFamily()); f != 0 && (f == 4) != id.Source.Is4() {
			p.add(Invalid, at+"/address-family", "is not that of the addresses")
		}
	}
	if plan.HasPorts(id.Protocol) {
		if c.SourcePort == nil || c.DestinationPort == nil {
			p.add(Invalid, at, "a flow of protocol %d needs source-port and destination-port", id.Protocol)
		}
	} else {
		if id.SourcePort != 0 {
			p.add(Invalid, at+"/source-port", "protocol %d has no ports", id.Protocol)
		}
		// ICMP flows carry type*256+code where others have a destination port
		// (IE 32 and 139).
		if id.DestinationPort != 0 && id.Protocol != 1 && id.Protocol != 58 {
			p.add(Invalid, at+"/destination-port", "protocol %d has no ports", id.Protocol)
		}
	}
	return id, len(*p) == before
}

// address parses an address that a packet can carry.
func (p *problems) address(at, s string) netip.Addr {
	a, err := netip.ParseAddr(strings.TrimSpace(s))
	switch {
	case err != nil:
		p.add(Invalid, at, "%v", err)
	case a.Is4In6():
		p.add(Invalid, at, "%s is an IPv4-mapped address; no packet carries it", s)
		return netip.Addr{}
	case a.Zone() != "":
		p.add(Invalid, at, "%s has a zone", s)
		return netip.Addr{}
	}
	return a
}
