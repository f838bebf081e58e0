package records

import (
	"github.com/openifit/openifit/proto/ipfix"
	"github.com/openifit/openifit/proto/ipfix/ie"
)

// PolicyName names a policy that other records tell by its number.
type PolicyName struct {
	Policy uint32 `ipfix:"ifitPolicyId"`
	Name   string `ipfix:"ifitPolicyName"`
	Owner  string `ipfix:"ifitPolicyOwner"`
}

// PolicyNameTemplate needs an enterprise number in the model.
func PolicyNameTemplate(m *ie.Model) (*ipfix.Template, error) {
	return optionsTemplate(m, "policy name", 1, []string{"ifitPolicyId", "ifitPolicyName", "ifitPolicyOwner"})
}

// InterfaceName names an interface that other records tell by its index.
type InterfaceName struct {
	Interface uint32 `ipfix:"ingressInterface"`
	Name      string `ipfix:"interfaceName"`
}

// InterfaceNameTemplate names interfaces.
func InterfaceNameTemplate(m *ie.Model) (*ipfix.Template, error) {
	return optionsTemplate(m, "interface name", 1, []string{"ingressInterface", "interfaceName"})
}

// ExporterReliability tells what an Exporting Process could not send (RFC 7011
// section 4.3). Its Messages are those of Observation Domain 0.
type ExporterReliability struct {
	ExportingProcess uint32 `ipfix:"exportingProcessId"`
	NotSentFlows     uint64 `ipfix:"notSentFlowTotalCount"`
	NotSentPackets   uint64 `ipfix:"notSentPacketTotalCount"`
	NotSentOctets    uint64 `ipfix:"notSentOctetTotalCount"`
	// The span between the first and the last record that was dropped.
	First ipfix.UnixNano `ipfix:"observationTimeNanoseconds"`
	Last  ipfix.UnixNano `ipfix:"observationTimeNanoseconds"`
}

// ExporterReliabilityTemplate has the Exporting Process for scope.
func ExporterReliabilityTemplate(m *ie.Model) (*ipfix.Template, error) {
	return optionsTemplate(m, "exporting process reliability", 1, []string{
		"exportingProcessId", "notSentFlowTotalCount", "notSentPacketTotalCount", "notSentOctetTotalCount",
		"observationTimeNanoseconds", "observationTimeNanoseconds",
	})
}

// MeterReliability tells what a Metering Process could not count (RFC 7011
// section 4.2).
type MeterReliability struct {
	Domain          uint32 `ipfix:"observationDomainId"`
	MeteringProcess uint32 `ipfix:"meteringProcessId"`
	IgnoredPackets  uint64 `ipfix:"ignoredPacketTotalCount"`
	IgnoredOctets   uint64 `ipfix:"ignoredOctetTotalCount"`
	// The span between the first and the last packet that was ignored.
	First ipfix.UnixNano `ipfix:"observationTimeNanoseconds"`
	Last  ipfix.UnixNano `ipfix:"observationTimeNanoseconds"`
	// Samples that found no room in the ring buffer, and packets whose flow
	// found none in the flow table.
	RingLost      uint64 `ipfix:"ifitRingLostTotalCount"`
	InsertRefused uint64 `ipfix:"ifitFlowInsertRefusedTotalCount"`
}

// MeterReliabilityTemplate has Observation Domain and Metering Process for
// scope. Without an enterprise number it leaves the causes out.
func MeterReliabilityTemplate(m *ie.Model) (*ipfix.Template, error) {
	specs := []string{
		"observationDomainId", "meteringProcessId", "ignoredPacketTotalCount", "ignoredOctetTotalCount",
		"observationTimeNanoseconds", "observationTimeNanoseconds",
	}
	if m.PEN() != 0 {
		specs = append(specs, "ifitRingLostTotalCount", "ifitFlowInsertRefusedTotalCount")
	}
	return optionsTemplate(m, "metering process reliability", 2, specs)
}

// MeterStatistics tells what a Metering Process has exported (RFC 7011 section
// 4.1).
type MeterStatistics struct {
	Domain              uint32 `ipfix:"observationDomainId"`
	MeteringProcess     uint32 `ipfix:"meteringProcessId"`
	ExportedMessages    uint64 `ipfix:"exportedMessageTotalCount"`
	ExportedFlowRecords uint64 `ipfix:"exportedFlowRecordTotalCount"`
	ExportedOctets      uint64 `ipfix:"exportedOctetTotalCount"`
}

// MeterStatisticsTemplate has Observation Domain and Metering Process for scope.
func MeterStatisticsTemplate(m *ie.Model) (*ipfix.Template, error) {
	return optionsTemplate(m, "metering process statistics", 2, []string{
		"observationDomainId", "meteringProcessId",
		"exportedMessageTotalCount", "exportedFlowRecordTotalCount", "exportedOctetTotalCount",
	})
}
