package agent

import (
	"net/netip"
	"slices"

	"github.com/openifit/openifit/agent/compile"
	"github.com/openifit/openifit/agent/export"
	"github.com/openifit/openifit/agent/meter"
	"github.com/openifit/openifit/agent/notify"
	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/gen/yang"
	"github.com/openifit/openifit/proto/ipfix"
	"github.com/openifit/openifit/proto/ipfix/records"
)

// maxCachedFlows bounds the Flow Cache of one policy.
const maxCachedFlows = 1 << 17

// meterPolicies is what the Metering Process needs to know of a compiled tree.
// place says where a policy's counters live.
func meterPolicies(r *compile.Result, place func(policy uint32) *meter.Totals) []meter.Policy {
	var out []meter.Policy
	for i := range r.Policies {
		p := &r.Policies[i]
		if !p.Active() {
			continue
		}
		keys, _ := meter.ParseKeys(p.FlowKeys)
		m := meter.Policy{
			PolicyRef: p.PolicyRef,
			Records:   p.Technique == yang.TECHNIQUE_FLOW_METERING,
			Sampled:   p.Select.Algorithm != plan.SelectAll,
			Keys:      keys, LocalOriginated: p.LocalOriginated,
			SourceBits: p.SourceBits, DestinationBits: p.DestinationBits, Biflow: p.Biflow,
			ActiveTimeout: p.Export.ActiveTimeout, IdleTimeout: p.Export.IdleTimeout,
			MaxFlows: maxCachedFlows, Rules: p.Rules, Inner: p.Inner,
			Totals: place(p.ID),
		}
		for _, at := range p.Points {
			if observesElsewhere(p, at) {
				m.Silent = append(m.Silent, at.PointID)
			} else {
				m.Points = append(m.Points, at.PointID)
			}
		}
		out = append(out, m)
	}
	return out
}

// observesElsewhere: postcards of packets that were counted as they arrived,
// and points that only follow connections of the node itself, or note flows.
func observesElsewhere(p *compile.Policy, at compile.Point) bool {
	if at.Actions&^(plan.ActTCP|plan.ActDrop) == 0 {
		return true
	}
	return p.Technique == yang.TECHNIQUE_PBT_M && !p.Unmarked && at.Direction == flow.Egress
}

// notifyPolicies is what the notifier needs to know of a compiled tree.
func notifyPolicies(r *compile.Result) []notify.Policy {
	var out []notify.Policy
	for i := range r.Policies {
		p := &r.Policies[i]
		if len(p.Triggers) == 0 {
			continue
		}
		n := notify.Policy{PolicyRef: p.PolicyRef, Name: p.Name}
		for _, t := range p.Triggers {
			n.Triggers = append(n.Triggers, t.Name)
		}
		out = append(out, n)
	}
	return out
}

// exportConfig is what the Exporting Process needs to know of a compiled tree.
func exportConfig(r *compile.Result, l links) export.Config {
	out := export.Config{
		ObservationDomain: r.Domain.ObservationDomain, NodeID: r.Domain.NodeID,
		EnterpriseNumber: r.Domain.EnterpriseNumber, MaxOctets: r.Limits.ExportOctets,
	}
	for _, i := range l {
		out.Interfaces = append(out.Interfaces, export.Interface{Index: i.index, Name: i.name})
	}
	for _, c := range r.Collectors {
		out.Collectors = append(out.Collectors, export.Collector(c))
	}
	for i := range r.Policies {
		p := &r.Policies[i]
		if !p.Active() || len(p.Export.Collectors) == 0 {
			continue
		}
		e := export.Policy{
			PolicyRef: p.PolicyRef, Name: p.Name, Owner: p.Owner,
			Collectors: p.Export.Collectors, Failover: p.Export.Failover,
			FlowKeys: p.FlowKeys, Biflow: p.Biflow, Histogram: export.Histogram{
				Wanted: p.Computing.Histogram, Minimum: p.Computing.Minimum,
				Maximum: p.Computing.Maximum, Mean: p.Computing.Mean,
			},
			Delay: measuresDelay(p), Without: without(p), BatchTimeout: p.Export.BatchTimeout,
			MaxRecords: p.Export.MaxRecords, MaxOctets: p.Export.MaxOctets,
		}
		if o := p.Custom.Object; o != nil {
			e.Probe = export.Probe{
				Name: p.Custom.Probe, FirstElement: p.Custom.FirstElement,
				Counters: layout(o.Counters), Record: layout(o.Record),
			}
		}
		e.Selection = selector(&p.Select, p.Probability)
		out.Policies = append(out.Policies, e)
	}
	return out
}

