package plan

// ReadFields are the fields that the point's flow key must hold: what its
// policies ask for and what their rules, lists and actions need.
func (p *Point) ReadFields() KeyField {
	var fields KeyField
	for i := range p.Policies {
		policy := &p.Policies[i]
		fields |= policy.Keys
		if policy.FlowList || policy.Actions&(ActSketch|ActMark|ActPostcard|ActEvent) != 0 {
			fields |= Key5Tuple
		}
		for j := range policy.Rules {
			fields |= policy.Rules[j].reads()
		}
	}
	if p.Postcards {
		fields |= Key5Tuple
	}
	return fields
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
	// Which octets are ports depends on the protocol.
	if r.SourcePort != AnyPort {
		fields |= KeySourcePort | KeyProtocol
	}
	if r.DestinationPort != AnyPort {
		fields |= KeyDestinationPort | KeyProtocol
	}
	return fields
}
