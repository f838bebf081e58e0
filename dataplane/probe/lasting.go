package probe

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/cilium/ebpf"

	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/gen/bpf/point"
)

// Names under which the two flow tables and the ledger are pinned; all other
// maps go by their names in the program.
const (
	pinTable0 = "table0"
	pinTable1 = "table1"
	pinLedger = "ledger"
)

// lastingNames are the maps of a point that outlive its programs.
func lastingNames() []string {
	return []string{
		point.BPFMapCounters, point.BPFMapPolicyCounters, point.BPFMapSequences, point.BPFMapFlowTables,
	}
}

// lasting are the maps of a point that outlive its programs, by pin name.
type lasting map[string]*ebpf.Map

// shape is what flow tables are made for.
type shape struct {
	// places is the number of flows, key the octets of a key.
	places, key uint32
}

func shapeFor(p *plan.Point, maxFlows uint32) shape {
	if p.Wide() {
		return shape{maxFlows, wideKey}
	}
	return shape{maxFlows, narrowKey}
}

// newLasting creates the maps of a point; nothing is pinned. It takes
// counters over from keep, which is nil for a new point.
func newLasting(spec *ebpf.CollectionSpec, s shape, keep lasting) (_ lasting, err error) {
	l := make(lasting)
	defer func() {
		if err != nil {
			l.close()
		}
	}()
	table := spec.Maps[point.BPFMapFlowTable].Copy()
	table.MaxEntries, table.KeySize = s.places, s.key
	// Types that describe the wide key would not describe the narrow one.
	table.Key, table.Value = nil, nil
	specs := map[string]*ebpf.MapSpec{
		pinTable0: table, pinTable1: table, pinLedger: ledgerSpec(),
	}
	for _, name := range lastingNames() {
		specs[name] = spec.Maps[name].Copy()
	}
	specs[point.BPFMapFlowTables].InnerMap = table
	for name, s := range specs {
		if l[name], err = keep.cloneOrNew(name, s); err != nil {
			return nil, fmt.Errorf("create map %s: %w", name, err)
		}
	}
	if err := l[point.BPFMapFlowTables].Put(uint32(0), l[pinTable0]); err != nil {
		return nil, fmt.Errorf("install flow table: %w", err)
	}
	return l, nil
}

// cloneOrNew makes a map anew where another size of flow tables requires it.
func (l lasting) cloneOrNew(name string, spec *ebpf.MapSpec) (*ebpf.Map, error) {
	switch name {
	case point.BPFMapFlowTables, pinTable0, pinTable1, pinLedger:
	default:
		if l[name] != nil {
			return l[name].Clone()
		}
	}
	return ebpf.NewMap(spec)
}

// openLasting opens the pinned maps of a point.
func openLasting(dir string) (_ lasting, err error) {
	l := make(lasting)
	defer func() {
		if err != nil {
			l.close()
		}
	}()
	for _, name := range append(lastingNames(), pinTable0, pinTable1, pinLedger) {
		m, err := ebpf.LoadPinnedMap(filepath.Join(dir, name), nil)
		if err != nil {
			return nil, fmt.Errorf("open pinned map %s: %w", filepath.Join(dir, name), err)
		}
		l[name] = m
	}
	return l, nil
}

// compatible reports the first map that a program of spec could not use.
func (l lasting) compatible(spec *ebpf.CollectionSpec) error {
	for _, name := range lastingNames() {
		if err := spec.Maps[name].Compatible(l[name]); err != nil {
			return fmt.Errorf("pinned map %s: %w", name, err)
		}
	}
	if table, s := l[pinTable0], spec.Maps[point.BPFMapFlowTable]; table.KeySize() != narrowKey && table.KeySize() != s.KeySize || table.ValueSize() != s.ValueSize {
		return fmt.Errorf("pinned flow table: %w", ebpf.ErrMapIncompatible)
	}
	return nil
}

// pin makes the maps outlive this process.
func (l lasting) pin(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("create pin directory: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(l)) {
		if err := l[name].Pin(filepath.Join(dir, name)); err != nil {
			return fmt.Errorf("pin map %s: %w", name, err)
		}
	}
	return nil
}

func (l lasting) close() {
	for _, m := range l {
		m.Close()
	}
}

// replacements are the maps that a new program of the point must use.
func (l lasting) replacements() map[string]*ebpf.Map {
	out := make(map[string]*ebpf.Map)
	for _, name := range lastingNames() {
		out[name] = l[name]
	}
	return out
}
