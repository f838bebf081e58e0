package records

import (
	"fmt"

	"github.com/openifit/openifit/proto/ipfix"
)

// Kind is the kind of a record.
type Kind uint8

// The kinds. Other is that of records which this package does not read.
const (
	KindOther Kind = iota
	KindFlow
	KindPostcard
	KindEvent
	KindHeavyFlow
	KindDistinct
	KindSpreader
	KindPolicyName
	KindInterfaceName
	KindExporterReliability
	KindMeterReliability
	KindMeterStatistics
	KindSelector
	KindSelectionSequence
	KindSequenceStatistics
	KindTypeInformation
	KindTCPHealth
	KindHistogram
	KindDrop
	KindCulprit
	kinds
)

var kindNames = [kinds]string{
	"other", "flow", "postcard", "event", "heavy flow", "distinct", "spreader", "policy name", "interface name",
	"exporter reliability", "meter reliability", "meter statistics",
	"selector", "selection sequence", "sequence statistics", "type information",
	"TCP health", "histogram", "drop", "culprit",
}

func (k Kind) String() string {
	if k < kinds {
		return kindNames[k]
	}
	return fmt.Sprintf("Kind(%d)", uint8(k))
}

// marks are the elements that make a template one of a kind, tried in order.
var marks = []struct {
	kind    Kind
	options bool
	names   []string
}{
	{KindEvent, false, []string{"ifitEventId", "ifitEventMetric", "ifitEventState"}},
	{KindPostcard, false, []string{"ifitPolicyId", "ifitNodeId", "digestHashValue"}},
	{KindHeavyFlow, false, []string{"ifitHeavyFlowRank"}},
	{KindTCPHealth, false, []string{"ifitPolicyId", "ifitTcpRetransmittedPacketTotalCount"}},
	{KindHistogram, false, []string{"ifitPolicyId", "ifitHistogramBuckets"}},
	{KindDistinct, false, []string{"ifitDistinctFlows"}},
	{KindSpreader, false, []string{"ifitSpreaderRank"}},
	{KindDrop, false, []string{"ifitDropReason", "droppedPacketDeltaCount"}},
	{KindCulprit, false, []string{"ifitCulpritRank"}},
	{KindFlow, false, []string{"packetDeltaCount"}},
	{KindFlow, false, []string{"octetDeltaCount"}},
	{KindPolicyName, true, []string{"ifitPolicyId", "ifitPolicyName"}},
	{KindInterfaceName, true, []string{"ingressInterface", "interfaceName"}},
	{KindExporterReliability, true, []string{"exportingProcessId", "notSentFlowTotalCount"}},
	{KindMeterReliability, true, []string{"ignoredPacketTotalCount"}},
	{KindMeterStatistics, true, []string{"exportedFlowRecordTotalCount"}},
	{KindSelector, true, []string{"selectorId", "selectorAlgorithm"}},
	{KindSequenceStatistics, true, []string{"selectionSequenceId", "selectorIdTotalPktsObserved"}},
	{KindSelectionSequence, true, []string{"selectionSequenceId", "selectorId"}},
	{KindTypeInformation, true, []string{"privateEnterpriseNumber", "informationElementId", "informationElementName"}},
}

// Classify tells the kind of a template's records.
func Classify(t *ipfix.Template) Kind {
	names := make(map[string]bool, t.Len())
	for _, f := range t.All() {
		names[f.Element.Name] = true
	}
	for _, m := range marks {
		if m.options == (t.Scope() > 0) && hasAll(names, m.names) {
			return m.kind
		}
	}
	return KindOther
}

func hasAll(have map[string]bool, want []string) bool {
	for _, name := range want {
		if !have[name] {
			return false
		}
	}
	return true
}
