package records

import (
	"github.com/openifit/openifit/proto/ipfix"
	"github.com/openifit/openifit/proto/ipfix/ie"
)

// HeavyFlow is one of the largest flows that a sketch has found.
type HeavyFlow struct {
	Origin
	Tuple
	// Rank is 1 for the largest.
	Rank    uint32         `ipfix:"ifitHeavyFlowRank"`
	Octets  uint64         `ipfix:"octetDeltaCount"`
	Packets uint64         `ipfix:"packetDeltaCount"`
	Start   ipfix.UnixNano `ipfix:"flowStartNanoseconds"`
	End     ipfix.UnixNano `ipfix:"flowEndNanoseconds"`
}

// HeavyFlowTemplate needs an enterprise number in the model.
func HeavyFlowTemplate(m *ie.Model, family Family) (*ipfix.Template, error) {
	return template(m, family.String()+" heavy flow", originFields, tupleFields(family), []string{
		"ifitHeavyFlowRank", "octetDeltaCount", "packetDeltaCount", "flowStartNanoseconds", "flowEndNanoseconds",
	})
}
