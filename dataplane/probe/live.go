package probe

import (
	"fmt"
	"os"
	"sync/atomic"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/gen/bpf/point"
)

// liveMap is the section that the program keeps it in.
const liveMap = ".data.live"

// live is the memory that a program reads on every packet, mapped into this
// process, so that a change of rate is one store and no system call.
type live struct {
	m   *ebpf.Map
	mem []byte
}

func mapLive(m *ebpf.Map) (*live, error) {
	size := int(unsafe.Sizeof(point.BPFIfitLive{}))
	if int(m.ValueSize()) != size {
		return nil, fmt.Errorf("map rates into memory: %d octets where %d are expected", m.ValueSize(), size)
	}
	page := os.Getpagesize()
	mem, err := unix.Mmap(m.FD(), 0, (size+page-1)/page*page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map rates into memory: %w", err)
	}
	return &live{m: m, mem: mem}, nil
}

func (l *live) close() {
	if l == nil {
		return
	}
	_ = unix.Munmap(l.mem)
	l.m.Close()
}

func (l *live) value() *point.BPFIfitLive {
	return (*point.BPFIfitLive)(unsafe.Pointer(&l.mem[0]))
}

func (l *live) ruleset() uint32 { return uint32(atomic.LoadUint64(&l.value().Ruleset)) }

func (l *live) setRuleset(n uint32) { atomic.StoreUint64(&l.value().Ruleset, uint64(n)) }

func (l *live) rate(slot int) uint64 { return atomic.LoadUint64(&l.value().Rate[slot]) }

func (l *live) setRate(slot int, word uint64) { atomic.StoreUint64(&l.value().Rate[slot], word) }

func (l *live) lease(slot int) uint64 { return atomic.LoadUint64(&l.value().LeaseNs[slot]) }

func (l *live) setLease(slot int, until uint64) { atomic.StoreUint64(&l.value().LeaseNs[slot], until) }

// selection reads a pair of parameters.
func (l *live) selection(slot int, pair uint64) point.BPFIfitSelection {
	return l.value().Selection[slot][pair]
}

// setSelection writes a pair of parameters that no rate word names yet.
func (l *live) setSelection(slot int, pair uint64, s point.BPFIfitSelection) {
	l.value().Selection[slot][pair] = s
}

// everyPacket is the threshold of a policy that selects all packets.
const everyPacket = 1<<32 - 1

// rateWord is what the program reads of a policy at every packet: generation
// and rate in one word, so that it never sees one without the other. pair
// says which pair of parameters counts.
func rateWord(p *plan.Policy, pair uint64) uint64 {
	word := uint64(p.Generation) << 32
	switch p.Select.Algorithm {
	case plan.SelectAll:
		return word | everyPacket
	case plan.SelectUniform:
		return word | uint64(p.Select.Threshold)
	default:
		return word | pair
	}
}
