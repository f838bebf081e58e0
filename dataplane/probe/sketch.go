package probe

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"unsafe"

	"github.com/cilium/ebpf"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/gen/bpf/point"
)

// Names under which the two epochs of a sketch are pinned.
const (
	pinSketch0 = "sketch0"
	pinSketch1 = "sketch1"
)

// sketch are the two epochs of the sketch of one point: its program counts
// into one while the other is read. It outlives programs.
type sketch struct {
	mu sync.Mutex
	// maps by pin name.
	maps   map[string]*ebpf.Map
	active int
	// policy and config are those of the program; the epoch in progress began
	// under epochOf, and has mixed two of them when they differ.
	policy, epochOf flow.PolicyRef
	config          plan.Sketch
	closed          bool
}

// sketchPolicy finds the policy that has the point's sketch.
func sketchPolicy(p *plan.Point) *plan.Policy {
	i := slices.IndexFunc(p.Policies, func(p plan.Policy) bool { return p.Actions&plan.ActSketch != 0 })
	if i < 0 {
		return nil
	}
	return &p.Policies[i]
}

// newSketch creates the maps of a sketch; nothing is pinned.
func newSketch(spec *ebpf.CollectionSpec, of *plan.Policy) (_ *sketch, err error) {
	s := &sketch{maps: make(map[string]*ebpf.Map), policy: of.PolicyRef, epochOf: of.PolicyRef, config: of.Sketch}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	epoch := spec.Maps[point.BPFMapSketchTable].Copy()
	// A smaller value than the type says has no type.
	epoch.ValueSize, epoch.Value = sketchSize(of.Sketch.Parts), nil
	if epoch.MaxEntries, err = possibleCPUs(); err != nil {
		return nil, err
	}
	outer := spec.Maps[point.BPFMapSketchTables].Copy()
	outer.InnerMap = epoch
	for name, m := range map[string]*ebpf.MapSpec{pinSketch0: epoch, pinSketch1: epoch, point.BPFMapSketchTables: outer} {
		if s.maps[name], err = ebpf.NewMap(m); err != nil {
			return nil, fmt.Errorf("create map %s: %w", name, err)
		}
	}
	if err := s.maps[point.BPFMapSketchTables].Put(uint32(0), s.maps[pinSketch0]); err != nil {
		return nil, fmt.Errorf("install sketch: %w", err)
	}
	return s, nil
}

// openSketch opens the pinned sketch of a point; it returns nil when there is
// none or when it is of no use.
func openSketch(dir string, spec *ebpf.CollectionSpec) *sketch {
	s := &sketch{maps: make(map[string]*ebpf.Map)}
	for name, model := range map[string]string{
		pinSketch0: point.BPFMapSketchTable, pinSketch1: point.BPFMapSketchTable,
		point.BPFMapSketchTables: point.BPFMapSketchTables,
	} {
		m, err := ebpf.LoadPinnedMap(filepath.Join(dir, name), nil)
		if err != nil {
			s.close()
			return nil
		}
		s.maps[name] = m
		if m.Type() != spec.Maps[model].Type || m.ValueSize() > spec.Maps[model].ValueSize {
			s.close()
			return nil
		}
	}
	var inUse ebpf.MapID
	info, err := s.maps[pinSketch1].Info()
	if err == nil {
		err = s.maps[point.BPFMapSketchTables].Lookup(uint32(0), &inUse)
	}
	if err != nil {
		s.close()
		return nil
	}
	if id, ok := info.ID(); ok && id == inUse {
		s.active = 1
	}
	return s
}

// sketchSize is how many octets of a sketch its parts take, from the front on.
func sketchSize(parts plan.SketchPart) uint32 {
	var whole point.BPFIfitSketch
	switch {
	case parts&plan.SketchSpread != 0:
		return uint32(unsafe.Sizeof(whole))
	case parts&plan.SketchDistinct != 0:
		return uint32(unsafe.Offsetof(whole.Spread))
	}
	return uint32(unsafe.Offsetof(whole.Flows))
}

// fits tells whether the sketch has the parts of a policy and no more.
func (s *sketch) fits(of *plan.Policy) bool {
	return s != nil && s.maps[pinSketch0].ValueSize() == sketchSize(of.Sketch.Parts)
}

func (s *sketch) pin(dir string) error {
	if s == nil {
		return nil
	}
	for name, m := range s.maps {
		if err := m.Pin(filepath.Join(dir, name)); err != nil {
			return fmt.Errorf("pin map %s: %w", name, err)
		}
	}
	return nil
}

func (s *sketch) unpin() error {
	if s == nil {
		return nil
	}
	var errs []error
	for name, m := range s.maps {
		if err := m.Unpin(); err != nil {
			errs = append(errs, fmt.Errorf("unpin map %s: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

func (s *sketch) close() {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, m := range s.maps {
		m.Close()
	}
}

// belong notes what the program now does.
func (s *sketch) belong(to *plan.Policy) {
	if s == nil || to == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.policy, s.config = to.PolicyRef, to.Sketch
}

// end puts the other epoch into use and hands the finished one to read,
// unless it has mixed two policies or generations. Then it is emptied.
func (s *sketch) end(read func(*ebpf.Map) error) error {
	next := [...]string{pinSketch1, pinSketch0}[s.active]
	finished := s.maps[[...]string{pinSketch0, pinSketch1}[s.active]]
	if err := s.maps[point.BPFMapSketchTables].Put(uint32(0), s.maps[next]); err != nil {
		return fmt.Errorf("swap sketches: %w", err)
	}
	s.active = 1 - s.active
	pure := s.epochOf == s.policy
	s.epochOf = s.policy
	var err error
	if pure {
		err = read(finished)
	}
	empty := make([]byte, finished.ValueSize())
	for cpu := range finished.MaxEntries() {
		if e := finished.Put(cpu, empty); e != nil {
			return errors.Join(err, fmt.Errorf("empty sketch: %w", e))
		}
	}
	return err
}

// Sketch describes the sketch of one point.
type Sketch struct {
	Point  plan.PointID
	Policy flow.PolicyRef
	plan.Sketch
	// Seed of the hash that finds a flow's cells.
	Seed uint64
}

// Sketches lists the sketches of all points.
func (e *Engine) Sketches() ([]Sketch, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil, ErrClosed
	}
	var out []Sketch
	for _, o := range e.ordered() {
		if o.sketch != nil && o.sketch.policy.ID != 0 {
			out = append(out, Sketch{
				Point: o.point.ID, Policy: o.sketch.policy, Sketch: o.sketch.config,
				Seed: e.node.config.SketchSeed,
			})
		}
	}
	return out, nil
}

// EndSketchEpoch begins a new epoch at a point and hands the finished one, by
// CPU, to read. An epoch during which the sketch went over to another policy
// or generation, or its point vanished, is not handed out.
func (e *Engine) EndSketchEpoch(id plan.PointID, read func(*ebpf.Map) error) error {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return ErrClosed
	}
	var s *sketch
	if o := e.points[id]; o != nil {
		s = o.sketch
	}
	e.mu.Unlock()
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	if err := s.end(read); err != nil {
		return fmt.Errorf("end sketch epoch at point %s: %w", id, err)
	}
	return nil
}

func possibleCPUs() (uint32, error) {
	n, err := ebpf.PossibleCPU()
	if err != nil {
		return 0, fmt.Errorf("count CPUs: %w", err)
	}
	return uint32(n), nil
}
