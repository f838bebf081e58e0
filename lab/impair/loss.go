//go:build linux

package impair

import (
	"errors"
	"fmt"
	"math"

	// The lab's own program is loaded here, away from dataplane/probe: it
	// takes part in no measurement, and no agent knows it.
	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/rlimit"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/openifit/openifit/gen/bpf/impair"
	"github.com/openifit/openifit/lab/namespace"
)

const (
	filterName = "ifit-impair"
	// Behind whatever else hangs at the interface.
	filterPriority = 49152
	full           = 1 << 32
)

// Loss decides the fate of the IP packets that leave an interface, those to
// link-local destinations excepted, which no router forwards. The same
// seed gives the same packets, counted from the moment it is set, the same
// fate.
type Loss struct {
	// Drop and Reorder are probabilities between 0 and 1.
	Drop, Reorder float64
	Seed          uint64
}

func (l Loss) check() error {
	for name, p := range map[string]float64{"drop": l.Drop, "reorder": l.Reorder} {
		if !(p >= 0 && p <= 1) {
			return fmt.Errorf("%s probability %v: want 0 to 1", name, p)
		}
	}
	if l.Drop == 0 && l.Reorder == 0 {
		return errors.New("want a probability to drop or to reorder")
	}
	return nil
}

// Counts are exact: Packets came, Dropped were lost, Held is waiting for
// another one to change places with, the others left.
type Counts struct {
	Packets uint64 `json:"packets"`
	Dropped uint64 `json:"dropped"`
	// Reordered packets left in the place of a later one.
	Reordered uint64 `json:"reordered"`
	// Held is 1 while a packet is held back; ClearLoss drops it.
	Held uint64 `json:"held"`
}

// SetLoss makes an interface lose or reorder packets, beginning with the
// next one. An interface that does already is refused, because its counts
// would be lost.
//
// A reordered packet is held back until the next one that is to be reordered
// takes its place: no packet is delayed otherwise, none is copied.
func SetLoss(ns *namespace.NS, name string, l Loss) error {
	if err := l.check(); err != nil {
		return fmt.Errorf("loss at %s: %w", name, err)
	}
	return at(ns, name, func(h *netlink.Handle, link netlink.Link) error {
		if _, err := findFilter(h, link); err == nil {
			return errors.New("loses packets already: clear that first")
		} else if !errors.Is(err, ErrNone) {
			return err
		}
		objects, err := load(l)
		if err != nil {
			return err
		}
		// The filter keeps the program, and the program its maps.
		defer objects.Close()
		return attach(h, link, objects.ImpairEgress)
	})
}

func load(l Loss) (*impair.BPFObjects, error) {
	if err := rlimit.RemoveMemlock(); err != nil {
		return nil, fmt.Errorf("allow locked memory: %w", err)
	}
	objects := new(impair.BPFObjects)
	if err := impair.LoadBPFObjects(objects, nil); err != nil {
		return nil, fmt.Errorf("load program: %w", err)
	}
	state := impair.BPFImpairState{Seed: l.Seed, DropThreshold: threshold(l.Drop), SwapThreshold: threshold(l.Reorder)}
	if err := objects.Impair.Put(uint32(0), state); err != nil {
		objects.Close()
		return nil, fmt.Errorf("set probabilities: %w", err)
	}
	return objects, nil
}

func threshold(p float64) uint64 { return uint64(math.Round(p * full)) }

func attach(h *netlink.Handle, link netlink.Link, program *ebpf.Program) error {
	err := h.QdiscAdd(&netlink.Clsact{QdiscAttrs: netlink.QdiscAttrs{
		LinkIndex: link.Attrs().Index, Handle: netlink.MakeHandle(0xffff, 0), Parent: netlink.HANDLE_CLSACT,
	}})
	if err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("add clsact: %w", err)
	}
	err = h.FilterAdd(&netlink.BpfFilter{
		FilterAttrs: netlink.FilterAttrs{
			LinkIndex: link.Attrs().Index, Parent: netlink.HANDLE_MIN_EGRESS, Handle: 1,
			Protocol: unix.ETH_P_ALL, Priority: filterPriority,
		},
		Fd: program.FD(), Name: filterName, DirectAction: true,
	})
	if err != nil {
		return fmt.Errorf("attach program: %w", err)
	}
	return nil
}

