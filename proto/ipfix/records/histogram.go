package records

import (
	"fmt"

	"github.com/openifit/openifit/proto/ipfix"
	"github.com/openifit/openifit/proto/ipfix/ie"
)

// Histogram tells how a value was distributed over the packets of a flow, or
// of all flows that share some Flow Keys. Fields that its template lacks are
// zero. Values have the metric's unit: nanoseconds for TransitDelay, octets
// for QueueDepth.
type Histogram struct {
	Origin
	Tuple

	// Flow Keys beside the 5-tuple.
	IPVersion uint8  `ipfix:"ipVersion"`
	DiffServ  uint8  `ipfix:"ipDiffServCodePoint"`
	FlowLabel uint32 `ipfix:"flowLabelIPv6"`
	VLAN      uint16 `ipfix:"vlanId"`

	IngressInterface uint32 `ipfix:"ingressInterface"`
	EgressInterface  uint32 `ipfix:"egressInterface"`
	// Start and End bound the time in which the packets left.
	Start  ipfix.UnixNano `ipfix:"flowStartNanoseconds"`
	End    ipfix.UnixNano `ipfix:"flowEndNanoseconds"`
	Metric Metric         `ipfix:"ifitHistogramMetric"`
	// Packets were measured.
	Packets uint64 `ipfix:"ifitHistogramPacketDeltaCount"`
	// Min, Max and Mean are exact, percentiles within 6.25 % of the exact one.
	Min  uint64 `ipfix:"ifitHistogramMinimum"`
	Max  uint64 `ipfix:"ifitHistogramMaximum"`
	Mean uint64 `ipfix:"ifitHistogramMean"`
	P50  uint64 `ipfix:"ifitHistogramPercentile50"`
	P90  uint64 `ipfix:"ifitHistogramPercentile90"`
	P99  uint64 `ipfix:"ifitHistogramPercentile99"`
	P999 uint64 `ipfix:"ifitHistogramPercentile999"`
	// Buckets are read by DecodeBuckets.
	Buckets []byte `ipfix:"ifitHistogramBuckets"`
}

// HistogramTemplate composes a template from Flow Keys and from what is
// computed beside the buckets and percentiles. It needs an enterprise number
// in the model.
func HistogramTemplate(m *ie.Model, family Family, keys []string, minimum, maximum, mean bool) (*ipfix.Template, error) {
	if family != IPv4 && family != IPv6 {
		return nil, fmt.Errorf("histogram template: flows are of a family")
	}
	var specs []string
	for _, k := range keys {
		only, ok := histogramKeys[k]
		switch {
		case !ok:
			return nil, fmt.Errorf("histogram template: %s cannot be a flow key of a histogram", k)
		case only == NoFlow, only == family:
			specs = append(specs, k)
		}
	}
	specs = append(specs, originFields...)
	specs = append(specs, "flowStartNanoseconds", "flowEndNanoseconds", "ifitHistogramMetric", "ifitHistogramPacketDeltaCount")
	for _, c := range []struct {
		wanted bool
		name   string
	}{{minimum, "ifitHistogramMinimum"}, {maximum, "ifitHistogramMaximum"}, {mean, "ifitHistogramMean"}} {
		if c.wanted {
			specs = append(specs, c.name)
		}
	}
	return template(m, family.String()+" histogram", specs, []string{
		"ifitHistogramPercentile50", "ifitHistogramPercentile90",
		"ifitHistogramPercentile99", "ifitHistogramPercentile999", "ifitHistogramBuckets",
	})
}

// histogramKeys are the elements that can be Flow Keys of histograms, with the
// only family that has them, NoFlow for both.
var histogramKeys = map[string]Family{
	"sourceIPv4Address": IPv4, "destinationIPv4Address": IPv4,
	"sourceIPv6Address": IPv6, "destinationIPv6Address": IPv6, "flowLabelIPv6": IPv6,
	"sourceTransportPort": NoFlow, "destinationTransportPort": NoFlow, "protocolIdentifier": NoFlow,
	"ipVersion": NoFlow, "ipDiffServCodePoint": NoFlow, "vlanId": NoFlow,
	"ingressInterface": NoFlow, "egressInterface": NoFlow,
}

// IsHistogramKey says whether histograms can have the element as a Flow Key.
func IsHistogramKey(name string) bool {
	_, ok := histogramKeys[name]
	return ok
}
