package compile

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/gen/yang"
)

// defaultInitialiser begins hashes where the operator gives no value. It is
// not that of packet identifiers, so that packets which were selected by their
// hash do not share the bits that tell them apart.
const defaultInitialiser = 0x9a3f9a3f

// hash converts HASH_BASED; path is that of packet-selection.
func (p *problems) hash(path string, in *yang.Policy_PacketSelection, s *plan.Selection) {
	c := in.GetConfig()
	s.Algorithm, s.Initialiser = plan.SelectHashBOB, defaultInitialiser
	switch c.GetHashFunction() {
	case yang.HashFunction_IPSX:
		s.Algorithm, s.Initialiser = plan.SelectHashIPSX, 0
		if c.HashInitialiser != nil {
			p.add(Invalid, path+"/config/hash-initialiser", "IPSX has no initialiser")
		}
	case yang.HashFunction_CRC32:
		s.Algorithm, s.Initialiser = plan.SelectHashCRC32, 0
	}
	if c.HashInitialiser != nil {
		s.Initialiser = *c.HashInitialiser
	}
	ranges := hashRanges(in)
	switch {
	case len(ranges) == 0:
		p.add(Invalid, path+"/hash-ranges", "HASH_BASED needs a range of hash values that select a packet")
		return
	case len(ranges) > plan.MaxHashRanges:
		p.add(TooMuch, path+"/hash-ranges", "%d ranges, at most %d are possible", len(ranges), plan.MaxHashRanges)
		return
	}
	for _, min := range slices.SortedFunc(maps.Keys(ranges), cmp.Compare[uint32]) {
		r := ranges[min].GetConfig()
		at := fmt.Sprintf("%s/hash-ranges/hash-range[min=%d]/config", path, min)
		switch {
		case r == nil || r.Max == nil:
			p.add(Invalid, at+"/max", "a range needs its upper bound")
			continue
		case *r.Max < min:
			p.add(Invalid, at+"/max", "%d lies below the lower bound %d: the range is empty", *r.Max, min)
			continue
		case *r.Max > s.Algorithm.Output():
			p.add(Invalid, at+"/max", "%d lies beyond %s's greatest value %d", *r.Max, hashName(s.Algorithm), s.Algorithm.Output())
			continue
		case s.NumRanges > 0 && min <= s.Ranges[s.NumRanges-1].Max:
			before := s.Ranges[s.NumRanges-1]
			p.add(Invalid, at+"/min", "%d to %d overlaps the range %d to %d", min, *r.Max, before.Min, before.Max)
			continue
		}
		s.Ranges[s.NumRanges] = plan.HashRange{Min: min, Max: *r.Max}
		s.NumRanges++
	}
}

func hashName(a plan.Algorithm) string {
	return map[plan.Algorithm]string{plan.SelectHashBOB: "BOB", plan.SelectHashIPSX: "IPSX", plan.SelectHashCRC32: "CRC32"}[a]
}

func hashRanges(in *yang.Policy_PacketSelection) map[uint32]*yang.Policy_PacketSelection_HashRange {
	if ranges := in.GetHashRanges(); ranges != nil {
		return ranges.HashRange
	}
	return nil
}
