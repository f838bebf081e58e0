package export

import (
	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/proto/ipfix"
	"github.com/openifit/openifit/proto/ipfix/records"
)

// Flow queues a Flow Record of the policy that its Origin names. IPVersion
// must be set.
func (p *Process) Flow(f *records.Flow) {
	r := (*p.routes.Load())[f.Policy]
	if r == nil || len(r.sessions) == 0 {
		p.unrouted.Add(1)
		return
	}
	q := queued[records.Flow]{account: r.account, template: r.flows.of(f), value: *f}
	q.value.Node = r.sessions[0].view.Load().node
	if r.Selection.Algorithm != 0 {
		q.value.Selector = selectorID(f.Policy, f.Generation)
	}
	forward(r, q, func(s *session) *lane[records.Flow] { return &s.flows })
}

// Postcards queues postcards; those of policies without a collector are left
// out.
func (p *Process) Postcards(cards []flow.Postcard) {
	routes := *p.routes.Load()
	for i := range cards {
		r := routes[cards[i].Policy.ID]
		if r == nil || len(r.sessions) == 0 {
			p.unrouted.Add(1)
			continue
		}
		v := r.sessions[0].view.Load()
		put := queued[records.Postcard]{account: r.account, template: v.templates.postcard[familyOf(&cards[i].ID)]}
		if cards[i].Answered {
			put.template = v.templates.answered[familyOf(&cards[i].ID)]
		}
		postcard(&put.value, &cards[i], v.node)
		forward(r, put, func(s *session) *lane[records.Postcard] { return &s.postcards })
	}
}

// Event queues an event with its number and its trigger's name.
func (p *Process) Event(number uint64, trigger string, ev *flow.Event) {
	r := (*p.routes.Load())[ev.Policy.ID]
	if r == nil || len(r.sessions) == 0 {
		p.unrouted.Add(1)
		return
	}
	v := r.sessions[0].view.Load()
	q := queued[records.Event]{account: r.account, template: v.templates.event[familyOf(&ev.ID)]}
	event(&q.value, number, trigger, ev, v.node)
	forward(r, q, func(s *session) *lane[records.Event] { return &s.events })
	for i := range ev.Culprits {
		c := &ev.Culprits[i]
		if c.Octets == 0 {
			break
		}
		q := queued[records.Culprit]{account: r.account, template: v.templates.culprit[familyOf(&c.ID)]}
		q.value = records.Culprit{
			Event: number, Origin: origin(ev.Policy, v.node), Tuple: tuple(&c.ID), Rank: uint32(i + 1), Octets: c.Octets,
		}
		forward(r, q, func(s *session) *lane[records.Culprit] { return &s.culprits })
	}
}

// Drop queues what was dropped of a flow's packets.
func (p *Process) Drop(d *flow.Drop) {
	r := (*p.routes.Load())[d.Policy.ID]
	if r == nil || len(r.sessions) == 0 {
		p.unrouted.Add(1)
		return
	}
	v := r.sessions[0].view.Load()
	q := queued[records.Drop]{account: r.account, template: v.templates.drop[familyOf(&d.ID)]}
	q.value = records.Drop{
		Origin: origin(d.Policy, v.node), Tuple: tuple(&d.ID),
		IngressInterface: d.IngressIfindex, EgressInterface: d.EgressIfindex,
		Packets: d.Packets, Octets: d.Octets, Start: ipfix.UnixNano(d.First), End: ipfix.UnixNano(d.Last),
		Status: records.StatusOf(d.Reason), Reason: d.Reason, Location: d.Location,
	}
	forward(r, q, func(s *session) *lane[records.Drop] { return &s.drops })
}

// forward queues a record for each collector within the policy's ceilings.
func forward[T any](r *route, q queued[T], pick func(*session) *lane[T]) {
	for _, s := range r.targets() {
		if q.template != nil && r.admit(length(q.template)) {
			offer(s, pick(s), q)
		} else {
			lose(s, q)
		}
	}
}

func familyOf(id *flow.ID) records.Family { return records.FamilyOf(id.Source) }

func origin(ref flow.PolicyRef, node uint32) records.Origin {
	return records.Origin{Policy: ref.ID, Generation: ref.Generation, Node: node}
}

func tuple(id *flow.ID) records.Tuple {
	return records.Tuple{
		Source: id.Source, Destination: id.Destination,
		SourcePort: id.SourcePort, DestinationPort: id.DestinationPort, Protocol: id.Protocol,
	}
}

func postcard(out *records.Postcard, in *flow.Postcard, node uint32) {
	delay, _ := in.Delay()
	*out = records.Postcard{
		Origin: origin(in.Policy, node), Tuple: tuple(&in.ID),
		PacketID: uint64(in.PacketID), HopLimit: in.HopLimit, DiffServ: in.DSCP, Direction: records.Egress,
		IngressInterface: in.IngressIfindex, EgressInterface: in.EgressIfindex,
		IngressTime: ipfix.UnixNano(in.IngressTime), EgressTime: ipfix.UnixNano(in.EgressTime),
		TransitDelay: delay, Length: in.Length, Segments: in.Segments, Answer: in.Answer,
	}
	if in.EgressIfindex == 0 {
		// Delivered to the node itself, seen as it arrived.
		out.Direction = records.Ingress
	}
}

func event(out *records.Event, number uint64, trigger string, in *flow.Event, node uint32) {
	*out = records.Event{
		ID: number, Time: ipfix.UnixNano(in.Time), Origin: origin(in.Policy, node),
		Metric: records.Metric(in.Metric), State: records.EventState(in.State),
		Value: in.Value, Threshold: in.Threshold,
		IngressInterface: in.IngressIfindex, EgressInterface: in.EgressIfindex, HopLimit: in.HopLimit,
		PreviousIngressInterface: in.PreviousIngressIfindex,
		PreviousEgressInterface:  in.PreviousEgressIfindex, PreviousHopLimit: in.PreviousHopLimit,
		Trigger: trigger, DropReason: in.DropReason, DropLocation: in.DropLocation, Tuple: tuple(&in.ID),
	}
}

// Collectors returns the state of every configured collector, in the order of
// the configuration.
func (p *Process) Collectors() []CollectorState {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make([]CollectorState, 0, len(p.config.Collectors))
	for _, c := range p.config.Collectors {
		if s := p.sessions[c.Name]; s != nil {
			out = append(out, s.state())
		} else {
			out = append(out, CollectorState{Collector: c})
		}
	}
	return out
}

// Policy returns the counters of a policy.
func (p *Process) Policy(id uint32) Counters {
	if r := (*p.routes.Load())[id]; r != nil {
		return r.account.counters()
	}
	return Counters{}
}

// Unrouted counts records of policies that have no collector.
func (p *Process) Unrouted() uint64 { return p.unrouted.Load() }
