package meter

import (
	"bytes"

	"github.com/openifit/openifit/dataplane/flow"
)

// other is what a flow cache holds of the other direction of an entry: the one
// against its key.
type other struct {
	counts
	// decided: which direction is forward is known from earlier.
	decided bool
	// against: forward is this direction; initiated: because it began.
	against, initiated bool
}

// idle tells whether neither direction has been seen.
func (o *other) idle(e *entry) bool { return e.packets == 0 && o.packets == 0 }

// paired turns the key so that both directions of a flow have the same one,
// and tells whether it had to be turned.
func (k key) paired() (key, bool) {
	k.direction = 0
	c := bytes.Compare(k.source[:], k.destination[:])
	reversed := c > 0 || c == 0 && k.sourcePort > k.destinationPort && !k.icmp()
	if reversed {
		k.turn()
	}
	if request, ok := k.answers(); ok {
		k.destinationPort = request
	}
	return k, reversed
}

// turn exchanges the sides; type and code of ICMP belong to neither.
func (k *key) turn() {
	k.source, k.destination = k.destination, k.source
	if !k.icmp() {
		k.sourcePort, k.destinationPort = k.destinationPort, k.sourcePort
	}
}

// icmp flows have type and code where others have a destination port.
func (k *key) icmp() bool { return k.protocol == 1 || k.protocol == 58 }

// Echo and its reply, as type*256+code.
const (
	echo, echoReply   = 8 << 8, 0
	echo6, echoReply6 = 128 << 8, 129 << 8
)

// answers is what an echo reply answers. The type of IPv4's is 0, as that of
// keys without ports; it does no harm there.
func (k *key) answers() (request uint16, ok bool) {
	switch {
	case k.protocol == 1 && k.destinationPort == echoReply:
		return echo, true
	case k.protocol == 58 && k.destinationPort == echoReply6:
		return echo6, true
	}
	return 0, false
}

func (k *key) isEcho() bool {
	return k.protocol == 1 && k.destinationPort == echo || k.protocol == 58 && k.destinationPort == echo6
}

// decide finds the direction that the initiator sends, once for all records of
// a flow: the one with a SYN without ACK, or with requests, otherwise the one
// whose packet came first. When both came within a tick of the clock, forward
// goes from the higher port to the lower one.
func (o *other) decide(e *entry) {
	if o.decided {
		return
	}
	asked, answered := e.counts.begins(&e.key), o.counts.begins(&e.key)
	o.decided, o.initiated = true, true
	switch {
	case asked != answered:
		o.against = answered
	case o.packets == 0 || e.packets == 0:
		o.against = e.packets == 0
	case e.first != o.first:
		o.against = o.first < e.first
	default:
		o.against, o.initiated = e.key.sourcePort < e.key.destinationPort && !e.key.icmp(), false
	}
}

// begins tells whether a direction shows by itself that it is the initiator's.
func (c *counts) begins(k *key) bool {
	return c.packets > 0 && (c.opens || k.isEcho() && c.typeCode == k.destinationPort)
}

// fillBiflow writes the record of both directions, or of the only one that was
// seen. It is false when none was.
func (r *Record) fillBiflow(ref flow.PolicyRef, p *Policy, e *entry, o *other, why EndReason) bool {
	if o.idle(e) {
		return false
	}
	o.decide(e)
	forward, backward, against := &e.counts, &o.counts, o.against
	if against {
		forward, backward = backward, forward
	}
	if forward.packets == 0 {
		forward, backward, against = backward, forward, !against
	}
	k := e.key
	if against {
		k.turn()
	}
	if k.icmp() {
		k.destinationPort = forward.typeCode
	}
	r.fill(ref, p, &k, forward, why)
	if backward.packets == 0 {
		return true
	}
	r.Biflow, r.Initiated = true, o.initiated
	r.Reverse = Reverse{
		Direction: backward.direction, IngressIfindex: backward.ingress, EgressIfindex: backward.egress,
		Packets: backward.packets, Octets: backward.octets, First: backward.first, Last: backward.last,
		TCPFlags: backward.tcpFlags, MinTTL: backward.minTTL, MaxTTL: backward.maxTTL,
	}
	return true
}
