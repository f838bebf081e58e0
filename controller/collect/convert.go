package collect

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/openifit/openifit/controller/inventory"
	"github.com/openifit/openifit/controller/measure"
	"github.com/openifit/openifit/gen/yang"
)

// eventsOf returns the events of a notification in the order of their
// numbers. Replayed marks those from before the subscription.
func eventsOf(node string, list *yang.Events, names *inventory.Snapshot, now time.Time, replayed bool) []measure.Event {
	if list == nil {
		return nil
	}
	var out []measure.Event
	for id, entry := range list.Event {
		s := entry.GetState()
		if s == nil || s.EventState == yang.EventState_UNSET {
			continue
		}
		e := measure.Event{
			Node: node, NodeID: id, Policy: s.GetPolicy(), Generation: s.GetGeneration(), Trigger: s.GetTrigger(),
			Metric: s.Metric.String(), Phase: measure.Phase(s.EventState.String()),
			Interface: s.GetInterface(),
			Flow:      flowKeys(s.GetSourceAddress(), s.GetDestinationAddress(), s.GetSourcePort(), s.GetDestinationPort(), s.GetProtocol()),
			Value:     s.GetValue(), Threshold: s.GetThreshold(),
			Time: int64(s.GetTime()), Received: now.UnixNano(), Replayed: replayed,
		}
		if s.Direction != yang.Direction_UNSET {
			e.Direction = s.Direction.String()
		}
		if s.Metric == yang.METRIC_PATH_CHANGE {
			e.Now = way(node, names, s.GetIngressInterface(), s.GetEgressInterface(), s.GetHopLimit())
			e.Before = way(node, names, s.GetPreviousIngressInterface(), s.GetPreviousEgressInterface(), s.GetPreviousHopLimit())
		}
		e.Drop = measure.Drop{Reason: s.GetDropReason(), Location: s.GetDropLocation()}
		e.Culprits = culpritsOf(s.GetCulprits())
		out = append(out, e)
	}
	slices.SortFunc(out, func(a, b measure.Event) int { return cmp.Compare(a.NodeID, b.NodeID) })
	return out
}

// culpritsOf returns the flows of a burst by rank.
func culpritsOf(in *yang.Event_State_Culprits) []measure.Culprit {
	if in == nil {
		return nil
	}
	var out []measure.Culprit
	for _, rank := range slices.Sorted(maps.Keys(in.Culprit)) {
		c := in.Culprit[rank]
		out = append(out, measure.Culprit{
			Flow:   flowKeys(c.GetSourceAddress(), c.GetDestinationAddress(), c.GetSourcePort(), c.GetDestinationPort(), c.GetProtocol()),
			Octets: c.GetOctets(),
		})
	}
	return out
}

func way(node string, names *inventory.Snapshot, ingress, egress uint32, hopLimit uint8) measure.Way {
	return measure.Way{
		Ingress: interfaceName(node, names, ingress), Egress: interfaceName(node, names, egress), HopLimit: hopLimit,
	}
}

// interfaceName falls back on the number, so that a change is still visible.
func interfaceName(node string, names *inventory.Snapshot, ifindex uint32) string {
	if ifindex == 0 {
		return ""
	}
	if name := names.InterfaceName(node, ifindex); name != "" {
		return name
	}
	return strconv.FormatUint(uint64(ifindex), 10)
}

// flowKeys returns the zero Flow when the addresses are missing or none.
func flowKeys(source, destination string, sourcePort, destinationPort uint16, protocol uint8) measure.Flow {
	src, err := netip.ParseAddr(source)
	if err != nil {
		return measure.Flow{}
	}
	dst, err := netip.ParseAddr(destination)
	if err != nil {
		return measure.Flow{}
	}
	return measure.Flow{
		Source: src, Destination: dst, SourcePort: sourcePort, DestinationPort: destinationPort, Protocol: protocol,
	}
}

// heavyOf returns the lists of heavy flows of a notification. The state of a
// sketch policy without heavy flows is an empty list; a notification with a
// single leaf of it says nothing about them.
func heavyOf(node string, list *yang.Policies, now time.Time) []measure.HeavyFlows {
	if list == nil {
		return nil
	}
	var out []measure.HeavyFlows
	for name, entry := range list.Policy {
		s := entry.GetState()
		if s == nil || s.PacketsObserved == nil && s.HeavyFlows == nil {
			continue
		}
		if s.HeavyFlows == nil && s.Technique != yang.TECHNIQUE_FLOW_SKETCH {
			continue
		}
		h := measure.HeavyFlows{Node: node, Policy: name, Generation: s.GetGeneration(), Time: now.UnixNano()}
		if s.HeavyFlows != nil {
			for _, f := range s.HeavyFlows.HeavyFlow {
				flow := flowKeys(f.GetSourceAddress(), f.GetDestinationAddress(), f.GetSourcePort(), f.GetDestinationPort(), f.GetProtocol())
				if flow.IsZero() {
					continue
				}
				h.Flows = append(h.Flows, measure.HeavyFlow{
					Flow: flow, Rank: f.GetRank(),
					OctetsPerSecond: f.GetOctetsPerSecond(), Octets: f.GetOctets(), Packets: f.GetPackets(),
				})
			}
		}
		slices.SortFunc(h.Flows, func(a, b measure.HeavyFlow) int {
			return cmp.Or(cmp.Compare(a.Rank, b.Rank), a.Flow.Compare(b.Flow))
		})
		out = append(out, h)
	}
	slices.SortFunc(out, func(a, b measure.HeavyFlows) int { return cmp.Compare(a.Policy, b.Policy) })
	return out
}
