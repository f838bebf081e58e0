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
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/dataplane/probe"
	"github.com/openifit/openifit/gen/bpf/point"
)

// shortestEpoch bounds how often sketches are read.
const shortestEpoch = 100 * time.Millisecond

// ErrNoSketch says that no sketch of the policy has finished an epoch yet.
var ErrNoSketch = errors.New("no epoch of a sketch of this policy has ended yet")

// Sketches ends the epochs of all sketches of an engine in time and keeps each
// policy's last one.
type Sketches struct {
	engine *probe.Engine
	log    *slog.Logger
	// began is when the epoch in progress began, by policy.
	began map[uint32]time.Time

	mu   sync.Mutex
	last map[uint32]*flow.Epoch
}

// NewSketches returns the reader of an engine's sketches. log may be nil.
func NewSketches(engine *probe.Engine, log *slog.Logger) *Sketches {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Sketches{
		engine: engine, log: log,
		began: make(map[uint32]time.Time), last: make(map[uint32]*flow.Epoch),
	}
}

// Run ends epochs until ctx ends, and then returns its error. Each epoch goes
// to deliver, which may keep it but must not change it.
func (s *Sketches) Run(ctx context.Context, deliver func(*flow.Epoch)) error {
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

// Read returns a policy's last complete epoch, which the caller must not
// change. It fails with an error that matches ErrNoSketch when there is none.
func (s *Sketches) Read(policyID uint32) (*flow.Epoch, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	epoch, ok := s.last[policyID]
	if !ok {
		return nil, fmt.Errorf("policy %d: %w", policyID, ErrNoSketch)
	}
	return epoch, nil
}

// endDue ends the epochs that are over and returns when the next one will be.
func (s *Sketches) endDue(now time.Time, deliver func(*flow.Epoch)) (time.Duration, error) {
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
		ended, err := s.end(points, began, now)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		s.mu.Lock()
		s.last[id] = ended
		s.mu.Unlock()
		deliver(ended)
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

// end ends the epochs of one policy's sketches and sums them up.
func (s *Sketches) end(sketches []probe.Sketch, began, now time.Time) (*flow.Epoch, error) {
	var all []*heavy
	var together joint
	var errs []error
	of := sketches[0]
	k := int(of.TopK)
	for _, sk := range sketches {
		err := s.engine.EndSketchEpoch(sk.Point, func(m *ebpf.Map) error {
			cpus, err := readSketch(m)
			if err != nil {
				return err
			}
			all = merge(all, tally(cpus, sk.Seed, k))
			together.add(cpus, sk.Seed)
			return nil
		})
		if err != nil {
			errs = append(errs, err)
		}
	}
	out := &flow.Epoch{Policy: of.Policy, Start: began.UnixNano(), End: now.UnixNano()}
	if of.Parts&plan.SketchHeavy != 0 {
		out.Heavy = rank(all, k, of.Policy, out.Start, out.End)
	}
	if together.sum != nil && of.Parts&plan.SketchDistinct != 0 {
		out.Distinct = together.distinct()
	}
	if together.sum != nil && of.Parts&plan.SketchSpread != 0 {
		out.Spreaders = together.spreaders(k, of.LeastDestinations)
	}
	return out, errors.Join(errs...)
}

// readSketch reads as much as the map holds; what a policy does not ask for
// stays empty.
func readSketch(m *ebpf.Map) ([]point.BPFIfitSketch, error) {
	cpus := make([]point.BPFIfitSketch, m.MaxEntries())
	for cpu := range cpus {
		octets := unsafe.Slice((*byte)(unsafe.Pointer(&cpus[cpu])), m.ValueSize())
		if err := m.Lookup(uint32(cpu), octets); err != nil {
			return nil, fmt.Errorf("read sketch of CPU %d: %w", cpu, err)
		}
	}
	return cpus, nil
}
