package probe

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// The oldest kernel with tcx links.
const minMajor, minMinor = 6, 6

// ErrPrivilege says that a process may neither load probes nor remove them.
var ErrPrivilege = errors.New("loading and removing probes needs root, or CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON and CAP_SYS_ADMIN")

// checkSystem finds out early, and says in one sentence, why nothing will work.
func checkSystem() error {
	var uts unix.Utsname
	if err := unix.Uname(&uts); err != nil {
		return fmt.Errorf("read kernel release: %w", err)
	}
	release := unix.ByteSliceToString(uts.Release[:])
	var major, minor int
	if _, err := fmt.Sscanf(release, "%d.%d", &major, &minor); err != nil {
		return fmt.Errorf("kernel release %q: %w", release, err)
	}
	if major < minMajor || major == minMajor && minor < minMinor {
		return fmt.Errorf("kernel %s is too old: probes need %d.%d or newer", release, minMajor, minMinor)
	}
	m, err := ebpf.NewMap(&ebpf.MapSpec{Name: "ifit_check", Type: ebpf.Array, KeySize: 4, ValueSize: 4, MaxEntries: 1})
	if errors.Is(err, unix.EPERM) {
		// The library's text is about locked memory, which is not the matter.
		return ErrPrivilege
	}
	if err != nil {
		return fmt.Errorf("create a BPF map: %w", err)
	}
	m.Close()
	return nil
}
