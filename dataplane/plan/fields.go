package plan

import "github.com/openifit/openifit/dataplane/flow"

// needs5Tuple are the actions that know a flow by its 5-tuple, whatever the
// policy's Flow Keys are.
const needs5Tuple = ActSketch | ActMark | ActPostcard | ActEvent | ActDigest |
	ActTCP | ActDelayHistogram | ActQueueHistogram

// ReadFields are the fields that the point's flow key must hold: what its
// policies ask for and what their rules, lists and actions need. Of addresses
// it may be less than the whole, see ReadAddresses.
func (p *Point) ReadFields() KeyField {
	var fields KeyField
	for i := range p.Policies {
		policy := &p.Policies[i]
		fields |= policy.asks()
		if policy.SourceBits != (AddressBits{}) {
			fields |= KeySourceAddress
		}
		if policy.DestinationBits != (AddressBits{}) {
			fields |= KeyDestinationAddress
		}
		for j := range policy.Rules {
			fields |= policy.Rules[j].reads()
		}
		if policy.Select.Algorithm.IsHash() {
			fields |= KeyProtocol
		}
	}
	if p.Postcards {
		fields |= Key5Tuple
	}
	if p.ID.Direction == flow.Ingress {
		fields &^= KeyIngressInterface
	}
	return fields
}

// asks are the fields that the policy needs whole, whatever its rules read.
func (p *Policy) asks() KeyField {
	fields := p.Keys
	if p.FlowList || p.Actions&needs5Tuple != 0 {
		fields |= Key5Tuple
	}
	return fields
}

// Wide tells whether the point's flow key has its wide part.
func (p *Point) Wide() bool { return p.ReadFields()&keyWide != 0 }

// Layers tells whether some policies of the point read the outermost IP header
// and some the innermost one.
func (p *Point) Layers() (outer, inner bool) {
	for i := range p.Policies {
		if p.Policies[i].Inner {
			inner = true
		} else {
			outer = true
		}
	}
	return outer, inner
}

func (r *Rule) reads() KeyField {
	var fields KeyField
	if r.Source.IsValid() {
		fields |= KeySourceAddress
	}
	if r.Destination.IsValid() {
		fields |= KeyDestinationAddress
	}
	if r.Protocol >= 0 {
		fields |= KeyProtocol
	}
	if r.DSCP >= 0 {
		fields |= KeyDSCP
	}
	if r.FlowLabel >= 0 {
		fields |= KeyFlowLabel
	}
	if r.VLAN != 0 {
		fields |= KeyVLAN
	}
	if r.VNI.Given {
		fields |= KeyVNI
	}
	if r.MPLSLabel.Given {
		fields |= KeyMPLS
	}
	if r.ActiveSegment.IsValid() {
		fields |= KeySegment
	}
	// Which octets are ports depends on the protocol.
	if r.SourcePort != AnyPort {
		fields |= KeySourcePort | KeyProtocol
	}
	if r.DestinationPort != AnyPort {
		fields |= KeyDestinationPort | KeyProtocol
	}
	return fields
}

// FlowFields are the fields of what the policy calls a flow: those of its
// Flow Keys; the 5-tuple where it reports packets.
func (p *Policy) FlowFields() KeyField {
	if p.Actions&ActMeter != 0 {
		return p.Keys
	}
	return p.Keys | Key5Tuple
}
