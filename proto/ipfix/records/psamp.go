package records

import (
	"fmt"

	"github.com/openifit/openifit/proto/ipfix"
	"github.com/openifit/openifit/proto/ipfix/ie"
)

// Algorithm is how packets are selected, the value of selectorAlgorithm
// (RFC 5477 section 8.2.3).
type Algorithm uint16

// The algorithms.
const (
	SystematicCount      Algorithm = 1
	SystematicTime       Algorithm = 2
	RandomNOutOfN        Algorithm = 3
	UniformProbabilistic Algorithm = 4
	PropertyMatch        Algorithm = 5
	HashBOB              Algorithm = 6
	HashIPSX             Algorithm = 7
	HashCRC              Algorithm = 8
)

// Scope is what counts and draws of a selector are about.
type Scope uint8

// The scopes.
const (
	// ScopePackets: all packets of the selection sequence together.
	ScopePackets Scope = 0
	// ScopeFlows: each flow by itself.
	ScopeFlows Scope = 1
)

// Selector describes a primitive selector (RFC 5476 section 6.5.2), so that a
// collector can scale what it counted. Only the parameters of its algorithm
// are on the wire.
type Selector struct {
	Selector  uint64    `ipfix:"selectorId"`
	Algorithm Algorithm `ipfix:"selectorAlgorithm"`
	// SystematicCount: packets taken in a row, and skipped between.
	PacketInterval uint32 `ipfix:"samplingPacketInterval"`
	PacketSpace    uint32 `ipfix:"samplingPacketSpace"`
	// SystematicTime, in microseconds.
	TimeInterval uint32 `ipfix:"samplingTimeInterval"`
	TimeSpace    uint32 `ipfix:"samplingTimeSpace"`
	// RandomNOutOfN: Size out of Population.
	Size       uint32 `ipfix:"samplingSize"`
	Population uint32 `ipfix:"samplingPopulation"`
	// UniformProbabilistic, 0 to 1.
	Probability float64 `ipfix:"samplingProbability"`
	// PropertyMatch: control bits that are set, and those that are not; bounds,
	// included. Of the last two each bit is a kind of packet that matches: the
	// four ECN codepoints; unfragmented packets, fragments.
	TCPControlBits       uint16 `ipfix:"tcpControlBits"`
	TCPControlBitsAbsent uint16 `ipfix:"ifitTcpControlBitsAbsent"`
	MinimumLength        uint64 `ipfix:"minimumIpTotalLength"`
	MaximumLength        uint64 `ipfix:"maximumIpTotalLength"`
	MinimumHopLimit      uint8  `ipfix:"minimumTTL"`
	MaximumHopLimit      uint8  `ipfix:"maximumTTL"`
	ECNCodepoints        uint8  `ipfix:"ifitEcnCodepoints"`
	FragmentMatch        uint8  `ipfix:"ifitFragmentMatch"`
	// Hashes: what is hashed, and which results select. The initialiser is not
	// told: who knows it can avoid being selected.
	PayloadOffset  uint64 `ipfix:"hashIPPayloadOffset"`
	PayloadSize    uint64 `ipfix:"hashIPPayloadSize"`
	OutputRangeMin uint64 `ipfix:"hashOutputRangeMin"`
	OutputRangeMax uint64 `ipfix:"hashOutputRangeMax"`
	SelectedRanges
	DigestOutput bool `ipfix:"hashDigestOutput"`
	// Scope is ScopePackets where it is not told.
	Scope Scope `ipfix:"ifitSelectionScope"`
	// The policy that the selector belongs to. A rate that moves makes a new
	// generation.
	Policy     uint32 `ipfix:"ifitPolicyId"`
	Generation uint32 `ipfix:"ifitPolicyGeneration"`
}

// Ranges is the number of selected ranges, 0 for algorithms without a hash.
func (s *Selector) Ranges() int {
	if s.Algorithm < HashBOB {
		return 0
	}
	return len(s.Selected())
}

// selectorParameters are the elements of each algorithm, but for the selected
// ranges of hashes.
func selectorParameters(a Algorithm) ([]string, bool) {
	switch a {
	case SystematicCount:
		return []string{"samplingPacketInterval", "samplingPacketSpace"}, true
	case SystematicTime:
		return []string{"samplingTimeInterval", "samplingTimeSpace"}, true
	case RandomNOutOfN:
		return []string{"samplingSize", "samplingPopulation"}, true
	case UniformProbabilistic:
		return []string{"samplingProbability"}, true
	case PropertyMatch:
		return []string{"tcpControlBits", "minimumIpTotalLength", "maximumIpTotalLength", "minimumTTL", "maximumTTL"}, true
	case HashBOB, HashIPSX, HashCRC:
		return []string{
			"hashIPPayloadOffset", "hashIPPayloadSize", "hashOutputRangeMin", "hashOutputRangeMax", "hashDigestOutput",
		}, true
	}
	return nil, false
}

// SelectorTemplate has the parameters that RFC 5476 section 6.5.2 requires for
// the algorithm; ranges is the number of selected ranges of a hash.
func SelectorTemplate(m *ie.Model, a Algorithm, ranges int) (*ipfix.Template, error) {
	parameters, ok := selectorParameters(a)
	if !ok {
		return nil, fmt.Errorf("selector template: algorithm %d is not supported", a)
	}
	if isHash := a >= HashBOB; ranges > MaxSelectedRanges || isHash != (ranges > 0) {
		return nil, fmt.Errorf("selector template: %d selected ranges with algorithm %d", ranges, a)
	}
	for range ranges {
		parameters = append(parameters, "hashSelectedRangeMin", "hashSelectedRangeMax")
	}
	var private []string
	if m.PEN() != 0 {
		private = []string{"ifitPolicyId", "ifitPolicyGeneration", "ifitSelectionScope"}
		if a == PropertyMatch {
			private = append(private, "ifitTcpControlBitsAbsent", "ifitEcnCodepoints", "ifitFragmentMatch")
		}
	}
	return optionsTemplate(m, "selector", 1, []string{"selectorId", "selectorAlgorithm"}, parameters, private)
}

// SelectionSequence ties an Observation Point to the selector that its packets
// pass (RFC 5476 section 6.5.1).
type SelectionSequence struct {
	Sequence uint64 `ipfix:"selectionSequenceId"`
	Point    uint64 `ipfix:"observationPointId"`
	Selector uint64 `ipfix:"selectorId"`
}

// SelectionSequenceTemplate describes sequences of one selector.
func SelectionSequenceTemplate(m *ie.Model) (*ipfix.Template, error) {
	return optionsTemplate(m, "selection sequence", 1, []string{"selectionSequenceId", "observationPointId", "selectorId"})
}

// SequenceStatistics is a consistent snapshot of how many packets went into a
// selection sequence and came out (RFC 5476 section 6.5.3).
type SequenceStatistics struct {
	Sequence uint64 `ipfix:"selectionSequenceId"`
	Observed uint64 `ipfix:"selectorIdTotalPktsObserved"`
	Selected uint64 `ipfix:"selectorIdTotalPktsSelected"`
}

// SequenceStatisticsTemplate describes sequences of one selector.
func SequenceStatisticsTemplate(m *ie.Model) (*ipfix.Template, error) {
	return optionsTemplate(m, "sequence statistics", 1, []string{
		"selectionSequenceId", "selectorIdTotalPktsObserved", "selectorIdTotalPktsSelected",
	})
}
