package notify

import (
	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/gen/yang"
)

// state writes an event in the words of the YANG model.
func (n *Notifier) state(policy string, ev *Event) *yang.Event_State {
	out := &yang.Event_State{
		Time:             ptr(uint64(max(ev.Time, 0))),
		Policy:           &policy,
		Generation:       ptr(ev.Policy.Generation),
		Metric:           metric(ev.Metric),
		EventState:       phase(ev.State),
		Direction:        yang.Direction_INGRESS,
		IngressInterface: present(ev.IngressIfindex),
		EgressInterface:  present(ev.EgressIfindex),
	}
	if ev.TriggerName != "" {
		out.Trigger = ptr(ev.TriggerName)
	}
	if ev.Direction == flow.Egress {
		out.Direction = yang.Direction_EGRESS
	}
	if name, ok := n.interfaces[ev.Ifindex]; ok {
		out.Interface = &name
	}
	if ev.HopLimit != 0 {
		out.HopLimit = ptr(ev.HopLimit)
	}
	if ev.State != flow.EventMomentary {
		out.Value, out.Threshold = ptr(ev.Value), ptr(ev.Threshold)
	}
	if ev.Metric == flow.MetricPathChange {
		out.PreviousIngressInterface = ptr(ev.PreviousIngressIfindex)
		out.PreviousEgressInterface = ptr(ev.PreviousEgressIfindex)
		out.PreviousHopLimit = ptr(ev.PreviousHopLimit)
	}
	if ev.ID.Source.IsValid() {
		out.SourceAddress, out.DestinationAddress = ptr(ev.ID.Source.String()), ptr(ev.ID.Destination.String())
		out.SourcePort, out.DestinationPort = ptr(ev.ID.SourcePort), ptr(ev.ID.DestinationPort)
		out.Protocol = ptr(ev.ID.Protocol)
	}
	if ev.DropReason != "" {
		out.DropReason, out.DropLocation = ptr(ev.DropReason), ptr(ev.DropLocation)
	}
	culprits(out, &ev.Event)
	return out
}

// culprits names the flows of a burst by rank.
func culprits(out *yang.Event_State, ev *flow.Event) {
	for i := range ev.Culprits {
		c := &ev.Culprits[i]
		if c.Octets == 0 {
			return
		}
		list := out.GetOrCreateCulprits()
		if list.Culprit == nil {
			list.Culprit = make(map[uint8]*yang.Event_State_Culprit)
		}
		rank := uint8(i + 1)
		list.Culprit[rank] = &yang.Event_State_Culprit{
			Rank: &rank, Octets: ptr(c.Octets),
			SourceAddress: ptr(c.ID.Source.String()), DestinationAddress: ptr(c.ID.Destination.String()),
			SourcePort: ptr(c.ID.SourcePort), DestinationPort: ptr(c.ID.DestinationPort), Protocol: ptr(c.ID.Protocol),
		}
	}
}

func ptr[T any](v T) *T { return &v }

// present leaves out what is unknown.
func present(ifindex uint32) *uint32 {
	if ifindex == 0 {
		return nil
	}
	return &ifindex
}

func metric(m flow.Metric) yang.METRIC {
	switch m {
	case flow.MetricTransitDelay:
		return yang.METRIC_TRANSIT_DELAY
	case flow.MetricPathDelay:
		return yang.METRIC_PATH_DELAY
	case flow.MetricQueueDepth:
		return yang.METRIC_QUEUE_DEPTH
	case flow.MetricPacketDrop:
		return yang.METRIC_PACKET_DROP
	case flow.MetricPathChange:
		return yang.METRIC_PATH_CHANGE
	case flow.MetricNewFlow:
		return yang.METRIC_NEW_FLOW
	case flow.MetricFlowRate:
		return yang.METRIC_FLOW_RATE
	case flow.MetricMicroburst:
		return yang.METRIC_MICROBURST
	}
	return yang.METRIC_UNSET
}

func phase(s flow.EventState) yang.EventState {
	switch s {
	case flow.EventRaised:
		return yang.EventState_RAISED
	case flow.EventCleared:
		return yang.EventState_CLEARED
	case flow.EventMomentary:
		return yang.EventState_MOMENTARY
	}
	return yang.EventState_UNSET
}
