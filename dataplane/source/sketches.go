package source

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
	"unsafe"

	"github.com/cilium/ebpf"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/probe"
	"github.com/openifit/openifit/gen/bpf/point"
)

// shortestEpoch bounds how often sketches are read.
const shortestEpoch = 100 * time.Millisecond

// ErrNoSketch says that no sketch of the policy has finished an epoch yet.
var ErrNoSketch = errors.New("no epoch of a sketch of this policy has ended yet")

// Sketches ends the epochs of all sketches of an engine in time and keeps the
// list of heavy flows of each policy's last one.
type Sketches struct {
	engine *probe.Engine
	log    *slog.Logger
	// began is when the epoch in progress began, by policy.
	began map[uint32]time.Time

	mu   sync.Mutex
	last map[uint32][]flow.HeavyFlow
}

// NewSketches returns the reader of an engine's sketches. log may be nil.
func NewSketches(engine *probe.Engine, log *slog.Logger) *Sketches {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Sketches{
		engine: engine, log: log,
		began: make(map[uint32]time.Time), last: make(map[uint32][]flow.HeavyFlow),
	}
}

// Run ends epochs until ctx ends, and then returns its error. The list of
// each epoch goes to deliver, which may keep it but must not change it.
func (s *Sketches) Run(ctx context.Context, deliver func([]flow.HeavyFlow)) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
		}
		wait, err := s.endDue(time.Now(), deliver)
		if errors.Is(err, probe.ErrClosed) {
			return err
		}
		if err != nil {
			s.log.Warn("sketches were not read", "error", err)
		}
		timer.Reset(wait)
	}
}

// Read returns the heavy flows of a policy's last complete epoch, by rank; the
// caller must not change the list. It fails with an error that matches
// ErrNoSketch when there is none.
func (s *Sketches) Read(policyID uint32) ([]flow.HeavyFlow, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list, ok := s.last[policyID]
	if !ok {
		return nil, fmt.Errorf("policy %d: %w", policyID, ErrNoSketch)
	}
	return list, nil
}

// endDue ends the epochs that are over and returns when the next one will be.
func (s *Sketches) endDue(now time.Time, deliver func([]flow.HeavyFlow)) (time.Duration, error) {
	wait := time.Second
	sketches, err := s.engine.Sketches()
	if err != nil {
		return wait, err
	}
	byPolicy := make(map[uint32][]probe.Sketch)
	for _, sk := range sketches {
		byPolicy[sk.Policy.ID] = append(byPolicy[sk.Policy.ID], sk)
	}
	s.forget(byPolicy)
	var errs []error
	for id, points := range byPolicy {
		epoch := max(points[0].Epoch, shortestEpoch)
		began, ok := s.began[id]
		if !ok {
			began = now
			s.began[id] = now
		}
		if left := epoch - now.Sub(began); left > 0 {
			wait = min(wait, left)
			continue
		}
		wait = min(wait, epoch)
		s.began[id] = now
		list, err := s.end(points, began, now)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		s.mu.Lock()
		s.last[id] = list
		s.mu.Unlock()
		if len(list) > 0 {
			deliver(list)
		}
	}
	return wait, errors.Join(errs...)
}

// forget drops what belongs to policies that are gone.
func (s *Sketches) forget(present map[uint32][]probe.Sketch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id := range s.last {
		if present[id] == nil {
			delete(s.last, id)
		}
	}
	for id := range s.began {
		if present[id] == nil {
			delete(s.began, id)
		}
	}
}

// end ends the epochs of one policy's sketches and makes its list.
func (s *Sketches) end(sketches []probe.Sketch, began, now time.Time) ([]flow.HeavyFlow, error) {
	var all []*heavy
	var errs []error
	k := int(sketches[0].TopK)
	for _, sk := range sketches {
		err := s.engine.EndSketchEpoch(sk.Point, func(m *ebpf.Map) error {
			cpus, err := readSketch(m)
			if err != nil {
				return err
			}
			all = merge(all, tally(cpus, sk.Seed, k))
			return nil
		})
		if err != nil {
			errs = append(errs, err)
		}
	}
	return rank(all, k, sketches[0].Policy, began.UnixNano(), now.UnixNano()), errors.Join(errs...)
}

func readSketch(m *ebpf.Map) ([]point.BPFIfitSketch, error) {
	cpus := make([]point.BPFIfitSketch, m.MaxEntries())
	for cpu := range cpus {
		octets := unsafe.Slice((*byte)(unsafe.Pointer(&cpus[cpu])), unsafe.Sizeof(cpus[cpu]))
		if err := m.Lookup(uint32(cpu), octets); err != nil {
			return nil, fmt.Errorf("read sketch of CPU %d: %w", cpu, err)
		}
	}
	return cpus, nil
}
