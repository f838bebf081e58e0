package rules

import (
	"encoding/binary"
	"net/netip"
)

// familyBits is the length of the family in front of the address.
const familyBits = 32

// prefix is what a rule asks of an address; the family decides where the
// prefix is not valid, and is 0 when any will do.
type prefix struct {
	netip.Prefix
	family uint8
}

// family is 4, 6 or 0 for both, from whatever the rule says of it.
func (r rule) family() uint8 {
	for _, p := range []netip.Prefix{r.Source, r.Destination} {
		switch {
		case !p.IsValid():
		case p.Addr().Is4():
			return 4
		default:
			return 6
		}
	}
	return r.Family
}

// trie holds every prefix of the rules with all rules whose own prefix covers
// it, so that the longest match alone tells everything.
func trie(all []rule, of func(rule) prefix) map[Prefix]Set {
	roots := []netip.Prefix{
		netip.PrefixFrom(netip.IPv4Unspecified(), 0),
		netip.PrefixFrom(netip.IPv6Unspecified(), 0),
	}
	prefixes := roots
	for _, r := range all {
		if p := of(r); p.IsValid() {
			prefixes = append(prefixes, p.Masked())
		}
	}
	out := make(map[Prefix]Set, len(prefixes))
	for _, at := range prefixes {
		out[key(at)] = satisfied(all, func(r rule) bool {
			p := of(r)
			if !p.IsValid() {
				return p.family == 0 || (p.family == 4) == at.Addr().Is4()
			}
			return p.Bits() <= at.Bits() && p.Contains(at.Addr())
		})
	}
	return out
}

func key(p netip.Prefix) Prefix {
	k := Prefix{Prefixlen: uint32(familyBits + p.Bits())}
	// The trie compares octets in the order of memory, so the family is
	// written as the program writes it: in network order.
	var family [4]byte
	family[3] = 6
	if p.Addr().Is4() {
		family[3] = 4
	}
	k.Family = binary.NativeEndian.Uint32(family[:])
	copy(k.Addr[:], p.Addr().AsSlice())
	return k
}
