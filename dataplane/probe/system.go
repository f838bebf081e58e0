package probe

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"
)

// The oldest kernel that has all that nothing else can stand in for.
const minMajor, minMinor = 5, 15

// ErrPrivilege says that a process may neither load probes nor remove them.
var ErrPrivilege = errors.New("loading and removing probes needs root, or CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON and CAP_SYS_ADMIN")

// checkSystem finds out early, and says in one sentence, why nothing will
// work. It returns the kernel's types.
func checkSystem() (*btf.Spec, error) {
	var uts unix.Utsname
	if err := unix.Uname(&uts); err != nil {
		return nil, fmt.Errorf("read kernel release: %w", err)
	}
	if err := checkRelease(unix.ByteSliceToString(uts.Release[:])); err != nil {
		return nil, err
	}
	m, err := ebpf.NewMap(&ebpf.MapSpec{Name: "ifit_check", Type: ebpf.Array, KeySize: 4, ValueSize: 4, MaxEntries: 1})
	if errors.Is(err, unix.EPERM) {
		// The library's text is about locked memory, which is not the matter.
		return nil, ErrPrivilege
	}
	if err != nil {
		return nil, fmt.Errorf("create a BPF map: %w", err)
	}
	m.Close()
	kernel, err := btf.LoadKernelSpec()
	return kernel, checkTypes(err)
}

func checkRelease(release string) error {
	var major, minor int
	if _, err := fmt.Sscanf(release, "%d.%d", &major, &minor); err != nil {
		return fmt.Errorf("kernel release %q: %w", release, err)
	}
	if major < minMajor || major == minMajor && minor < minMinor {
		return fmt.Errorf("kernel %s is too old: probes need %d.%d or newer", release, minMajor, minMinor)
	}
	return nil
}

// checkTypes explains why a kernel's types could not be read.
func checkTypes(err error) error {
	if errors.Is(err, btf.ErrNotSupported) || errors.Is(err, unix.ENOENT) {
		return errors.New("this kernel does not describe its types, which probes need: it was built without CONFIG_DEBUG_INFO_BTF")
	}
	if err != nil {
		return fmt.Errorf("read the kernel's types: %w", err)
	}
	return nil
}
