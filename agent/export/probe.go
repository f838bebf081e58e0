package export

import (
	"fmt"
	"slices"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/proto/ipfix"
	"github.com/openifit/openifit/proto/ipfix/records"
)

// Probe describes what a probe that an operator brought reports.
type Probe struct {
	Name string
	// FirstElement numbers its private Information Elements.
	FirstElement uint16
	// Counters and Record are its structures, empty where it has none.
	Counters, Record []records.ProbeField
}

func (p *Probe) equal(o *Probe) bool {
	return p.Name == o.Name && p.FirstElement == o.FirstElement &&
		slices.Equal(p.Counters, o.Counters) && slices.Equal(p.Record, o.Record)
}

// probeLayouts make the records of a probe; nil where it has none.
type probeLayouts struct{ counters, record *records.ProbeLayout }

// probeLayouts makes what policies with a probe need, and keeps what has not
// changed. Without an enterprise number there are no layouts.
func (p *Process) probeLayouts(t *templates, policies []Policy) (map[uint32]probeLayouts, error) {
	out, old := make(map[uint32]probeLayouts), *p.routes.Load()
	for i := range policies {
		policy := &policies[i]
		if policy.Probe.Name == "" || t.model.PEN() == 0 {
			continue
		}
		if r := old[policy.ID]; r != nil && t == p.templates && r.Probe.equal(&policy.Probe) {
			out[policy.ID] = r.probe
			continue
		}
		made, err := newProbeLayouts(t, &policy.Probe)
		if err != nil {
			return nil, fmt.Errorf("policy %s: %w", policy.Name, err)
		}
		out[policy.ID] = made
	}
	return out, nil
}

func newProbeLayouts(t *templates, p *Probe) (l probeLayouts, err error) {
	elements := records.ProbeElements(p.Name, p.FirstElement, p.Counters, p.Record)
	if len(p.Counters) > 0 {
		if l.counters, err = records.NewProbeLayout(t.model, elements, p.Counters, true); err != nil {
			return l, err
		}
	}
	if len(p.Record) > 0 {
		l.record, err = records.NewProbeLayout(t.model, elements, p.Record, false)
	}
	return l, err
}

// probeRecord is a Data Record that is encoded already.
type probeRecord []byte

// probeStream writes encoded records.
type probeStream struct {
	exporter *ipfix.Exporter
	id       uint16
}

func newProbeLane() lane[probeRecord] {
	l := newLane[probeRecord](queuedProbes)
	l.open = func(e *ipfix.Exporter, t *ipfix.Template) (writer[probeRecord], error) {
		id, err := e.Add(t)
		return &probeStream{e, id}, err
	}
	return l
}

// Write puts one record into the open Message.
func (s *probeStream) Write(r *probeRecord) error {
	return s.exporter.End(append(s.exporter.Begin(s.id), *r...))
}

// Close gives the template up.
func (s *probeStream) Close() error { return s.exporter.Remove(s.id) }

// Probe queues what a policy's probe reported: its counters between start and
// end, or a record of the time end. clock turns the kernel's times into UNIX
// times.
func (p *Process) Probe(policy flow.PolicyRef, counters bool, start, end ipfix.UnixNano, data []byte, clock func(uint64) int64) {
	r := (*p.routes.Load())[policy.ID]
	if r == nil || len(r.sessions) == 0 {
		p.unrouted.Add(1)
		return
	}
	l := r.probe.record
	if counters {
		l = r.probe.counters
	}
	q := queued[probeRecord]{account: r.account}
	if l != nil && l.Fits(data) {
		v := r.sessions[0].view.Load()
		q.template = l.Template
		q.value = l.Append(nil, origin(policy, v.node), start, end, data, clock)
	}
	forward(r, q, func(s *session) *lane[probeRecord] { return &s.probes })
}

func (v *view) needProbe(l probeLayouts) {
	for _, of := range []*records.ProbeLayout{l.counters, l.record} {
		if of != nil {
			v.needed[of.Template] = true
		}
	}
}

// writeProbeTypes describes the elements of probes that the collector was not
// told of.
func (s *session) writeProbeTypes(before *view) {
	if s.options.typeInfo == nil {
		return
	}
	for id, l := range s.view.Load().probes {
		for _, pair := range [][2]*records.ProbeLayout{{l.counters, before.probes[id].counters}, {l.record, before.probes[id].record}} {
			if pair[0] == nil || pair[0] == pair[1] {
				continue
			}
			for _, t := range pair[0].Types {
				put(s, s.options.typeInfo, t)
			}
		}
	}
}
