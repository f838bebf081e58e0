package object

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cilium/ebpf"
)

// mapKinds are the types of maps that a probe may have: those that hold data
// and nothing that could be called, redirected to or shared.
func mapKinds() []ebpf.MapType {
	return []ebpf.MapType{
		ebpf.Hash, ebpf.Array, ebpf.PerCPUHash, ebpf.PerCPUArray, ebpf.LRUHash, ebpf.LRUCPUHash,
		ebpf.LPMTrie, ebpf.Queue, ebpf.Stack, ebpf.RingBuf,
	}
}

// Flags of maps that a probe may set, or that data sections have.
const (
	flagNoPrealloc = 1 << 0
	flagNoCommon   = 1 << 1
	flagReadOnly   = 1 << 7
	flagMappable   = 1 << 10
)

func checkMaps(specs map[string]*ebpf.MapSpec, limits Limits) ([]Map, error) {
	if len(specs) > limits.Maps {
		return nil, fmt.Errorf("the probe has %d maps, data sections included, at most %d are taken", len(specs), limits.Maps)
	}
	var out []Map
	sum := uint64(0)
	for _, name := range slices.Sorted(maps.Keys(specs)) {
		m := specs[name]
		if err := checkMap(name, m); err != nil {
			return nil, err
		}
		octets := memory(m, limits.CPUs)
		sum += octets
		out = append(out, Map{Name: name, Type: m.Type.String(), Entries: m.MaxEntries, Octets: octets})
		if sum > limits.MapOctets {
			return nil, fmt.Errorf("map %s: with it, the maps would take %d octets on %d CPUs, at most %d are granted", name, sum, limits.CPUs, limits.MapOctets)
		}
	}
	return out, nil
}

func checkMap(name string, m *ebpf.MapSpec) error {
	const allowedFlags = flagNoPrealloc | flagNoCommon | flagReadOnly | flagMappable
	switch {
	case strings.HasPrefix(name, reservedPrefix):
		return fmt.Errorf("map %s has a name of the agent's: names with %s are taken", name, reservedPrefix)
	case !slices.Contains(mapKinds(), m.Type):
		return fmt.Errorf("map %s is of type %s, which a probe may not have", name, m.Type)
	case m.InnerMap != nil:
		return fmt.Errorf("map %s holds maps, which a probe may not have", name)
	case m.Pinning != ebpf.PinNone:
		return fmt.Errorf("map %s asks to be pinned, which a probe may not", name)
	case m.Flags&^allowedFlags != 0:
		return fmt.Errorf("map %s has flags %#x, of which a probe may not set %#x", name, m.Flags, m.Flags&^allowedFlags)
	case m.MapExtra != 0 || m.NumaNode != 0:
		return fmt.Errorf("map %s asks for a NUMA node or for extras, which a probe may not", name)
	case m.Type == ebpf.RingBuf && name != recordMap:
		return fmt.Errorf("map %s is a ring buffer that nobody reads: the one that is read is called %s", name, recordMap)
	case m.Type == ebpf.RingBuf && (m.MaxEntries < 4096 || m.MaxEntries&(m.MaxEntries-1) != 0):
		return fmt.Errorf("map %s has %d octets: a ring buffer has a power of two, at least 4096", name, m.MaxEntries)
	case m.Type == ebpf.RingBuf && m.MaxEntries > maxEntries:
		return fmt.Errorf("map %s has %d octets, at most %d are taken", name, m.MaxEntries, maxEntries)
	case m.MaxEntries == 0 || m.MaxEntries > maxEntries:
		return fmt.Errorf("map %s has %d entries, from 1 to %d are taken", name, m.MaxEntries, maxEntries)
	case m.ValueSize > maxValue:
		return fmt.Errorf("map %s has values of %d octets, at most %d are taken", name, m.ValueSize, maxValue)
	case m.KeySize > 512:
		return fmt.Errorf("map %s has keys of %d octets, at most 512 are taken", name, m.KeySize)
	case name == recordMap && m.Type != ebpf.RingBuf:
		return fmt.Errorf("map %s is of type %s: records leave by a ring buffer", name, m.Type)
	case name == counterMap && (m.Type != ebpf.PerCPUArray || m.MaxEntries != 1):
		return fmt.Errorf("map %s is a %s of %d entries: counters are a PerCPUArray of one", name, m.Type, m.MaxEntries)
	}
	return nil
}

// perEntry is what the kernel adds to each entry of a table, roughly.
const perEntry = 64

// memory estimates what a map takes; every factor has been bounded before.
func memory(m *ebpf.MapSpec, cpus int) uint64 {
	value, entries := uint64(m.ValueSize+7)&^7, uint64(m.MaxEntries)
	switch m.Type {
	case ebpf.RingBuf:
		return entries
	case ebpf.PerCPUArray:
		return value * entries * uint64(cpus)
	case ebpf.PerCPUHash, ebpf.LRUCPUHash:
		return entries * (perEntry + uint64(m.KeySize) + value*uint64(cpus))
	case ebpf.Hash, ebpf.LRUHash, ebpf.LPMTrie:
		return entries * (perEntry + uint64(m.KeySize) + value)
	}
	return value * entries
}
