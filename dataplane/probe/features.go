package probe

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/features"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/gen/bpf/point"
)

// Names of the kernel features that an engine looks for when it is opened.
const (
	FeatureTCX           = "tcx"
	FeatureRingBuffer    = "ring-buffer"
	FeatureTimestamp     = "mono-delivery-time"
	FeatureIterator      = "number-iterator"
	FeatureSkipNeighbour = "fib-skip-neighbour"
	FeatureTracing       = "tp-btf"
	FeatureStatistics    = "run-time-statistics"
	FeatureDropReasons   = "drop-reasons"
)

// Feature is something that not every kernel has.
type Feature struct {
	Name string
	// Available is false also where Config.Without switched it off.
	Available bool
	// Fallback says what is done where it is absent.
	Fallback string
}

// search is how to find a feature out.
type search struct {
	name, fallback string
	look           func(*btf.Spec) (bool, error)
}

func searches() []search {
	return []search{
		{FeatureTCX, "a clsact filter with direct action", func(*btf.Spec) (bool, error) {
			// Every network namespace has interface 1; only asking changes nothing.
			_, err := link.QueryPrograms(link.QueryOptions{Target: 1, Attach: ebpf.AttachTCXIngress})
			return err == nil, nil
		}},
		{FeatureRingBuffer, "a perf buffer for postcards, a queue for events", func(*btf.Spec) (bool, error) {
			return supported(features.HaveMapType(ebpf.RingBuf))
		}},
		{FeatureTimestamp, "node transit delay is refused; postcards have no time of arrival", func(*btf.Spec) (bool, error) {
			return supported(features.HaveProgramHelper(ebpf.SchedCLS, asm.FnSkbSetTstamp))
		}},
		{FeatureIterator, "bounded loops, which take longer to load", func(kernel *btf.Spec) (bool, error) {
			var f *btf.Func
			return found(kernel.TypeByName("bpf_iter_num_new", &f))
		}},
		{FeatureSkipNeighbour, "the next hop of a marked packet is resolved to its neighbour as well", hasSkipNeighbour},
		{FeatureTracing, "what happens behind a queue is not seen; triggers and histograms of delays and queues are refused", func(kernel *btf.Spec) (bool, error) {
			var t *btf.Typedef
			return found(kernel.TypeByName("btf_trace_net_dev_start_xmit", &t))
		}},
		{FeatureDropReasons, "drops are not seen; DROPS and PACKET_DROP are refused", tellsDrops},
		{FeatureStatistics, "the processor time of programs is not known, and no limit on it can be set", func(*btf.Spec) (bool, error) {
			closer, err := ebpf.EnableStats(unix.BPF_STATS_RUN_TIME)
			if err != nil {
				return false, nil
			}
			return true, closer.Close()
		}},
	}
}

func supported(err error) (bool, error) {
	if errors.Is(err, ebpf.ErrNotSupported) {
		return false, nil
	}
	return err == nil, err
}

func found(err error) (bool, error) {
	if errors.Is(err, btf.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// hasSkipNeighbour asks for a route without its neighbour: a kernel that does
// not know this flag calls the argument invalid.
func hasSkipNeighbour(*btf.Spec) (bool, error) {
	const size = 64
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Name: "ifit_check", Type: ebpf.SchedCLS, License: "Dual BSD/GPL",
		Instructions: append(blank(size),
			asm.Mov.Imm(asm.R0, unix.AF_INET),
			asm.StoreMem(asm.RFP, -size, asm.R0, asm.Byte),
			asm.Mov.Imm(asm.R0, 1),
			asm.StoreMem(asm.RFP, -size+8, asm.R0, asm.Word),
			asm.Mov.Reg(asm.R2, asm.RFP),
			asm.Add.Imm(asm.R2, -size),
			asm.Mov.Imm(asm.R3, size),
			asm.Mov.Imm(asm.R4, int32(skipNeighbour)),
			asm.FnFibLookup.Call(),
			asm.Return(),
		),
	})
	if err != nil {
		return false, fmt.Errorf("load: %w", err)
	}
	defer p.Close()
	result, err := p.Run(&ebpf.RunOptions{Data: make([]byte, 64)})
	if err != nil {
		return false, fmt.Errorf("run: %w", err)
	}
	return int32(result) != -int32(unix.EINVAL), nil
}

// skipNeighbour is BPF_FIB_LOOKUP_SKIP_NEIGH.
const skipNeighbour = 1 << 2

// blank zeroes the upper octets of the stack.
func blank(size int16) asm.Instructions {
	out := asm.Instructions{asm.Mov.Imm(asm.R0, 0)}
	for at := int16(8); at <= size; at += 8 {
		out = append(out, asm.StoreMem(asm.RFP, -at, asm.R0, asm.DWord))
	}
	return out
}

