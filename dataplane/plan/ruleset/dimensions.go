package ruleset

import (
	"encoding/binary"
	"net/netip"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
)

// dimensions are all fields that rules can restrict.
func dimensions() []dimension {
	return []dimension{
		{
			value: func(k *flow.Key) number { return small(family(k.Source)) },
			asked: func(r *plan.Rule) (from, to number, restricts bool) {
				f := ruleFamily(r)
				return small(f), small(f), f != 0
			},
		},
		{
			value: func(k *flow.Key) number { return address(k.Source) },
			asked: func(r *plan.Rule) (from, to number, restricts bool) { return addresses(r.Source) },
		},
		{
			value: func(k *flow.Key) number { return address(k.Destination) },
			asked: func(r *plan.Rule) (from, to number, restricts bool) { return addresses(r.Destination) },
		},
		{
			value: func(k *flow.Key) number { return port(k.SourcePort, k.Protocol) },
			asked: func(r *plan.Rule) (from, to number, restricts bool) { return ports(r.SourcePort) },
		},
		{
			value: func(k *flow.Key) number { return port(k.DestinationPort, k.Protocol) },
			asked: func(r *plan.Rule) (from, to number, restricts bool) { return ports(r.DestinationPort) },
		},
		{
			value: func(k *flow.Key) number { return small(k.Protocol) },
			asked: func(r *plan.Rule) (from, to number, restricts bool) { return exactly(int64(r.Protocol)) },
		},
		{
			value: func(k *flow.Key) number { return small(k.DSCP) },
			asked: func(r *plan.Rule) (from, to number, restricts bool) { return exactly(int64(r.DSCP)) },
		},
		{
			value: func(k *flow.Key) number { return small(k.FlowLabel) },
			asked: func(r *plan.Rule) (from, to number, restricts bool) { return exactly(int64(r.FlowLabel)) },
		},
		{
			value: func(k *flow.Key) number { return small(k.VLAN) },
			asked: func(r *plan.Rule) (from, to number, restricts bool) { return small(r.VLAN), small(r.VLAN), r.VLAN != 0 },
		},
		{
			value: func(k *flow.Key) number { return optional(k.Overlay != flow.NoOverlay, k.VNI) },
			asked: func(r *plan.Rule) (from, to number, restricts bool) { return given(r.VNI) },
		},
		{
			value: func(k *flow.Key) number { return optional(k.Labelled, k.MPLSLabel()) },
			asked: func(r *plan.Rule) (from, to number, restricts bool) { return given(r.MPLSLabel) },
		},
		{
			value: func(k *flow.Key) number { return address(k.ActiveSegment) },
			asked: func(r *plan.Rule) (from, to number, restricts bool) {
				from, to, restricts = addresses(r.ActiveSegment)
				if (from == number{}) {
					from.low = 1 // No segment is the address 0.
				}
				return from, to, restricts
			},
		},
	}
}

// optional is 0 for a packet that lacks the field.
func optional(there bool, value uint32) number {
	if !there {
		return number{}
	}
	return number{low: uint64(value) + 1}
}

func given(e plan.Exactly) (from, to number, restricts bool) {
	v := optional(true, e.Value)
	return v, v, e.Given
}

// exactly is the range of one value; less than 0 is any.
func exactly(v int64) (from, to number, restricts bool) {
	return number{low: uint64(v)}, number{low: uint64(v)}, v >= 0
}

func family(a netip.Addr) uint8 {
	if a.Is4() {
		return 4
	}
	return 6
}

// ruleFamily is 0 for a rule that takes both.
func ruleFamily(r *plan.Rule) uint8 {
	switch {
	case r.Family != 0:
		return r.Family
	case r.Source.IsValid():
		return family(r.Source.Addr())
	case r.Destination.IsValid():
		return family(r.Destination.Addr())
	}
	return 0
}

// address is unique within a family, and 0 for none.
func address(a netip.Addr) number {
	if !a.IsValid() {
		return number{}
	}
	octets := a.As16()
	return number{binary.BigEndian.Uint64(octets[:8]), binary.BigEndian.Uint64(octets[8:])}
}

func addresses(p netip.Prefix) (from, to number, restricts bool) {
	if !p.IsValid() {
		return from, to, false
	}
	from = address(p.Masked().Addr())
	host := p.Addr().BitLen() - p.Bits()
	switch {
	case host >= 128:
		return from, number{^uint64(0), ^uint64(0)}, true
	case host >= 64:
		return from, number{from.high | (1<<(host-64) - 1), ^uint64(0)}, true
	}
	return from, number{from.high, from.low | (1<<host - 1)}, true
}

// port is 0 for packets without one.
func port(p uint16, protocol uint8) number {
	if !plan.HasPorts(protocol) {
		return number{}
	}
	return small(p)
}

func ports(r plan.PortRange) (from, to number, restricts bool) {
	return small(max(r.Min, 1)), small(r.Max), r != plan.AnyPort
}
