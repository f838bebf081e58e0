package probe

import (
	"errors"
	"fmt"
	"math/bits"
	"os"
	"path/filepath"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/pin"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/gen/bpf/point"
)

// MapBytes is the kernel memory of all maps that are pinned for this engine or
// used by its programs, in octets, as the kernel accounts for it.
func (e *Engine) MapBytes() (uint64, error) {
	sum := mapSum{seen: make(map[ebpf.MapID]bool)}
	for p, err := range pin.WalkDir(e.pins.dir, nil) {
		if errors.Is(err, os.ErrNotExist) {
			// It was removed meanwhile.
			continue
		}
		if err != nil {
			return 0, fmt.Errorf("look through pins: %w", err)
		}
		if err := sum.add(p.Object); err != nil {
			return 0, fmt.Errorf("memory of %s: %w", filepath.Base(p.Path), err)
		}
	}
	return sum.octets, nil
}

// mapSum adds each map once.
type mapSum struct {
	seen   map[ebpf.MapID]bool
	octets uint64
}

func (s *mapSum) add(object any) error {
	switch o := object.(type) {
	case *ebpf.Map:
		return s.addMap(o)
	case *ebpf.Program:
		info, err := o.Info()
		if err != nil {
			return err
		}
		ids, _ := info.MapIDs()
		for _, id := range ids {
			if s.seen[id] {
				continue
			}
			m, err := ebpf.NewMapFromID(id)
			if errors.Is(err, os.ErrNotExist) {
				continue
			}
			if err != nil {
				return err
			}
			err = errors.Join(s.addMap(m), m.Close())
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *mapSum) addMap(m *ebpf.Map) error {
	info, err := m.Info()
	if err != nil {
		return err
	}
	id, _ := info.ID()
	if s.seen[id] {
		return nil
	}
	s.seen[id] = true
	octets, _ := info.Memlock()
	s.octets += octets
	return nil
}

// EstimateMapBytes is what the maps of points would take that a plan has and
// the engine has not, or not in this size, in octets.
func (e *Engine) EstimateMapBytes(next *plan.Plan) uint64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	var sum uint64
	for i := range next.Points {
		p := &next.Points[i]
		o := e.points[p.ID]
		if s := shapeFor(p, next.MaxFlows); o == nil || o.tables.shape() != s {
			sum += e.pointBytes(p, s)
		}
		if sketchPolicy(p) != nil && (o == nil || o.sketch == nil) {
			sum += 2 * mapBytes(e.spec.Maps[point.BPFMapSketchTable], e.cpus)
		}
	}
	return sum
}

// pointBytes is what the maps of one point take.
func (e *Engine) pointBytes(p *plan.Point, s shape) uint64 {
	table := e.spec.Maps[point.BPFMapFlowTable].Copy()
	table.MaxEntries, table.KeySize = s.places, s.key
	sum := 2*mapBytes(table, e.cpus) + mapBytes(ledgerSpec(), e.cpus)
	// Those of lists and rules come last: their size depends on the policies.
	spec := e.spec.Copy()
	sizeList(spec, p.Policies)
	wanted := point.BPFProgIfitIngress
	if p.ID.Direction == flow.Egress {
		wanted = point.BPFProgIfitEgress
	}
	for name := range referencedMaps(e.spec.Programs[wanted]) {
		if e.node.maps[name] == nil && spec.Maps[name] != nil {
			sum += mapBytes(spec.Maps[name], e.cpus)
		}
	}
	return sum
}

func referencedMaps(p *ebpf.ProgramSpec) map[string]bool {
	out := make(map[string]bool)
	for i := range p.Instructions {
		if ins := &p.Instructions[i]; ins.IsLoadFromMap() {
			out[ins.Reference()] = true
		}
	}
	return out
}

// Sizes that the kernel adds to an element and to a bucket of a hash table.
const (
	hashElement = 48
	hashBucket  = 16
)

// mapBytes is what the kernel takes for a map, in octets.
func mapBytes(s *ebpf.MapSpec, cpus int) uint64 {
	n, value := uint64(s.MaxEntries), align8(s.ValueSize)
	switch s.Type {
	case ebpf.PerCPUHash, ebpf.Hash:
		element, places := hashElement+align8(s.KeySize), n
		switch {
		case s.Flags&noPrealloc != 0:
			places = 0
		case s.Type == ebpf.Hash:
			// Each CPU has one to spare.
			places += uint64(cpus)
		}
		if s.Type == ebpf.PerCPUHash {
			element += 8 + value*uint64(cpus)
		} else {
			element += value
		}
		return places*element + hashBucket<<bits.Len64(max(n, 1)-1)
	case ebpf.PerCPUArray:
		return n * (8 + value*uint64(cpus))
	default:
		return n * value
	}
}

// noPrealloc is BPF_F_NO_PREALLOC: elements take memory when they come.
const noPrealloc = 1

func align8(n uint32) uint64 { return (uint64(n) + 7) &^ 7 }
