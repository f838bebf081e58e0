package agent

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/openifit/openifit/dataplane/probe"
)

// Remove detaches all programs of a node, whose agent must not be running, and
// removes its pins. It needs to understand none of them: a tcx link ends with
// its last pin, in whatever namespace its interface is.
func Remove(pinDir string) error {
	var fs unix.Statfs_t
	err := unix.Statfs(pinDir, &fs)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case errors.Is(err, os.ErrPermission):
		return probe.ErrPrivilege
	case err != nil:
		return fmt.Errorf("remove pins in %s: %w", pinDir, err)
	case fs.Type != unix.BPF_FS_MAGIC:
		return fmt.Errorf("remove pins in %s: it is not on a BPF file system", pinDir)
	}
	err = os.RemoveAll(pinDir)
	switch {
	case errors.Is(err, os.ErrPermission):
		return probe.ErrPrivilege
	case err != nil:
		return fmt.Errorf("remove pins: %w", err)
	}
	return nil
}
