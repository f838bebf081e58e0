package plan

import "net/netip"

// AddressBits is how many leading bits of addresses are read.
type AddressBits struct{ IPv4, IPv6 uint8 }

// WholeAddress reads every bit.
var WholeAddress = AddressBits{32, 128}

// ReadAddresses tells how much of addresses the point's flow key must hold, so
// that flows that nothing tells apart share a record.
func (p *Point) ReadAddresses() (source, destination AddressBits) {
	for i := range p.Policies {
		policy := &p.Policies[i]
		source, destination = source.max(policy.SourceBits), destination.max(policy.DestinationBits)
		if policy.asks()&KeySourceAddress != 0 {
			source = WholeAddress
		}
		if policy.asks()&KeyDestinationAddress != 0 {
			destination = WholeAddress
		}
		for j := range policy.Rules {
			source = source.max(bitsOf(policy.Rules[j].Source))
			destination = destination.max(bitsOf(policy.Rules[j].Destination))
		}
	}
	if p.Postcards {
		return WholeAddress, WholeAddress
	}
	return source, destination
}

func (b AddressBits) max(o AddressBits) AddressBits {
	return AddressBits{max(b.IPv4, o.IPv4), max(b.IPv6, o.IPv6)}
}

func bitsOf(p netip.Prefix) AddressBits {
	switch {
	case !p.IsValid():
		return AddressBits{}
	case p.Addr().Is4():
		return AddressBits{IPv4: uint8(p.Bits())}
	}
	return AddressBits{IPv6: uint8(p.Bits())}
}
