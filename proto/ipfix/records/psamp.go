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
	// HashBOB: what is hashed, and which results select.
	PayloadOffset    uint64 `ipfix:"hashIPPayloadOffset"`
	PayloadSize      uint64 `ipfix:"hashIPPayloadSize"`
	OutputRangeMin   uint64 `ipfix:"hashOutputRangeMin"`
	OutputRangeMax   uint64 `ipfix:"hashOutputRangeMax"`
	SelectedRangeMin uint64 `ipfix:"hashSelectedRangeMin"`
	SelectedRangeMax uint64 `ipfix:"hashSelectedRangeMax"`
	DigestOutput     bool   `ipfix:"hashDigestOutput"`
	// The policy that the selector belongs to. A rate that moves makes a new
	// generation.
	Policy     uint32 `ipfix:"ifitPolicyId"`
	Generation uint32 `ipfix:"ifitPolicyGeneration"`
}

var selectorParameters = map[Algorithm][]string{
	SystematicCount:      {"samplingPacketInterval", "samplingPacketSpace"},
	SystematicTime:       {"samplingTimeInterval", "samplingTimeSpace"},
	RandomNOutOfN:        {"samplingSize", "samplingPopulation"},
	UniformProbabilistic: {"samplingProbability"},
	PropertyMatch:        {},
	HashBOB: {
		"hashIPPayloadOffset", "hashIPPayloadSize", "hashOutputRangeMin", "hashOutputRangeMax",
		"hashSelectedRangeMin", "hashSelectedRangeMax", "hashDigestOutput",
	},
}

// SelectorTemplate has the parameters that RFC 5476 section 6.5.2 requires for
// the algorithm.
func SelectorTemplate(m *ie.Model, a Algorithm) (*ipfix.Template, error) {
	parameters, ok := selectorParameters[a]
	if !ok {
		return nil, fmt.Errorf("selector template: algorithm %d is not supported", a)
	}
	var policy []string
	if m.PEN() != 0 {
		policy = []string{"ifitPolicyId", "ifitPolicyGeneration"}
	}
	return optionsTemplate(m, "selector", 1, []string{"selectorId", "selectorAlgorithm"}, parameters, policy)
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
