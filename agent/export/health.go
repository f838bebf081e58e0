package export

import (
	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/proto/ipfix"
	"github.com/openifit/openifit/proto/ipfix/records"
)

// TCPHealth queues what one end of a connection has sent, for each policy that
// asks for it.
func (p *Process) TCPHealth(h *flow.TCPHealth) {
	routes := *p.routes.Load()
	for _, ref := range h.Policies {
		r := routes[ref.ID]
		if r == nil || len(r.sessions) == 0 {
			p.unrouted.Add(1)
			continue
		}
		v := r.sessions[0].view.Load()
		q := queued[records.TCPHealth]{account: r.account, template: v.templates.health[familyOf(&h.ID)]}
		tcpHealth(&q.value, h)
		q.value.Origin = origin(ref, v.node)
		forward(r, q, func(s *session) *lane[records.TCPHealth] { return &s.health })
	}
}

func tcpHealth(out *records.TCPHealth, in *flow.TCPHealth) {
	*out = records.TCPHealth{
		Tuple: tuple(&in.ID), Direction: records.Direction(in.Direction),
		Start: ipfix.UnixNano(in.First), End: ipfix.UnixNano(in.Last),
		Packets: in.Packets, Payload: in.Payload, SYNs: in.SYNs, FINs: in.FINs, Resets: in.Resets,
		Retransmitted: in.Retransmitted, RetransmittedOctets: in.RetransmittedOctets,
		OutOfOrder: in.OutOfOrder, Gaps: in.Gaps, DuplicateAcks: in.DuplicateAcks, Probes: in.Probes,
		ZeroWindows: in.ZeroWindows, ZeroWindowTime: in.ZeroWindowTime,
		HandshakeRTT: in.HandshakeRTT, RTTMin: in.RTT.Min, RTTMax: in.RTT.Max,
		RTTSmoothed: in.RTT.Smoothed, RTTSum: in.RTT.Sum, RTTSamples: in.RTT.Samples,
	}
	if in.Direction == flow.Egress {
		out.EgressInterface = in.Ifindex
	} else {
		out.IngressInterface = in.Ifindex
	}
}

// maxBuckets is how many octets the buckets of a histogram may take, so that
// its record fits into a Message.
const maxBuckets = 768

// Histogram queues the distribution of a value.
func (p *Process) Histogram(h *flow.Histogram) {
	r := (*p.routes.Load())[h.Policy.ID]
	if r == nil || len(r.sessions) == 0 {
		p.unrouted.Add(1)
		return
	}
	family := records.IPv4
	if h.Family == 6 {
		family = records.IPv6
	}
	v := r.sessions[0].view.Load()
	q := queued[records.Histogram]{account: r.account, template: r.flows.histogram[family]}
	q.value = records.Histogram{
		Origin: origin(h.Policy, v.node), Tuple: tuple(&h.Key.ID),
		IPVersion: h.Family, DiffServ: h.Key.DSCP, FlowLabel: h.Key.FlowLabel, VLAN: h.Key.VLAN,
		IngressInterface: h.IngressIfindex, EgressInterface: h.EgressIfindex,
		Start: ipfix.UnixNano(h.First), End: ipfix.UnixNano(h.Last), Metric: records.Metric(h.Metric),
		Packets: h.Packets, Min: h.Min, Max: h.Max, Mean: h.Mean(),
		P50: h.Quantile(0.5), P90: h.Quantile(0.9), P99: h.Quantile(0.99), P999: h.Quantile(0.999),
		Buckets: records.EncodeBuckets(h.Buckets, flow.HistogramSubBits, maxBuckets),
	}
	forward(r, q, func(s *session) *lane[records.Histogram] { return &s.histogram })
}
