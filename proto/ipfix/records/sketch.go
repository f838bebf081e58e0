package records

import (
	"net/netip"

	"github.com/openifit/openifit/proto/ipfix"
	"github.com/openifit/openifit/proto/ipfix/ie"
)

// Distinct estimates how many different flows, sources and destinations a
// sketch has seen.
type Distinct struct {
	Origin
	Flows        uint64         `ipfix:"ifitDistinctFlows"`
	Sources      uint64         `ipfix:"ifitDistinctSources"`
	Destinations uint64         `ipfix:"ifitDistinctDestinations"`
	Start        ipfix.UnixNano `ipfix:"flowStartNanoseconds"`
	End          ipfix.UnixNano `ipfix:"flowEndNanoseconds"`
}

// DistinctTemplate needs an enterprise number in the model.
func DistinctTemplate(m *ie.Model) (*ipfix.Template, error) {
	return template(m, "distinct", originFields, []string{
		"ifitDistinctFlows", "ifitDistinctSources", "ifitDistinctDestinations", "flowStartNanoseconds", "flowEndNanoseconds",
	})
}

// Spreader is one of the sources with the most destinations that a sketch has
// found.
type Spreader struct {
	Origin
	// Rank is 1 for the source with the most destinations.
	Rank         uint32         `ipfix:"ifitSpreaderRank"`
	Source       netip.Addr     `ipfix:"sourceIPv4Address|sourceIPv6Address"`
	Destinations uint64         `ipfix:"ifitDistinctDestinations"`
	Start        ipfix.UnixNano `ipfix:"flowStartNanoseconds"`
	End          ipfix.UnixNano `ipfix:"flowEndNanoseconds"`
}

// SpreaderTemplate needs an enterprise number in the model.
func SpreaderTemplate(m *ie.Model, family Family) (*ipfix.Template, error) {
	source := "source" + family.String() + "Address"
	return template(m, family.String()+" spreader", originFields, []string{
		"ifitSpreaderRank", source, "ifitDistinctDestinations", "flowStartNanoseconds", "flowEndNanoseconds",
	})
}
