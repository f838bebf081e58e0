//go:build linux

package lab

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

const bpffs = "/sys/fs/bpf"

// mountBPF mounts the bpf file system where the machine has none. It stays
// mounted: others may use it by the time the lab goes down.
func mountBPF() error {
	var fs unix.Statfs_t
	if err := unix.Statfs(bpffs, &fs); err != nil {
		return fmt.Errorf("examine %s: %w", bpffs, err)
	}
	if fs.Type == unix.BPF_FS_MAGIC {
		return nil
	}
	if err := unix.Mount("bpf", bpffs, "bpf", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "mode=0700"); err != nil {
		return fmt.Errorf("mount the bpf file system on %s: %w", bpffs, err)
	}
	return nil
}

// unpin removes the pins of nodes, and the root when nothing else is in it.
func unpin(root string, nodes []string) error {
	var errs []error
	for _, n := range nodes {
		if err := os.RemoveAll(filepath.Join(root, n)); err != nil {
			errs = append(errs, fmt.Errorf("remove pins of %s: %w", n, err))
		}
	}
	if err := os.Remove(root); err != nil && !errors.Is(err, os.ErrNotExist) && !errors.Is(err, unix.ENOTEMPTY) {
		errs = append(errs, fmt.Errorf("remove pins: %w", err))
	}
	return errors.Join(errs...)
}
