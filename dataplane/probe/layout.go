package probe

import (
	"errors"
	"fmt"
	"os"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// layoutVersion is IFIT_LAYOUT.
const layoutVersion = 2

// layout says who pinned the rest: which version of the maps, and in which
// network namespace the interfaces are.
type layout struct {
	Version   uint64
	Namespace uint64
}

func currentLayout() (layout, error) {
	var st unix.Stat_t
	if err := unix.Stat("/proc/thread-self/ns/net", &st); err != nil {
		return layout{}, fmt.Errorf("identify network namespace: %w", err)
	}
	return layout{Version: layoutVersion, Namespace: st.Ino}, nil
}

// readLayout reports false when nothing is pinned.
func readLayout(path string) (layout, bool, error) {
	var l layout
	m, err := ebpf.LoadPinnedMap(path, nil)
	if errors.Is(err, os.ErrNotExist) {
		return l, false, nil
	}
	if err != nil {
		return l, false, fmt.Errorf("open layout %s: %w", path, err)
	}
	defer m.Close()
	if err := m.Lookup(uint32(0), &l); err != nil {
		return l, false, fmt.Errorf("read layout %s: %w", path, err)
	}
	return l, true, nil
}

func (l layout) write(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("replace layout: %w", err)
	}
	m, err := ebpf.NewMap(&ebpf.MapSpec{
		Name: "ifit_layout", Type: ebpf.Array, KeySize: 4, ValueSize: 16, MaxEntries: 1,
		Contents: []ebpf.MapKV{{Key: uint32(0), Value: l}},
	})
	if err != nil {
		return fmt.Errorf("create layout: %w", err)
	}
	defer m.Close()
	if err := m.Pin(path); err != nil {
		return fmt.Errorf("pin layout: %w", err)
	}
	return nil
}
