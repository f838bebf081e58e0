package custom

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cilium/ebpf/ringbuf"

	"github.com/openifit/openifit/dataplane/probe/custom/object"
	"github.com/openifit/openifit/proto/ipfix/ie"
)

// Report is what a probe has to say: a record, or its counters.
type Report struct {
	Instance *Instance
	// Layout is Instance.Object's Record or Counters.
	Layout *object.Struct
	// Data has the form of Layout, and is valid during the call.
	Data []byte
	// Start and End are the span of counters; a record has an End alone.
	Start, End time.Time
}

// recordWait is how long a lone record lies in the kernel.
const recordWait = 10 * time.Millisecond

// reader hands on the records of an instance.
type reader struct {
	manager            *Manager
	ring               *ringbuf.Reader
	of                 atomic.Pointer[Instance]
	records, malformed atomic.Uint64
	start, end         sync.Once
	done               chan struct{}
	started            bool

	mu   sync.Mutex
	last []byte
}

// newReader reads the ring of an instance; nil where it reports no records.
func newReader(m *Manager, r *running) (*reader, error) {
	ring := r.maps[object.RecordMap]
	if ring == nil {
		return nil, nil
	}
	made, err := ringbuf.NewReader(ring)
	if err != nil {
		return nil, fmt.Errorf("read records: %w", err)
	}
	return &reader{manager: m, ring: made, done: make(chan struct{})}, nil
}

// serve has the reader work for an instance from now on.
func (d *reader) serve(r *running) {
	if d == nil {
		return
	}
	d.of.Store(&r.Instance)
	d.start.Do(func() {
		d.started = true
		go d.run()
	})
}

func (d *reader) run() {
	defer close(d.done)
	var rec ringbuf.Record
	for {
		d.ring.SetDeadline(time.Now().Add(recordWait))
		err := d.ring.ReadInto(&rec)
		switch {
		case errors.Is(err, ringbuf.ErrClosed):
			return
		case errors.Is(err, os.ErrDeadlineExceeded):
			continue
		case err != nil:
			d.manager.cfg.Log.Warn("read records of probe", "probe", d.of.Load().Probe, "error", err)
			return
		}
		of := d.of.Load()
		if len(rec.RawSample) < of.Object.Record.Size {
			d.malformed.Add(1)
			continue
		}
		d.records.Add(1)
		data := rec.RawSample[:of.Object.Record.Size]
		d.mu.Lock()
		d.last = append(d.last[:0], data...)
		d.mu.Unlock()
		d.manager.cfg.Report(&Report{Instance: of, Layout: of.Object.Record, Data: data, End: time.Now()})
	}
}

func (d *reader) latest() []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.last)
}

// stop ends the reader, and returns when it delivers nothing any more.
func (d *reader) stop() {
	if d == nil {
		return
	}
	d.end.Do(func() {
		d.ring.Close()
		if d.started {
			<-d.done
		}
	})
}

// counters is what was reported of an instance's counters last.
type counters struct {
	sums []uint64
	at   time.Time
}

// sums adds up the counters over all CPUs, nil where there are none.
func (r *running) sums() ([]uint64, error) {
	layout := r.Object.Counters
	if layout == nil || r.loaded == nil {
		return nil, nil
	}
	var perCPU [][]byte
	if err := r.maps[object.CounterMap].Lookup(uint32(0), &perCPU); err != nil {
		return nil, fmt.Errorf("read counters: %w", err)
	}
	sums := make([]uint64, len(layout.Fields))
	for _, of := range perCPU {
		for i := range layout.Fields {
			sums[i] += layout.Fields[i].Unsigned(of)
		}
	}
	return sums, nil
}

// lost counts the records for which there was no room.
func (r *running) lost() uint64 {
	v, ok := r.variables[object.LostVariable]
	if !ok {
		return 0
	}
	var data []byte
	if err := r.maps[v.section].Lookup(uint32(0), &data); err != nil || len(data) < v.offset+8 {
		return 0
	}
	return binary.LittleEndian.Uint64(data[v.offset:])
}

// readCounters reports what has been counted since the last time.
func (m *Manager) readCounters() {
	m.mu.Lock()
	var reports []Report
	now := time.Now()
	for _, r := range m.running {
		sums, err := r.sums()
		if err != nil || sums == nil {
			continue
		}
		if rep, ok := r.counters.report(r, sums, now); ok {
			reports = append(reports, rep)
		}
	}
	m.mu.Unlock()
	for i := range reports {
		m.cfg.Report(&reports[i])
	}
}

// report makes a record of sums; nothing is said where nothing happened.
func (c *counters) report(r *running, sums []uint64, now time.Time) (Report, bool) {
	layout, before := r.Object.Counters, c.sums
	start := c.at
	if before == nil {
		before, start = make([]uint64, len(sums)), r.since
	}
	if slices.Equal(before, sums) {
		return Report{}, false
	}
	data := make([]byte, layout.Size)
	for i, f := range layout.Fields {
		n := sums[i]
		if f.Semantics == ie.SemanticsDeltaCounter {
			n -= before[i]
		}
		var b [8]byte
		binary.LittleEndian.PutUint64(b[:], n)
		copy(data[f.Offset:f.Offset+f.Size], b[:])
	}
	instance := r.Instance
	c.sums, c.at = sums, now
	return Report{Instance: &instance, Layout: layout, Data: data, Start: start, End: now}, true
}
