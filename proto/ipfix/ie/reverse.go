package ie

import "strings"

func reverse(e Element) Element {
	e.ID = e.ID.Reverse()
	e.Name = "reverse" + strings.ToUpper(e.Name[:1]) + e.Name[1:]
	return e
}

// reversible excludes what describes no direction of a flow
// (RFC 5103 section 6.1).
func reversible(id ID) bool {
	switch id {
	case FlowId, TemplateId, ObservationDomainId, CommonPropertiesId,
		ExporterIPv4Address, ExporterIPv6Address,
		CollectorIPv4Address, CollectorIPv6Address, ExportInterface,
		ExportProtocolVersion, ExportTransportProtocol,
		CollectorTransportPort, ExporterTransportPort, FlowKeyIndicator,
		ExportedOctetTotalCount, ExportedMessageTotalCount, ExportedFlowRecordTotalCount,
		ObservedFlowTotalCount, IgnoredPacketTotalCount, IgnoredOctetTotalCount,
		NotSentFlowTotalCount, NotSentPacketTotalCount, NotSentOctetTotalCount,
		PaddingOctets, BiflowDirection:
		return false
	}
	return true
}