// LossCounts reads the counts. The error matches ErrNone when no loss is
// set.
func LossCounts(ns *namespace.NS, name string) (Counts, error) {
	var c Counts
	err := at(ns, name, func(h *netlink.Handle, link netlink.Link) error {
		f, err := findFilter(h, link)
		if err == nil {
			c, err = counts(f)
		}
		return err
	})
	return c, err
}

// ClearLoss lets all packets pass again and returns the last counts, in
// which the packet that was held back is dropped. The error matches ErrNone
// when no loss is set.
func ClearLoss(ns *namespace.NS, name string) (Counts, error) {
	var c Counts
	err := at(ns, name, func(h *netlink.Handle, link netlink.Link) error {
		f, err := findFilter(h, link)
		if err != nil {
			return err
		}
		m, err := stateMap(f)
		if err != nil {
			return err
		}
		defer m.Close()
		if err := h.FilterDel(f); err != nil {
			return fmt.Errorf("detach program: %w", err)
		}
		// Read behind the detachment, so that no packet is missing.
		if c, err = readCounts(m); err != nil {
			return err
		}
		c.Dropped, c.Held = c.Dropped+c.Held, 0
		return removeClsact(h, link)
	})
	return c, err
}

func findFilter(h *netlink.Handle, link netlink.Link) (*netlink.BpfFilter, error) {
	list, err := h.FilterList(link, netlink.HANDLE_MIN_EGRESS)
	if err != nil && !isAbsent(err) {
		return nil, fmt.Errorf("list filters: %w", err)
	}
	for _, f := range list {
		if b, ok := f.(*netlink.BpfFilter); ok && b.Name == filterName {
			return b, nil
		}
	}
	return nil, fmt.Errorf("loss: %w", ErrNone)
}

// removeClsact leaves the interface as it was, unless somebody else has
// filters there.
func removeClsact(h *netlink.Handle, link netlink.Link) error {
	for _, parent := range []uint32{netlink.HANDLE_MIN_EGRESS, netlink.HANDLE_MIN_INGRESS} {
		list, err := h.FilterList(link, parent)
		if err != nil {
			return fmt.Errorf("list filters: %w", err)
		}
		if len(list) > 0 {
			return nil
		}
	}
	err := h.QdiscDel(&netlink.Clsact{QdiscAttrs: netlink.QdiscAttrs{
		LinkIndex: link.Attrs().Index, Handle: netlink.MakeHandle(0xffff, 0), Parent: netlink.HANDLE_CLSACT,
	}})
	if err != nil {
		return fmt.Errorf("remove clsact: %w", err)
	}
	return nil
}

func counts(f *netlink.BpfFilter) (Counts, error) {
	m, err := stateMap(f)
	if err != nil {
		return Counts{}, err
	}
	defer m.Close()
	return readCounts(m)
}

// stateMap finds the map of a program that any process attached.
func stateMap(f *netlink.BpfFilter) (*ebpf.Map, error) {
	program, err := ebpf.NewProgramFromID(ebpf.ProgramID(f.Id))
	if err != nil {
		return nil, fmt.Errorf("open program %d: %w", f.Id, err)
	}
	defer program.Close()
	info, err := program.Info()
	if err != nil {
		return nil, fmt.Errorf("examine program %d: %w", f.Id, err)
	}
	ids, _ := info.MapIDs()
	for _, id := range ids {
		m, err := ebpf.NewMapFromID(id)
		if err != nil {
			return nil, fmt.Errorf("open map %d: %w", id, err)
		}
		if mi, err := m.Info(); err == nil && mi.Name == impair.BPFMapImpair {
			return m, nil
		}
		m.Close()
	}
	return nil, fmt.Errorf("program %d has no map %s", f.Id, impair.BPFMapImpair)
}

func readCounts(m *ebpf.Map) (Counts, error) {
	var s impair.BPFImpairState
	if err := m.Lookup(uint32(0), &s); err != nil {
		return Counts{}, fmt.Errorf("read counts: %w", err)
	}
	return Counts{Packets: s.Packets, Dropped: s.Dropped, Reordered: s.Swapped, Held: s.Held}, nil
}
