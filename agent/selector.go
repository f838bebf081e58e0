package agent

import (
	"github.com/openifit/openifit/dataplane/flow/packetid"
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/proto/ipfix/records"
)

// selector describes packet selection in the terms of RFC 5477; its Algorithm
// is 0 where every packet is selected.
func selector(s *plan.Selection, probability float64) records.Selector {
	var out records.Selector
	if s.PerFlow {
		out.Scope = records.ScopeFlows
	}
	switch s.Algorithm {
	case plan.SelectAll:
	case plan.SelectSystematicCount:
		out.Algorithm, out.PacketInterval, out.PacketSpace = records.SystematicCount, s.Interval, s.Space
	case plan.SelectSystematicTime:
		out.Algorithm, out.TimeInterval, out.TimeSpace = records.SystematicTime, s.Interval, s.Space
	case plan.SelectRandom:
		out.Algorithm, out.Size, out.Population = records.RandomNOutOfN, s.Size, s.Population
	case plan.SelectUniform:
		out.Algorithm, out.Probability = records.UniformProbabilistic, probability
	case plan.SelectProperty:
		out.Algorithm = records.PropertyMatch
		out.TCPControlBits, out.TCPControlBitsAbsent = s.Match.TCPSet, s.Match.TCPClear
		out.MinimumLength, out.MaximumLength = uint64(s.Match.MinLength), uint64(s.Match.MaxLength)
		out.MinimumHopLimit, out.MaximumHopLimit = s.Match.MinTTL, s.Match.MaxTTL
		out.ECNCodepoints, out.FragmentMatch = s.Match.ECN, uint8(s.Match.Fragments)
	case plan.SelectHashBOB:
		out = hashSelector(records.HashBOB, s)
	case plan.SelectHashIPSX:
		out = hashSelector(records.HashIPSX, s)
	case plan.SelectHashCRC32:
		out = hashSelector(records.HashCRC, s)
	}
	return out
}

// hashSelector tells no digest: that of postcards is another hash, with an
// initialiser of its own.
func hashSelector(a records.Algorithm, s *plan.Selection) records.Selector {
	out := records.Selector{
		Algorithm: a, PayloadSize: packetid.PayloadSize, OutputRangeMax: uint64(s.Algorithm.Output()),
	}
	ranges := make([]records.HashRange, 0, s.NumRanges)
	for _, r := range s.Ranges[:s.NumRanges] {
		ranges = append(ranges, records.HashRange{Min: uint64(r.Min), Max: uint64(r.Max)})
	}
	out.Select(ranges...)
	return out
}
