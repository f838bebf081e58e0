package northcmd

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	openifitv1 "github.com/openifit/openifit/gen/openifit/v1"
)

// flowText writes a flow as "source:port > destination:port/protocol".
func flowText(k *openifitv1.FlowKey) string {
	if k == nil {
		return "-"
	}
	end := func(address string, port *uint32) string {
		a, err := netip.ParseAddr(address)
		switch {
		case address == "":
			return "*"
		case err != nil || port == nil:
			return address
		}
		return netip.AddrPortFrom(a, uint16(*port)).String()
	}
	s := end(k.GetSourceAddress(), k.SourcePort) + " > " + end(k.GetDestinationAddress(), k.DestinationPort)
	if k.Protocol != nil {
		s += "/" + protocolText(k.GetProtocol())
	}
	return s
}

func protocolText(p uint32) string {
	switch p {
	case 1:
		return "icmp"
	case 6:
		return "tcp"
	case 17:
		return "udp"
	case 58:
		return "icmp6"
	}
	return fmt.Sprint(p)
}

// delayText writes nanoseconds with three digits that count.
func delayText(ns int64) string {
	abs := ns
	if abs < 0 {
		abs = -abs
	}
	switch {
	case abs < 1_000:
		return fmt.Sprintf("%d ns", ns)
	case abs < 1_000_000:
		return fmt.Sprintf("%.3g us", float64(ns)/1e3)
	case abs < 1_000_000_000:
		return fmt.Sprintf("%.3g ms", float64(ns)/1e6)
	}
	return fmt.Sprintf("%.3g s", float64(ns)/1e9)
}

// countText writes a number with a prefix.
func countText(v float64) string {
	for _, u := range []struct {
		from   float64
		suffix string
	}{{1e9, "G"}, {1e6, "M"}, {1e4, "k"}} {
		if v >= u.from {
			scale := map[string]float64{"G": 1e9, "M": 1e6, "k": 1e3}[u.suffix]
			return fmt.Sprintf("%.3g%s", v/scale, u.suffix)
		}
	}
	return fmt.Sprintf("%.4g", v)
}

func timeText(ns int64) string {
	if ns == 0 {
		return "-"
	}
	return time.Unix(0, ns).Format("15:04:05.000")
}

// enumText takes the prefix off the name of an enumeration's value.
func enumText(v fmt.Stringer, prefix string) string {
	s := strings.TrimPrefix(v.String(), prefix)
	if s == "UNSPECIFIED" {
		return "-"
	}
	return s
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// flowFilterFlags are the flags that choose flows.
type flowFilterFlags struct {
	node, policy, source, destination string
	protocol                          string
	limit                             uint32
}

func (f *flowFilterFlags) filter() (*openifitv1.FlowFilter, error) {
	out := &openifitv1.FlowFilter{
		Node: f.node, Policy: f.policy, SourcePrefix: f.source, DestinationPrefix: f.destination,
	}
	if f.protocol != "" {
		p, err := protocolNumber(f.protocol)
		if err != nil {
			return nil, err
		}
		out.Protocol = &p
	}
	return out, nil
}

func protocolNumber(s string) (uint32, error) {
	switch s {
	case "icmp":
		return 1, nil
	case "tcp":
		return 6, nil
	case "udp":
		return 17, nil
	case "icmp6":
		return 58, nil
	}
	var n uint8
	if _, err := fmt.Sscanf(s+"\n", "%d\n", &n); err != nil {
		return 0, fmt.Errorf("protocol %q: want a number, tcp, udp, icmp or icmp6", s)
	}
	return uint32(n), nil
}

// exactFlow reads what flowText writes, as a filter.
func exactFlow(s string) (*openifitv1.FlowFilter, error) {
	bad := fmt.Errorf(`flow %q: want "source:port > destination:port/protocol"`, s)
	from, rest, ok := strings.Cut(s, ">")
	if !ok {
		return nil, bad
	}
	to, protocol, ok := strings.Cut(rest, "/")
	if !ok {
		return nil, bad
	}
	source, err := netip.ParseAddrPort(strings.TrimSpace(from))
	if err != nil {
		return nil, bad
	}
	destination, err := netip.ParseAddrPort(strings.TrimSpace(to))
	if err != nil {
		return nil, bad
	}
	number, err := protocolNumber(strings.TrimSpace(protocol))
	if err != nil {
		return nil, err
	}
	sourcePort, destinationPort := uint32(source.Port()), uint32(destination.Port())
	return &openifitv1.FlowFilter{
		SourcePrefix: source.Addr().String(), DestinationPrefix: destination.Addr().String(),
		SourcePort: &sourcePort, DestinationPort: &destinationPort, Protocol: &number,
	}, nil
}
