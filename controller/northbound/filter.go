package northbound

import (
	"net/netip"
	"strings"

	"github.com/openifit/openifit/controller/measure"
	openifitv1 "github.com/openifit/openifit/gen/openifit/v1"
)

// flowFilter is a FlowFilter that has been read.
type flowFilter struct {
	node, policy string
	source       netip.Prefix
	destination  netip.Prefix
	protocol     *uint32
	sourcePort   *uint32
	destPort     *uint32
}

func readFlowFilter(f *openifitv1.FlowFilter) (*flowFilter, error) {
	out := &flowFilter{node: f.GetNode(), policy: f.GetPolicy()}
	if f == nil {
		return out, nil
	}
	out.protocol, out.sourcePort, out.destPort = f.Protocol, f.SourcePort, f.DestinationPort
	var err error
	if out.source, err = readPrefix("source_prefix", f.SourcePrefix); err != nil {
		return nil, err
	}
	if out.destination, err = readPrefix("destination_prefix", f.DestinationPrefix); err != nil {
		return nil, err
	}
	return out, nil
}

func readPrefix(field, s string) (netip.Prefix, error) {
	if s == "" {
		return netip.Prefix{}, nil
	}
	if strings.Contains(s, "/") {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			return netip.Prefix{}, invalid("filter.%s: %w", field, err)
		}
		return p.Masked(), nil
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Prefix{}, invalid("filter.%s: %w", field, err)
	}
	return netip.PrefixFrom(a, a.BitLen()), nil
}

// matches tells whether a flow passes, node and policy aside.
func (f *flowFilter) matches(k measure.Flow) bool {
	switch {
	case f.source.IsValid() && !f.source.Contains(k.Source):
	case f.destination.IsValid() && !f.destination.Contains(k.Destination):
	case f.protocol != nil && *f.protocol != uint32(k.Protocol):
	case f.sourcePort != nil && *f.sourcePort != uint32(k.SourcePort):
	case f.destPort != nil && *f.destPort != uint32(k.DestinationPort):
	default:
		return true
	}
	return false
}
