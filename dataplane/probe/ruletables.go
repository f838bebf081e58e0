package probe

import (
	"github.com/cilium/ebpf"

	"github.com/openifit/openifit/dataplane/probe/rules"
	"github.com/openifit/openifit/gen/bpf/point"
)

// setRules tells a program how it reads its tables of rules.
func setRules(known *point.BPFIfitPoint, compiled *rules.Compiled) {
	known.RuleWords = uint32(compiled.Words)
	known.RuleFields = uint32(compiled.Fields)
	known.RuleSets = uint32(len(compiled.Sets))
	for w := range compiled.Fold {
		known.Rules[w] = compiled.Fold[w]
	}
	known.RuleSpread = compiled.Spread
	if compiled.Sources != nil {
		known.SourceRanges = compiled.Sources.Known
	}
	if compiled.Destinations != nil {
		known.DestinationRanges = compiled.Destinations.Known
	}
}

// fillRules gives the tables of rules the sizes that the rules need, and their
// contents. What no rule needs is as small as the kernel allows.
func fillRules(spec *ebpf.CollectionSpec, compiled *rules.Compiled) {
	for name, places := range map[string][]ebpf.MapKV{
		point.BPFMapSegmentRules: contents(compiled.Segments), point.BPFMapValueRules: contents(compiled.Values),
	} {
		spec.Maps[name].Contents = places
		spec.Maps[name].MaxEntries = max(1, uint32(len(places)))
	}
	sets := make([]ebpf.MapKV, 0, len(compiled.Sets))
	for place, set := range compiled.Sets {
		if set != nil {
			sets = append(sets, ebpf.MapKV{Key: uint32(place), Value: set})
		}
	}
	m := spec.Maps[point.BPFMapRuleSets]
	m.Contents = sets
	m.MaxEntries = max(1, uint32(len(compiled.Sets)))
	m.ValueSize = max(8, 8*uint32(compiled.Words))
	// The kernel would hold the size against these types.
	m.Key, m.Value = nil, nil
	for name, ports := range map[string]*rules.Ports{
		point.BPFMapSourcePorts: compiled.SourcePorts, point.BPFMapDestinationPorts: compiled.DestinationPorts,
	} {
		m := spec.Maps[name]
		if ports == nil {
			m.ValueSize, m.Key, m.Value = 8, nil, nil
			continue
		}
		m.Contents = []ebpf.MapKV{{Key: uint32(0), Value: ports}}
	}
	for name, ranges := range map[string]*rules.Ranges{
		point.BPFMapSourceRanges: compiled.Sources, point.BPFMapDestinationRanges: compiled.Destinations,
	} {
		m := spec.Maps[name]
		m.Key, m.Value = nil, nil
		if ranges != nil {
			m.ValueSize = uint32(len(ranges.From))
			m.Contents = []ebpf.MapKV{{Key: uint32(0), Value: ranges.From}}
		}
	}
}

func contents[K comparable](from map[K]uint32) []ebpf.MapKV {
	out := make([]ebpf.MapKV, 0, len(from))
	for k, v := range from {
		out = append(out, ebpf.MapKV{Key: k, Value: v})
	}
	return out
}
