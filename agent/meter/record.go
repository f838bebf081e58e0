package meter

import (
	"net/netip"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
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
	// SourceLength and DestinationLength are the bits of the addresses where
	// these are prefixes.
	SourceLength, DestinationLength uint8
	// Biflow: Reverse holds the other direction (RFC 5103). Initiated tells
	// that this one is what the initiator of the flow sends; otherwise nothing
	// tells which one that is.
	Biflow, Initiated bool
	Reverse           Reverse
}

// Reverse is what was seen of the direction against a record's key, each
// field as its namesake of Record.
type Reverse struct {
	Direction                     flow.Direction
	IngressIfindex, EgressIfindex uint32
	Packets, Octets               uint64
	First, Last                   int64
	TCPFlags                      uint16
	MinTTL, MaxTTL                uint8
}

func lengthOf(b plan.AddressBits, family uint8) uint8 {
	if family == 4 {
		return b.IPv4
	}
	return b.IPv6
}

// fill writes the record of one direction.
func (r *Record) fill(ref flow.PolicyRef, p *Policy, k *key, c *counts, why EndReason) {
	*r = Record{
		Policy: ref, Keys: p.Keys, Family: k.family,
		Direction:      c.direction,
		IngressIfindex: c.ingress, EgressIfindex: c.egress,
		Packets: c.packets, Octets: c.octets,
		First: c.first, Last: c.last,
		TCPFlags: c.tcpFlags, MinTTL: c.minTTL, MaxTTL: c.maxTTL,
		Delay: c.delay, EndReason: why,
	}
	r.Key.SourcePort, r.Key.DestinationPort = k.sourcePort, k.destinationPort
	r.Key.Protocol, r.Key.DSCP = k.protocol, k.dscp
	r.Key.FlowLabel, r.Key.VLAN, r.Key.CustomerVLAN = k.flowLabel, k.vlan, k.customerVLAN
	r.Key.Overlay, r.Key.VNI = flow.Overlay(k.vni), k.vni>>8
	r.Key.Labelled, r.Key.MPLS = k.mpls != 0, k.mpls>>8
	if k.segment != [16]byte{} {
		r.Key.ActiveSegment = netip.AddrFrom16(k.segment)
	}
	if p.Keys&(SourceIPv4Prefix|SourceIPv6Prefix) != 0 {
		r.SourceLength = lengthOf(p.SourceBits, k.family)
	}
	if p.Keys&(DestinationIPv4Prefix|DestinationIPv6Prefix) != 0 {
		r.DestinationLength = lengthOf(p.DestinationBits, k.family)
	}
	if k.family == 4 {
		r.Key.Source = netip.AddrFrom4([4]byte(k.source[:4]))
		r.Key.Destination = netip.AddrFrom4([4]byte(k.destination[:4]))
	} else {
		r.Key.Source = netip.AddrFrom16(k.source)
		r.Key.Destination = netip.AddrFrom16(k.destination)
	}
}
