package rules

import (
	"cmp"
	"encoding/binary"
	"math"
	"math/bits"
	"net/netip"
	"slices"

	"github.com/openifit/openifit/gen/bpf/point"
)

// Ranges tell for each address the place of its set: the addresses of both
// families fall into ranges within which all satisfy the same rules.
type Ranges struct {
	// Known is what the program knows of them.
	Known point.BPFIfitRanges
	// From is the table of first addresses, as the program reads it.
	From []byte
}

// edge is where a rule begins or ceases to be satisfied.
type edge struct {
	at     netip.Addr
	rule   int
	begins bool
}

// ranges makes the table of an address, and appends its sets.
func (c *Compiled) ranges(all []rule, of func(rule) prefix) *Ranges {
	out := new(Ranges)
	for i, lowest := range []netip.Addr{netip.IPv4Unspecified(), netip.IPv6Unspecified()} {
		from := c.family(all, of, lowest, &out.Known.Set[i])
		places := 1
		for ; places <= len(from); places *= 2 {
			out.Known.Steps[i]++
		}
		if i == 1 {
			out.From = append(out.From, make([]byte, -len(out.From)&7)...)
			out.Known.At6 = uint32(len(out.From))
		}
		// The highest address is not below those that fill the table up.
		highest := c.Sets[len(c.Sets)-1]
		for len(c.Sets) < int(out.Known.Set[i])+places {
			c.Sets = append(c.Sets, highest)
		}
		for n := range places {
			if n < len(from) {
				out.From = appendAddress(out.From, from[n])
			} else {
				out.From = appendHighest(out.From, lowest)
			}
		}
	}
	return out
}

// family appends the sets of one family, and returns the first address of
// each range but the lowest.
func (c *Compiled) family(all []rule, of func(rule) prefix, lowest netip.Addr, set *uint32) []netip.Addr {
	at, edges := c.set(), []edge(nil)
	for _, r := range all {
		p := of(r)
		switch {
		case p.IsValid() && p.Addr().Is4() == lowest.Is4():
			if p.Bits() == 0 {
				at.add(r.bit)
				continue
			}
			edges = append(edges, edge{p.Masked().Addr(), r.bit, true})
			if after := last(p.Prefix).Next(); after.IsValid() {
				edges = append(edges, edge{after, r.bit, false})
			}
		case !p.IsValid() && (p.family == 0 || (p.family == 4) == lowest.Is4()):
			at.add(r.bit)
		}
	}
	slices.SortFunc(edges, func(a, b edge) int {
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.rule, b.rule))
	})
	*set = uint32(len(c.Sets))
	var from []netip.Addr
	for first := lowest; ; first = edges[0].at {
		if first != lowest {
			from = append(from, first)
		}
		for ; len(edges) > 0 && edges[0].at == first; edges = edges[1:] {
			if edges[0].begins {
				at.add(edges[0].rule)
			} else {
				at.remove(edges[0].rule)
			}
		}
		c.Sets = append(c.Sets, slices.Clone(at))
		if len(edges) == 0 {
			return from
		}
	}
}

// last is the highest address of a prefix.
func last(p netip.Prefix) netip.Addr {
	octets := p.Masked().Addr().AsSlice()
	for bit := p.Bits(); bit < p.Addr().BitLen(); bit++ {
		octets[bit/8] |= 0x80 >> (bit % 8)
	}
	a, _ := netip.AddrFromSlice(octets)
	return a
}

// appendAddress writes an address as one number, or as two.
func appendAddress(to []byte, a netip.Addr) []byte {
	if a.Is4() {
		octets := a.As4()
		return binary.NativeEndian.AppendUint32(to, binary.BigEndian.Uint32(octets[:]))
	}
	octets := a.As16()
	to = binary.NativeEndian.AppendUint64(to, binary.BigEndian.Uint64(octets[:8]))
	return binary.NativeEndian.AppendUint64(to, binary.BigEndian.Uint64(octets[8:]))
}

func appendHighest(to []byte, like netip.Addr) []byte {
	if like.Is4() {
		return binary.NativeEndian.AppendUint32(to, math.MaxUint32)
	}
	return binary.NativeEndian.AppendUint64(binary.NativeEndian.AppendUint64(to, math.MaxUint64), math.MaxUint64)
}

// Set is the place of an address's set, found as the program finds it.
func (r *Ranges) Set(a netip.Addr) int {
	family, from := 0, r.From[:r.Known.At6]
	if !a.Is4() {
		family, from = 1, r.From[r.Known.At6:]
	}
	wanted := appendAddress(nil, a)
	place := 0
	for i := int(r.Known.Steps[family]) - 1; i >= 0; i-- {
		if at := place + 1<<i - 1; !less(wanted, from[at*len(wanted):][:len(wanted)]) {
			place += 1 << i
		}
	}
	return int(r.Known.Set[family]) + place
}

// less compares addresses in the form of the table.
func less(a, b []byte) bool {
	if len(a) == 4 {
		return binary.NativeEndian.Uint32(a) < binary.NativeEndian.Uint32(b)
	}
	_, borrow := bits.Sub64(binary.NativeEndian.Uint64(a[8:]), binary.NativeEndian.Uint64(b[8:]), 0)
	_, borrow = bits.Sub64(binary.NativeEndian.Uint64(a), binary.NativeEndian.Uint64(b), borrow)
	return borrow == 1
}