// lookForFeatures finds out what the kernel has, without those named.
func lookForFeatures(kernel *btf.Spec, without []string) ([]Feature, error) {
	var out []Feature
	var names []string
	for _, s := range searches() {
		names = append(names, s.name)
		f := Feature{Name: s.name, Fallback: s.fallback}
		if !slices.Contains(without, s.name) {
			var err error
			if f.Available, err = s.look(kernel); err != nil {
				return nil, fmt.Errorf("look for kernel feature %s: %w", s.name, err)
			}
		}
		out = append(out, f)
	}
	for _, name := range without {
		if !slices.Contains(names, name) {
			return nil, fmt.Errorf("do without kernel feature %q: there are %s", name, strings.Join(names, ", "))
		}
	}
	return out, nil
}

// Features are what the engine looked for in the kernel.
func (e *Engine) Features() []Feature { return slices.Clone(e.features) }

// Has tells whether the kernel has a feature.
func (e *Engine) Has(name string) bool {
	return slices.ContainsFunc(e.features, func(f Feature) bool { return f.Name == name && f.Available })
}

// able refuses what there is no way round on this kernel.
func (e *Engine) able(p *plan.Plan) error {
	for i := range p.Points {
		if at := &p.Points[i]; at.Stamp && !e.Has(FeatureTimestamp) {
			return fmt.Errorf("point %s of %s: this kernel cannot keep the time of arrival in a packet (%s)", at.ID, at.Interface, FeatureTimestamp)
		}
	}
	return nil
}

// adapt makes programs do without what the kernel lacks.
func (e *Engine) adapt(spec *ebpf.CollectionSpec) error {
	var lacks point.BPFIfitLack
	for name, bit := range map[string]point.BPFIfitLack{
		FeatureRingBuffer:    point.BPFIfitLackIFIT_LACKS_RING_BUFFER,
		FeatureTimestamp:     point.BPFIfitLackIFIT_LACKS_TIMESTAMP,
		FeatureIterator:      point.BPFIfitLackIFIT_LACKS_ITERATOR,
		FeatureSkipNeighbour: point.BPFIfitLackIFIT_LACKS_SKIP_NEIGH,
	} {
		if !e.Has(name) {
			lacks |= bit
		}
	}
	if v := spec.Variables[point.BPFVarKernelLacks]; v != nil {
		if err := v.Set(lacks); err != nil {
			return fmt.Errorf("adapt programs to the kernel: %w", err)
		}
	}
	if !e.Has(FeatureRingBuffer) {
		withoutRings(spec)
	}
	for _, p := range spec.Programs {
		if p.Type == ebpf.SchedCLS && !e.Has(FeatureTCX) {
			p.AttachType = ebpf.AttachNone
		}
		poison(p.Instructions, e.cfg.Without)
	}
	return nil
}

// unknownCall is the number of no helper.
const unknownCall = 1 << 27

// poison makes the calls that belong to features unknown to this kernel as
// well, so that doing without is what it is on a kernel that lacks them: a
// program that would make such a call does not load.
func poison(instructions asm.Instructions, without []string) {
	for _, name := range without {
		helpers := map[string][]asm.BuiltinFunc{
			FeatureRingBuffer: {asm.FnRingbufReserve, asm.FnRingbufSubmit, asm.FnRingbufDiscard, asm.FnRingbufQuery, asm.FnRingbufOutput},
			FeatureTimestamp:  {asm.FnSkbSetTstamp},
		}[name]
		for i := range instructions {
			ins := &instructions[i]
			if ins.IsBuiltinCall() && slices.Contains(helpers, asm.BuiltinFunc(ins.Constant)) {
				ins.Constant = unknownCall
			}
			if name == FeatureIterator && strings.HasPrefix(ins.Reference(), "bpf_iter_num_") {
				symbol, source := ins.Symbol(), ins.Source()
				*ins = asm.BuiltinFunc(unknownCall).Call().WithSymbol(symbol).WithSource(source)
			}
		}
	}
}

// withoutRings makes other maps of the ring buffers.
func withoutRings(spec *ebpf.CollectionSpec) {
	if m := spec.Maps[point.BPFMapPostcards]; m != nil {
		m.Type, m.MaxEntries, m.KeySize, m.ValueSize = ebpf.PerfEventArray, 0, 4, 4
	}
	if m := spec.Maps[point.BPFMapEvents]; m != nil {
		// As many as the ring buffer holds, each as large as the largest.
		m.Type, m.MaxEntries = ebpf.Queue, m.MaxEntries/uint32(unsafe.Sizeof(point.BPFIfitEvent{}))
		m.KeySize, m.ValueSize = 0, uint32(unsafe.Sizeof(point.BPFIfitBurstEvent{}))
	}
}
