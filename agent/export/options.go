package export

import (
	"time"

	"github.com/openifit/openifit/proto/ipfix"
	"github.com/openifit/openifit/proto/ipfix/records"
)

// statisticsInterval is how often a collector hears what was lost.
const statisticsInterval = 30 * time.Second

// exportingProcess and meteringProcess number the only ones of a node.
const (
	exportingProcess = 1
	meteringProcess  = 1
)

// Statistics is what the Metering Process says of itself.
type Statistics struct {
	// IgnoredPackets could not be counted, RingLost samples found a ring
	// buffer full, InsertRefused packets found a flow table full.
	IgnoredPackets, RingLost, InsertRefused uint64
	// FirstIgnored and LastIgnored are UNIX times in nanoseconds.
	FirstIgnored, LastIgnored int64
	Selections                []SelectionStatistics
}

// SelectionStatistics is a consistent snapshot of one policy's selection.
type SelectionStatistics struct {
	Policy             uint32
	Observed, Selected uint64
}

// options are the streams of options records of a session.
type options struct {
	policyName     *ipfix.Stream[records.PolicyName]
	interfaceName  *ipfix.Stream[records.InterfaceName]
	typeInfo       *ipfix.Stream[records.TypeInformation]
	selectors      map[selectorKind]*ipfix.Stream[records.Selector]
	sequence       *ipfix.Stream[records.SelectionSequence]
	sequenceStats  *ipfix.Stream[records.SequenceStatistics]
	meter          *ipfix.Stream[records.MeterReliability]
	meterStats     *ipfix.Stream[records.MeterStatistics]
	processLosses  *ipfix.Stream[records.ExporterReliability]
	describesTypes []records.TypeInformation
}

// open adds the templates to the session.
func (o *options) open(e, process *ipfix.Exporter, t *templates) error {
	var failed error
	o.interfaceName = stream[records.InterfaceName](e, t.interfaceName, &failed)
	o.sequence = stream[records.SelectionSequence](e, t.selectionSequence, &failed)
	o.sequenceStats = stream[records.SequenceStatistics](e, t.sequenceStats, &failed)
	o.meter = stream[records.MeterReliability](e, t.meterReliability, &failed)
	o.meterStats = stream[records.MeterStatistics](e, t.meterStatistics, &failed)
	o.processLosses = stream[records.ExporterReliability](process, t.exporterReliability, &failed)
	o.selectors = make(map[selectorKind]*ipfix.Stream[records.Selector])
	if t.policyName != nil {
		o.policyName = stream[records.PolicyName](e, t.policyName, &failed)
		o.typeInfo = stream[records.TypeInformation](e, t.typeInfo, &failed)
		o.describesTypes = records.DescribePrivate(t.model)
	}
	return failed
}

func stream[T any](e *ipfix.Exporter, t *ipfix.Template, failed *error) *ipfix.Stream[T] {
	s, err := ipfix.NewStream[T](e, t)
	if err != nil && *failed == nil {
		*failed = err
	}
	return s
}

// put writes an options record. It is lost with its Message when the collector
// is away, and written again when that is back.
func put[T any](s *session, to *ipfix.Stream[T], v T) {
	if s.failure != nil {
		return
	}
	if err := to.Write(&v); err != nil && s.failure == nil {
		s.note(err)
	}
}

// writeNames tells what numbers in records mean, leaving out what the
// collector was told before.
func (s *session) writeNames(before *view) {
	v := s.view.Load()
	s.shown = v
	if before == nil {
		before = new(view)
		for _, t := range s.options.describesTypes {
			put(s, s.options.typeInfo, t)
		}
	}
	s.writeProbeTypes(before)
	for i, name := range v.interfaces {
		if before.interfaces[i] != name {
			put(s, s.options.interfaceName, records.InterfaceName{Interface: i, Name: name})
		}
	}
	for id, p := range v.policies {
		old, known := before.policies[id]
		if s.options.policyName != nil && (!known || old.Name != p.Name || old.Owner != p.Owner) {
			put(s, s.options.policyName, records.PolicyName{Policy: id, Name: p.Name, Owner: p.Owner})
		}
		if p.Selection.Algorithm != 0 && (!known || old.PolicyRef != p.PolicyRef) {
			s.writeSelector(p.selector())
			put(s, s.options.sequence, records.SelectionSequence{
				Sequence: uint64(id), Point: uint64(id), Selector: selectorID(p.ID, p.Generation),
			})
		}
	}
}

// selectorID names what a generation of a policy selects.
func selectorID(policy, generation uint32) uint64 { return uint64(policy)<<32 | uint64(generation) }

func (p *Policy) selector() records.Selector {
	out := p.Selection
	out.Selector, out.Policy, out.Generation = selectorID(p.ID, p.Generation), p.ID, p.Generation
	return out
}

// selectorKind is what the template of a selector depends on.
type selectorKind struct {
	algorithm records.Algorithm
	ranges    int
}

// writeSelector describes a selector, under a template that the session has
// from the first selector of its kind on.
func (s *session) writeSelector(sel records.Selector) {
	kind := selectorKind{sel.Algorithm, sel.Ranges()}
	to := s.options.selectors[kind]
	if to == nil {
		template, err := records.SelectorTemplate(s.view.Load().templates.model, kind.algorithm, kind.ranges)
		if err == nil {
			to, err = ipfix.NewStream[records.Selector](s.exporter, template)
		}
		if err != nil {
			s.note(err)
			return
		}
		s.options.selectors[kind] = to
	}
	put(s, to, sel)
}

// writeStatistics tells what was counted and what was lost.
func (s *session) writeStatistics() {
	s.statisticsDue = time.Now().Add(statisticsInterval)
	v, m, c := s.view.Load(), s.statistics(), &s.counters
	put(s, s.options.processLosses, c.reliability())
	put(s, s.options.meter, records.MeterReliability{
		Domain: v.domain, MeteringProcess: meteringProcess,
		IgnoredPackets: m.IgnoredPackets,
		First:          ipfix.UnixNano(m.FirstIgnored), Last: ipfix.UnixNano(m.LastIgnored),
		RingLost: m.RingLost, InsertRefused: m.InsertRefused,
	})
	put(s, s.options.meterStats, records.MeterStatistics{
		Domain: v.domain, MeteringProcess: meteringProcess,
		ExportedMessages: c.messages.Load(), ExportedFlowRecords: c.records.Load(), ExportedOctets: c.octets.Load(),
	})
	for _, sel := range m.Selections {
		if p, ok := v.policies[sel.Policy]; ok && p.Selection.Algorithm != 0 {
			put(s, s.options.sequenceStats, records.SequenceStatistics{
				Sequence: uint64(sel.Policy), Observed: sel.Observed, Selected: sel.Selected,
			})
		}
	}
}
