package records

import (
	"github.com/openifit/openifit/proto/ipfix"
	"github.com/openifit/openifit/proto/ipfix/ie"
)

// Drop is what a node dropped of a flow's packets, for one reason at one place.
type Drop struct {
	Origin
	Tuple
	IngressInterface uint32 `ipfix:"ingressInterface"`
	// EgressInterface is 0 for packets that had none yet.
	EgressInterface uint32         `ipfix:"egressInterface"`
	Packets         uint64         `ipfix:"droppedPacketDeltaCount"`
	Octets          uint64         `ipfix:"droppedOctetDeltaCount"`
	Start           ipfix.UnixNano `ipfix:"flowStartNanoseconds"`
	End             ipfix.UnixNano `ipfix:"flowEndNanoseconds"`
	// Status is the reason in the terms of IANA.
	Status ForwardingStatus `ipfix:"forwardingStatus"`
	// Reason and Location are the kernel's: the name of its reason, and the
	// function that dropped the packets.
	Reason   string `ipfix:"ifitDropReason"`
	Location string `ipfix:"ifitDropLocation"`
}

// DropTemplate needs an enterprise number in the model.
func DropTemplate(m *ie.Model, family Family) (*ipfix.Template, error) {
	return template(m, family.String()+" drop", originFields, tupleFields(family), []string{
		"ingressInterface", "egressInterface", "droppedPacketDeltaCount", "droppedOctetDeltaCount",
		"flowStartNanoseconds", "flowEndNanoseconds", "forwardingStatus", "ifitDropReason", "ifitDropLocation",
	})
}

// ForwardingStatus is the value of forwardingStatus (IE 89): two bits of
// status, here always "dropped", and six of reason.
type ForwardingStatus uint32

// What is said of dropped packets.
const (
	DroppedUnknown       ForwardingStatus = 128
	DroppedACLDeny       ForwardingStatus = 129
	DroppedACLDrop       ForwardingStatus = 130
	DroppedUnroutable    ForwardingStatus = 131
	DroppedAdjacency     ForwardingStatus = 132
	DroppedFragmentation ForwardingStatus = 133
	DroppedBadChecksum   ForwardingStatus = 134
	DroppedBadLength     ForwardingStatus = 135
	DroppedBadHeader     ForwardingStatus = 136
	DroppedBadTTL        ForwardingStatus = 137
	DroppedPolicer       ForwardingStatus = 138
	DroppedWRED          ForwardingStatus = 139
	DroppedRPF           ForwardingStatus = 140
	DroppedForUs         ForwardingStatus = 141
	DroppedBadOutput     ForwardingStatus = 142
	DroppedHardware      ForwardingStatus = 143
)

// StatusOf maps a reason of the Linux kernel. Reasons that the registry has no
// words for, such as a full queue, are "unknown": the record names them.
func StatusOf(reason string) ForwardingStatus {
	switch reason {
	case "NETFILTER_DROP", "SOCKET_FILTER", "BPF_CGROUP_EGRESS", "XFRM_POLICY", "SECURITY_HOOK", "TAP_FILTER", "TAP_TXFILTER":
		return DroppedACLDeny
	case "TC_INGRESS", "TC_EGRESS", "XDP":
		return DroppedACLDrop
	case "IP_INNOROUTES", "IP_OUTNOROUTES", "IP_INADDRERRORS", "IP_INVALID_DEST", "IPV6DISABLED":
		return DroppedUnroutable
	case "NEIGH_CREATEFAIL", "NEIGH_FAILED", "NEIGH_QUEUEFULL", "NEIGH_DEAD", "NEIGH_HH_FILLFAIL", "IPV6_NDISC_FRAG":
		return DroppedAdjacency
	case "PKT_TOO_BIG":
		return DroppedFragmentation
	case "IP_CSUM", "TCP_CSUM", "UDP_CSUM", "ICMP_CSUM", "SKB_CSUM":
		return DroppedBadChecksum
	case "PKT_TOO_SMALL", "HDR_TRUNC":
		return DroppedBadLength
	// The kernel says the same of a spent hop limit and of a bad header.
	case "IP_INHDR", "DEV_HDR":
		return DroppedBadHeader
	case "IP_RPFILTER", "IP_LOCAL_SOURCE", "IP_INVALID_SOURCE", "IP_LOCALNET":
		return DroppedRPF
	case "NO_SOCKET", "SOCKET_CLOSE", "SOCKET_RCVBUFF", "SOCKET_BACKLOG", "PROTO_MEM", "IP_NOPROTO":
		return DroppedForUs
	case "DEV_READY":
		return DroppedBadOutput
	}
	return DroppedUnknown
}

// Culprit is one of the flows that filled the millisecond of a MICROBURST.
type Culprit struct {
	// Event is the ID of the event's record.
	Event uint64 `ipfix:"ifitEventId"`
	Origin
	Tuple
	// Rank is 1 for the largest.
	Rank   uint32 `ipfix:"ifitCulpritRank"`
	Octets uint64 `ipfix:"octetDeltaCount"`
}

// CulpritTemplate needs an enterprise number in the model.
func CulpritTemplate(m *ie.Model, family Family) (*ipfix.Template, error) {
	return template(m, family.String()+" culprit", []string{"ifitEventId"}, originFields, tupleFields(family), []string{
		"ifitCulpritRank", "octetDeltaCount",
	})
}
