package records

import (
	"fmt"

	"github.com/openifit/openifit/proto/ipfix"
)

// Visitor takes records by kind. A nil function skips its kind. Structs are
// reused: they hold until the function returns.
type Visitor struct {
	Flow                func(ipfix.Header, *Flow)
	Postcard            func(ipfix.Header, *Postcard)
	Event               func(ipfix.Header, *Event)
	HeavyFlow           func(ipfix.Header, *HeavyFlow)
	Distinct            func(ipfix.Header, *Distinct)
	Spreader            func(ipfix.Header, *Spreader)
	PolicyName          func(ipfix.Header, *PolicyName)
	InterfaceName       func(ipfix.Header, *InterfaceName)
	ExporterReliability func(ipfix.Header, *ExporterReliability)
	MeterReliability    func(ipfix.Header, *MeterReliability)
	MeterStatistics     func(ipfix.Header, *MeterStatistics)
	Selector            func(ipfix.Header, *Selector)
	SelectionSequence   func(ipfix.Header, *SelectionSequence)
	SequenceStatistics  func(ipfix.Header, *SequenceStatistics)
	TypeInformation     func(ipfix.Header, *TypeInformation)
	TCPHealth           func(ipfix.Header, *TCPHealth)
	Histogram           func(ipfix.Header, *Histogram)
	Drop                func(ipfix.Header, *Drop)
	Culprit             func(ipfix.Header, *Culprit)
	// Other takes what this package does not read.
	Other func(*ipfix.Record)
}

// ReaderStats counts records by what became of them.
type ReaderStats struct {
	// Read by kind, also those whose function is nil.
	Read [kinds]uint64
	// Failed held a value that its struct cannot.
	Failed uint64
}

// Of is the number of records of a kind that were read.
func (s *ReaderStats) Of(k Kind) uint64 { return s.Read[k] }

// maxTemplates bounds what a Reader remembers, since peers make templates.
const maxTemplates = 4096

// Reader turns Data Records into structs. It is not safe for concurrent use.
type Reader struct {
	byKind    [kinds]func(*ipfix.Record) error
	templates map[*ipfix.Template]Kind
	last      *ipfix.Template
	kind      Kind
	stats     ReaderStats
}

// NewReader makes a Reader that calls the functions of v.
func NewReader(v Visitor) (*Reader, error) {
	r := &Reader{templates: map[*ipfix.Template]Kind{}}
	var err error
	bind(r, &err, KindFlow, v.Flow)
	bind(r, &err, KindPostcard, v.Postcard)
	bind(r, &err, KindEvent, v.Event)
	bind(r, &err, KindHeavyFlow, v.HeavyFlow)
	bind(r, &err, KindDistinct, v.Distinct)
	bind(r, &err, KindSpreader, v.Spreader)
	bind(r, &err, KindPolicyName, v.PolicyName)
	bind(r, &err, KindInterfaceName, v.InterfaceName)
	bind(r, &err, KindExporterReliability, v.ExporterReliability)
	bind(r, &err, KindMeterReliability, v.MeterReliability)
	bind(r, &err, KindMeterStatistics, v.MeterStatistics)
	bind(r, &err, KindSelector, v.Selector)
	bind(r, &err, KindSelectionSequence, v.SelectionSequence)
	bind(r, &err, KindSequenceStatistics, v.SequenceStatistics)
	bind(r, &err, KindTypeInformation, v.TypeInformation)
	bind(r, &err, KindTCPHealth, v.TCPHealth)
	bind(r, &err, KindHistogram, v.Histogram)
	bind(r, &err, KindDrop, v.Drop)
	bind(r, &err, KindCulprit, v.Culprit)
	if v.Other != nil {
		r.byKind[KindOther] = func(rec *ipfix.Record) error {
			v.Other(rec)
			return nil
		}
	}
	if err != nil {
		return nil, fmt.Errorf("make reader: %w", err)
	}
	return r, nil
}

// bind makes the reading of one kind: a struct, reused, and its function.
func bind[T any](r *Reader, failed *error, k Kind, f func(ipfix.Header, *T)) {
	if f == nil || *failed != nil {
		return
	}
	d, err := ipfix.NewDecoder[T]()
	if err != nil {
		*failed = err
		return
	}
	v := new(T)
	r.byKind[k] = func(rec *ipfix.Record) error {
		if err := d.Decode(rec, v); err != nil {
			return err
		}
		f(rec.Header, v)
		return nil
	}
}

// Read is a visitor for Session.Decode and Collector.Decode.
func (r *Reader) Read(rec *ipfix.Record) {
	if t := rec.Template(); t != r.last {
		r.last, r.kind = t, r.classify(t)
	}
	r.stats.Read[r.kind]++
	if f := r.byKind[r.kind]; f != nil {
		if err := f(rec); err != nil {
			r.stats.Read[r.kind]--
			r.stats.Failed++
		}
	}
}

// Stats returns the counters.
func (r *Reader) Stats() ReaderStats { return r.stats }

func (r *Reader) classify(t *ipfix.Template) Kind {
	if k, ok := r.templates[t]; ok {
		return k
	}
	if len(r.templates) >= maxTemplates {
		clear(r.templates)
	}
	k := Classify(t)
	r.templates[t] = k
	return k
}
