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

// write replaces what is pinned in one move, so that at no time the pins have
// no layout.
func (l layout) write(path string) error {
	next := path + nextSuffix
	if err := os.Remove(next); err != nil && !errors.Is(err, os.ErrNotExist) {
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
	if err := m.Pin(next); err != nil {
		return fmt.Errorf("pin layout: %w", err)
	}
	if err := os.Rename(next, path); err != nil {
		return fmt.Errorf("replace layout: %w", err)
	}
	return nil
}

// LayoutError says that the pins are of another layout than this engine's. The
// programs that are there go on as they are.
type LayoutError struct {
	PinDir string
	// Pinned is the version of the pins, Expected that of this engine.
	Pinned, Expected uint64
}

// Error says what goes on and what to do.
func (e *LayoutError) Error() string {
	return fmt.Sprintf("the pins in %s are of layout %d, and this agent's layout is %d: the programs of the former agent go on forwarding "+
		"and counting as they are, and nothing can be changed; to lose no count, start the former agent again, or else start this one with "+
		"-replace-pins, which takes over without a gap in forwarding and gives up what was counted since the former agent's last drain",
		e.PinDir, e.Pinned, e.Expected)
}
