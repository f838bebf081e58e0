package export

import (
	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/proto/ipfix"
	"github.com/openifit/openifit/proto/ipfix/records"
)

// Epoch queues what the sketches of a policy found in an epoch.
func (p *Process) Epoch(e *flow.Epoch) {
	r := (*p.routes.Load())[e.Policy.ID]
	if r == nil || len(r.sessions) == 0 {
		p.unrouted.Add(uint64(len(e.Heavy) + len(e.Spreaders)))
		if e.Distinct != nil {
			p.unrouted.Add(1)
		}
		return
	}
	v := r.sessions[0].view.Load()
	from, start, end := origin(e.Policy, v.node), ipfix.UnixNano(e.Start), ipfix.UnixNano(e.End)
	for i := range e.Heavy {
		h := &e.Heavy[i]
		q := queued[records.HeavyFlow]{account: r.account, template: v.templates.heavy[familyOf(&h.ID)]}
		q.value = records.HeavyFlow{
			Origin: from, Tuple: tuple(&h.ID), Rank: h.Rank, Octets: h.Octets, Packets: h.Packets,
			Start: ipfix.UnixNano(h.Start), End: ipfix.UnixNano(h.End),
		}
		forward(r, q, func(s *session) *lane[records.HeavyFlow] { return &s.heavy })
	}
	if d := e.Distinct; d != nil {
		q := queued[records.Distinct]{account: r.account, template: v.templates.distinct}
		q.value = records.Distinct{
			Origin: from, Flows: d.Flows, Sources: d.Sources, Destinations: d.Destinations, Start: start, End: end,
		}
		forward(r, q, func(s *session) *lane[records.Distinct] { return &s.distinct })
	}
	for _, x := range e.Spreaders {
		q := queued[records.Spreader]{account: r.account, template: v.templates.spreader[records.FamilyOf(x.Source)]}
		q.value = records.Spreader{
			Origin: from, Rank: x.Rank, Source: x.Source, Destinations: x.Destinations, Start: start, End: end,
		}
		forward(r, q, func(s *session) *lane[records.Spreader] { return &s.spreaders })
	}
}
