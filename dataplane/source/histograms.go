package source

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/probe"
	"github.com/openifit/openifit/gen/bpf/point"
	"github.com/openifit/openifit/gen/bpf/xmit"
)

// histogramBatch is the number of histograms read by one system call.
const histogramBatch = 256

// noteBatch is the same of noted flows.
const noteBatch = 4096

// noteIdle is the time after which a flow that has departed is forgotten.
const noteIdle = 30 * time.Second

// Histograms reads the histograms of an engine.
type Histograms struct {
	engine *probe.Engine

	mu     sync.Mutex
	clock  Clock
	keys   []xmit.BPFIfitHistogramKey
	values []xmit.BPFIfitHistogram
	notes  []xmit.BPFIfitNoteKey
	noted  []point.BPFIfitNote
	swept  time.Time
	// empty: no flow can be noted.
	empty bool
	out   flow.Histogram
}

// NewHistograms returns the reader of an engine's histograms.
func NewHistograms(engine *probe.Engine) *Histograms {
	return &Histograms{
		engine: engine,
		keys:   make([]xmit.BPFIfitHistogramKey, histogramBatch), values: make([]xmit.BPFIfitHistogram, histogramBatch),
		notes: make([]xmit.BPFIfitNoteKey, noteBatch), noted: make([]point.BPFIfitNote, noteBatch),
	}
}

// Drain takes all histograms out of the kernel and hands each to emit, which
// must not keep it. Each packet is in one of them, and comes once.
func (h *Histograms) Drain(emit func(*flow.Histogram)) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.clock.Set(); err != nil {
		return err
	}
	busy, err := h.engine.DrainHistograms(func(table *ebpf.Map) error { return h.read(table, emit) })
	if err != nil {
		return err
	}
	return h.sweep(busy)
}

func (h *Histograms) read(table *ebpf.Map, emit func(*flow.Histogram)) error {
	var cursor ebpf.MapBatchCursor
	for {
		n, err := table.BatchLookupAndDelete(&cursor, h.keys, h.values, nil)
		if err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			return fmt.Errorf("read histograms: %w", err)
		}
		for i := range n {
			h.fill(&h.keys[i], &h.values[i])
			if h.out.Packets > 0 {
				emit(&h.out)
			}
		}
		if err != nil {
			return nil
		}
	}
}

func (h *Histograms) fill(key *xmit.BPFIfitHistogramKey, value *xmit.BPFIfitHistogram) {
	id := point.BPFIfitFlowId{
		Saddr: key.Id.Saddr, Daddr: key.Id.Daddr, Sport: key.Id.Sport, Dport: key.Id.Dport,
		Proto: key.Id.Proto, Family: key.Id.Family,
	}
	o := &h.out
	*o = flow.Histogram{
		Policy: flow.PolicyRef{ID: key.Policy, Generation: key.Generation}, Metric: flow.Metric(key.Metric),
		Family: key.Id.Family, Key: flow.Key{ID: ID(&id), DSCP: key.Dscp, FlowLabel: key.FlowLabel, VLAN: key.Vlan},
		IngressIfindex: key.IngressIfindex, EgressIfindex: key.EgressIfindex,
		First: h.clock.UNIX(^value.First), Last: h.clock.UNIX(value.Last),
		Sum: value.Sum, Min: ^value.Bottom, Max: value.Top, Buckets: value.Bucket[:],
	}
	for _, n := range value.Bucket {
		o.Packets += n
	}
}

// sweep forgets flows that have departed long ago; a packet that comes after
// all notes its flow anew before it departs.
func (h *Histograms) sweep(busy bool) error {
	if !busy && h.empty || busy && time.Since(h.swept) < noteIdle/3 {
		return nil
	}
	h.swept = time.Now()
	now, err := read(unix.CLOCK_MONOTONIC)
	if err != nil {
		return err
	}
	var old []xmit.BPFIfitNoteKey
	var cursor ebpf.MapBatchCursor
	for err == nil {
		var n int
		n, err = h.engine.Notes().BatchLookup(&cursor, h.notes, h.noted, nil)
		if err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			return fmt.Errorf("read notes of flows: %w", err)
		}
		for i := range n {
			if !busy || h.noted[i].LastNs+uint64(noteIdle) < uint64(now) {
				old = append(old, h.notes[i])
			}
		}
	}
	for i := range old {
		if err := h.engine.Notes().Delete(&old[i]); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			return fmt.Errorf("forget note of a flow: %w", err)
		}
	}
	h.empty = !busy
	return nil
}