// without names the Information Elements that a metering policy did not choose.
func without(p *compile.Policy) (names []string) {
	if p.Technique != yang.TECHNIQUE_FLOW_METERING {
		return nil
	}
	for _, e := range []struct {
		element yang.DATA_ELEMENT
		names   []string
	}{
		{yang.DATA_ELEMENT_TCP_FLAGS, []string{"tcpControlBits"}},
		{yang.DATA_ELEMENT_FLOW_TIMES, []string{"flowStartMilliseconds", "flowEndMilliseconds"}},
		{yang.DATA_ELEMENT_TTL_RANGE, []string{"minimumTTL", "maximumTTL"}},
		{yang.DATA_ELEMENT_INGRESS_INTERFACE, []string{"ingressInterface"}},
		{yang.DATA_ELEMENT_EGRESS_INTERFACE, []string{"egressInterface"}},
	} {
		if !slices.Contains(p.Elements, e.element) {
			names = append(names, e.names...)
		}
	}
	return names
}

func measuresDelay(p *compile.Policy) bool {
	for _, at := range p.Points {
		if at.Actions&plan.ActDelay != 0 {
			return true
		}
	}
	return false
}

// flowRecord writes what the meter counted as a record for export.
func flowRecord(out *records.Flow, in *meter.Record) {
	segment := in.Key.ActiveSegment
	if !segment.IsValid() {
		segment = netip.IPv6Unspecified()
	}
	*out = records.Flow{
		Origin: records.Origin{Policy: in.Policy.ID, Generation: in.Policy.Generation},
		Tuple: records.Tuple{
			Source: in.Key.Source, Destination: in.Key.Destination,
			SourcePort: in.Key.SourcePort, DestinationPort: in.Key.DestinationPort, Protocol: in.Key.Protocol,
		},
		SourceLength: in.SourceLength, DestinationLength: in.DestinationLength,
		IPVersion: in.Family, DiffServ: in.Key.DSCP, FlowLabel: in.Key.FlowLabel, VLAN: in.Key.VLAN,
		CustomerVLAN: in.Key.CustomerVLAN, SegmentID: records.SegmentID(uint8(in.Key.Overlay), in.Key.VNI),
		TopLabel: records.TopLabel(in.Key.MPLS), ActiveSegment: segment,
		IngressInterface: in.IngressIfindex, EgressInterface: in.EgressIfindex,
		Direction: records.Direction(in.Direction),
		Octets:    in.Octets, Packets: in.Packets,
		Start: ipfix.UnixNano(in.First), End: ipfix.UnixNano(in.Last),
		TCPControlBits: in.TCPFlags, MinimumHopLimit: in.MinTTL, MaximumHopLimit: in.MaxTTL,
		EndReason: records.FlowEndReason(in.EndReason),
		DelayMin:  in.Delay.Min, DelayMax: in.Delay.Max, DelayMean: in.Delay.Mean(), DelaySum: in.Delay.Sum, DelayPackets: in.Delay.Packets,
	}
	if in.Biflow {
		out.Reverse = reverse(&in.Reverse, in.Initiated)
	}
}

func reverse(in *meter.Reverse, initiated bool) records.Reverse {
	out := records.Reverse{
		BiflowDirection: records.BiflowArbitrary,
		ReverseOctets:   in.Octets, ReversePackets: in.Packets,
		ReverseStart: ipfix.UnixNano(in.First), ReverseEnd: ipfix.UnixNano(in.Last),
		ReverseTCPControlBits:  in.TCPFlags,
		ReverseMinimumHopLimit: in.MinTTL, ReverseMaximumHopLimit: in.MaxTTL,
		ReverseIngressInterface: in.IngressIfindex, ReverseEgressInterface: in.EgressIfindex,
		ReverseDirection: records.Direction(in.Direction),
	}
	if initiated {
		out.BiflowDirection = records.BiflowInitiator
	}
	return out
}
