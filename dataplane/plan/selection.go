package plan

import (
	"errors"
	"fmt"
	"math"
)

// Algorithm is a packet selection method (RFC 5475).
type Algorithm uint8

// Selection algorithms that the data plane knows.
const (
	SelectAll Algorithm = iota
	SelectSystematicCount
	SelectUniform
	SelectSystematicTime
	// SelectRandom takes n packets out of each N.
	SelectRandom
	SelectProperty
	SelectHashBOB
	SelectHashIPSX
	SelectHashCRC32
)

// IsHash tells whether the algorithm decides by a hash of the packet.
func (a Algorithm) IsHash() bool { return a >= SelectHashBOB && a <= SelectHashCRC32 }

// Counts tells whether the algorithm counts packets.
func (a Algorithm) Counts() bool { return a == SelectSystematicCount || a == SelectRandom }

// Output is the largest value that the algorithm's hash can have.
func (a Algorithm) Output() uint32 {
	if a == SelectHashIPSX {
		return math.MaxUint16
	}
	return math.MaxUint32
}

// MaxHashRanges is the number of ranges of one policy.
const MaxHashRanges = 8

// Selection says which packets of the selected flows are selected. Each
// algorithm reads its own parameters, the others are zero. It is comparable.
type Selection struct {
	Algorithm Algorithm
	// PerFlow: SelectSystematicCount and SelectRandom count the packets of each
	// flow by themselves; SelectUniform takes or leaves whole flows. A flow is
	// what the policy's Keys say.
	PerFlow bool
	// Interval packets (SelectSystematicCount) or microseconds
	// (SelectSystematicTime) in a row are taken, Space are skipped then.
	Interval, Space uint32
	// Size packets out of each Population are taken (SelectRandom).
	Size, Population uint32
	// Threshold: with SelectUniform, a packet or flow is taken when 32 bits,
	// random or of its hash, are below it.
	Threshold uint32
	// Initialiser begins hashes of packets and of flows.
	Initialiser uint32
	// Ranges of the hash value that are taken, in ascending order; the first
	// NumRanges are in use.
	Ranges    [MaxHashRanges]HashRange
	NumRanges uint8
	// Match is what SelectProperty takes.
	Match Properties
}

// HashRange is a closed range of hash values.
type HashRange struct{ Min, Max uint32 }

// Properties are what a packet must have, all of it at once.
type Properties struct {
	// TCPSet control bits are set and TCPClear ones are not; when any is given,
	// only TCP packets match.
	TCPSet, TCPClear uint16
	// The length of the IP packet in octets, and its TTL or hop limit, bounds
	// included.
	MinLength, MaxLength uint16
	MinTTL, MaxTTL       uint8
	Fragments            Fragments
	// ECN has one bit for each code point that matches.
	ECN uint8
}

// Fragments says how fragments match; it is a set.
type Fragments uint8

// Kinds of packets.
const (
	Unfragmented  Fragments = 1
	FragmentsOnly Fragments = 2
	AnyFragment   Fragments = 3
)

// AnyECN has every code point.
const AnyECN = 0x0f

// AnyProperties match every packet.
func AnyProperties() Properties {
	return Properties{MaxLength: math.MaxUint16, MaxTTL: math.MaxUint8, Fragments: AnyFragment, ECN: AnyECN}
}

// Threshold turns a probability into a 32-bit threshold, and reports whether
// the probability is one, which no threshold can express.
func Threshold(p float64) (uint32, bool) {
	t := math.Round(p * (1 << 32))
	if t >= 1<<32 {
		return math.MaxUint32, true
	}
	return uint32(max(t, 0)), false
}

// Constant is the part of a selection that a program cannot change without a
// reload.
func (s Selection) Constant() Selection {
	out := Selection{Algorithm: s.Algorithm, PerFlow: s.PerFlow}
	if s.Algorithm == SelectUniform {
		out.Initialiser = s.Initialiser
	}
	return out
}

func (s *Selection) validate() error {
	if err := s.validateParameters(); err != nil {
		return fmt.Errorf("packet selection: %w", err)
	}
	if s.PerFlow && !s.Algorithm.Counts() && s.Algorithm != SelectUniform {
		return fmt.Errorf("packet selection: algorithm %d knows no flows", s.Algorithm)
	}
	return nil
}

func (s *Selection) validateParameters() error {
	switch s.Algorithm {
	case SelectAll, SelectUniform:
		return nil
	case SelectSystematicCount, SelectSystematicTime:
		if s.Interval == 0 {
			return errors.New("an interval of 0 selects nothing")
		}
		return nil
	case SelectRandom:
		if s.Size == 0 || s.Size > s.Population {
			return fmt.Errorf("%d out of %d packets", s.Size, s.Population)
		}
		return nil
	case SelectProperty:
		return s.Match.validate()
	case SelectHashBOB, SelectHashIPSX, SelectHashCRC32:
		return s.validateRanges()
	}
	return fmt.Errorf("unknown algorithm %d", s.Algorithm)
}

func (s *Selection) validateRanges() error {
	if s.NumRanges == 0 || s.NumRanges > MaxHashRanges {
		return fmt.Errorf("%d hash ranges: 1 to %d are possible", s.NumRanges, MaxHashRanges)
	}
	for i, r := range s.Ranges[:s.NumRanges] {
		switch {
		case r.Min > r.Max:
			return fmt.Errorf("hash range %d to %d", r.Min, r.Max)
		case r.Max > s.Algorithm.Output():
			return fmt.Errorf("hash range %d to %d: the hash ends at %d", r.Min, r.Max, s.Algorithm.Output())
		case i > 0 && r.Min <= s.Ranges[i-1].Max:
			return fmt.Errorf("hash range %d to %d: overlaps or out of order", r.Min, r.Max)
		}
	}
	return nil
}

func (m *Properties) validate() error {
	switch {
	case m.TCPSet&m.TCPClear != 0:
		return fmt.Errorf("TCP control bits %#x must be set and must not", m.TCPSet&m.TCPClear)
	case m.MinLength > m.MaxLength:
		return fmt.Errorf("lengths %d to %d", m.MinLength, m.MaxLength)
	case m.MinTTL > m.MaxTTL:
		return fmt.Errorf("TTLs %d to %d", m.MinTTL, m.MaxTTL)
	case m.Fragments == 0 || m.Fragments > AnyFragment:
		return fmt.Errorf("fragments %d", m.Fragments)
	case m.ECN == 0 || m.ECN > AnyECN:
		return fmt.Errorf("ECN code points %#x", m.ECN)
	}
	return nil
}
