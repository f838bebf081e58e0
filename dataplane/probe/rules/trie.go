package rules

import (
	"cmp"
	"encoding/binary"
	"maps"
	"net/netip"
	"slices"
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
func (c *Compiled) trie(all []rule, of func(rule) prefix) map[Prefix]uint32 {
	roots := []netip.Prefix{
		netip.PrefixFrom(netip.IPv4Unspecified(), 0),
		netip.PrefixFrom(netip.IPv6Unspecified(), 0),
	}
	own := map[netip.Prefix]Set{roots[0]: c.set(), roots[1]: c.set()}
	for _, r := range all {
		p := of(r)
		if !p.IsValid() {
			for _, root := range roots {
				if p.family == 0 || (p.family == 4) == root.Addr().Is4() {
					own[root].add(r.bit)
				}
			}
			continue
		}
		at := p.Masked()
		if own[at] == nil {
			own[at] = c.set()
		}
		own[at].add(r.bit)
	}
	// In this order a prefix comes behind those that cover it.
	sorted := slices.SortedFunc(maps.Keys(own), func(a, b netip.Prefix) int {
		return cmp.Or(a.Addr().Compare(b.Addr()), cmp.Compare(a.Bits(), b.Bits()))
	})
	out := make(map[Prefix]uint32, len(own))
	var covering []netip.Prefix
	for _, at := range sorted {
		for len(covering) > 0 && !covering[len(covering)-1].Overlaps(at) {
			covering = covering[:len(covering)-1]
		}
		if len(covering) > 0 {
			for w, word := range own[covering[len(covering)-1]] {
				own[at][w] |= word
			}
		}
		covering = append(covering, at)
		out[key(at)] = c.place(own[at])
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
