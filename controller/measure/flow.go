// Package measure holds what the nodes of the domain reported, as plain values
// that name nodes and interfaces the way the inventory does.
package measure

import (
	"cmp"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Flow is the 5-tuple of a flow. Both addresses are of one family.
type Flow struct {
	Source          netip.Addr `json:"source"`
	Destination     netip.Addr `json:"destination"`
	SourcePort      uint16     `json:"source-port"`
	DestinationPort uint16     `json:"destination-port"`
	Protocol        uint8      `json:"protocol"`
}

// String writes the flow as "source:port > destination:port/protocol".
func (f Flow) String() string {
	return fmt.Sprintf("%s > %s/%d",
		netip.AddrPortFrom(f.Source, f.SourcePort),
		netip.AddrPortFrom(f.Destination, f.DestinationPort), f.Protocol)
}

// IsZero reports whether the flow is absent.
func (f Flow) IsZero() bool { return f == Flow{} }

// Compare orders flows by addresses, ports and protocol.
func (f Flow) Compare(g Flow) int {
	return cmp.Or(
		f.Source.Compare(g.Source), f.Destination.Compare(g.Destination),
		cmp.Compare(f.SourcePort, g.SourcePort), cmp.Compare(f.DestinationPort, g.DestinationPort),
		cmp.Compare(f.Protocol, g.Protocol))
}

// ParseFlow reads what String writes.
func ParseFlow(s string) (Flow, error) {
	bad := func(why string) (Flow, error) { return Flow{}, fmt.Errorf("flow %q: %s", s, why) }
	from, rest, ok := strings.Cut(s, " > ")
	if !ok {
		return bad(`want "source:port > destination:port/protocol"`)
	}
	to, protocol, ok := strings.Cut(rest, "/")
	if !ok {
		return bad("no protocol")
	}
	src, err := netip.ParseAddrPort(from)
	if err != nil {
		return bad("source: " + err.Error())
	}
	dst, err := netip.ParseAddrPort(to)
	if err != nil {
		return bad("destination: " + err.Error())
	}
	number, err := strconv.ParseUint(protocol, 10, 8)
	if err != nil {
		return bad("protocol: " + err.Error())
	}
	if src.Addr().Is4() != dst.Addr().Is4() {
		return bad("addresses of two families")
	}
	return Flow{
		Source: src.Addr(), Destination: dst.Addr(),
		SourcePort: src.Port(), DestinationPort: dst.Port(), Protocol: uint8(number),
	}, nil
}
