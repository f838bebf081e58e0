package meter

import (
	"net/netip"

	"github.com/openifit/openifit/dataplane/flow"
)

// EndReason tells why a Flow Record ended; the values are those of
// flowEndReason (IE 136).
type EndReason uint8

// Reasons for the end of a Flow Record.
const (
	EndIdle            EndReason = 1
	EndActive          EndReason = 2
	EndDetected        EndReason = 3
	EndForced          EndReason = 4
	EndLackOfResources EndReason = 5
)

// Record is a Flow Record of one policy under one generation. A field of Key
// that is no Flow Key of the policy is zero.
type Record struct {
	Policy flow.PolicyRef
	// Keys are the policy's Flow Keys.
	Keys Keys
	// Family is 4 or 6.
	Family    uint8
	Key       flow.Key
	Direction flow.Direction
	// IngressIfindex and EgressIfindex are those of the flow's last packets
	// where they are no Flow Keys.
	IngressIfindex, EgressIfindex uint32
	// Packets and Octets are deltas: what this record alone stands for.
	Packets, Octets uint64
	// First and Last are UNIX times in nanoseconds.
	First, Last    int64
	TCPFlags       uint16
	MinTTL, MaxTTL uint8
	Delay          flow.Delay
	EndReason      EndReason
}

// fill writes the record that an entry stands for.
func (r *Record) fill(ref flow.PolicyRef, keys Keys, e *entry, why EndReason) {
	*r = Record{
		Policy: ref, Keys: keys, Family: e.key.family,
		Direction:      e.key.direction,
		IngressIfindex: e.ingress, EgressIfindex: e.egress,
		Packets: e.packets, Octets: e.octets,
		First: e.first, Last: e.last,
		TCPFlags: e.tcpFlags, MinTTL: e.minTTL, MaxTTL: e.maxTTL,
		Delay: e.delay, EndReason: why,
	}
	r.Key.SourcePort, r.Key.DestinationPort = e.key.sourcePort, e.key.destinationPort
	r.Key.Protocol, r.Key.DSCP = e.key.protocol, e.key.dscp
	r.Key.FlowLabel, r.Key.VLAN, r.Key.CustomerVLAN = e.key.flowLabel, e.key.vlan, e.key.customerVLAN
	r.Key.Overlay, r.Key.VNI = flow.Overlay(e.key.vni), e.key.vni>>8
	r.Key.Labelled, r.Key.MPLS = e.key.mpls != 0, e.key.mpls>>8
	if e.key.segment != [16]byte{} {
		r.Key.ActiveSegment = netip.AddrFrom16(e.key.segment)
	}
	if e.key.family == 4 {
		r.Key.Source = netip.AddrFrom4([4]byte(e.key.source[:4]))
		r.Key.Destination = netip.AddrFrom4([4]byte(e.key.destination[:4]))
	} else {
		r.Key.Source = netip.AddrFrom16(e.key.source)
		r.Key.Destination = netip.AddrFrom16(e.key.destination)
	}
}
