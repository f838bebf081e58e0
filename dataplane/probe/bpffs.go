package probe

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// standardBPFFS is where the BPF file system is mounted by convention.
const standardBPFFS = "/sys/fs/bpf"

// ensureBPFFS makes dir a directory on a BPF file system, mounting one where
// none is: at the standard place if dir is below it, otherwise at dir itself.
func ensureBPFFS(dir string) error {
	mountAt := dir
	if strings.HasPrefix(filepath.Clean(dir)+"/", standardBPFFS+"/") {
		mountAt = standardBPFFS
	}
	on, err := onBPFFS(dir)
	if err != nil {
		return err
	}
	if !on {
		if err := os.MkdirAll(mountAt, 0o700); err != nil {
			return fmt.Errorf("create mount point of the BPF file system: %w", err)
		}
		if err := unix.Mount("bpf", mountAt, "bpf", 0, "mode=0700"); err != nil {
			return fmt.Errorf("mount the BPF file system at %s: %w", mountAt, err)
		}
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("create pin directory: %w", err)
	}
	return nil
}

// onBPFFS looks at the nearest ancestor that exists.
func onBPFFS(dir string) (bool, error) {
	var st unix.Statfs_t
	for at := filepath.Clean(dir); ; at = filepath.Dir(at) {
		err := unix.Statfs(at, &st)
		switch {
		case err == nil:
			return st.Type == unix.BPF_FS_MAGIC, nil
		case err != unix.ENOENT || at == "/" || at == ".":
			return false, fmt.Errorf("look for the BPF file system at %s: %w", at, err)
		}
	}
}
