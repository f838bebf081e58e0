//go:build linux

package lab

import (
	"errors"
	"fmt"
	"os"
	"os/exec"

	"golang.org/x/sys/unix"

	"github.com/openifit/openifit/lab/namespace"
)

// Exec replaces the running program by a command inside a node's network
// namespace. Only the network changes: files, bpffs included, are the same.
// It returns only when it fails.
func Exec(opts Options, node string, argv []string) error {
	if len(argv) == 0 {
		return errors.New("no command given")
	}
	o, err := opts.complete()
	if err != nil {
		return err
	}
	ns, err := namespace.Open(o.Names.Namespace(node))
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("no node %q: is the lab up? \"lab status\" lists its nodes", node)
	}
	if err != nil {
		return err
	}
	path, err := exec.LookPath(argv[0])
	if err != nil {
		return fmt.Errorf("find command: %w", err)
	}
	// The new program runs on, and as, the thread that is inside.
	return ns.Do(func() error {
		if err := unix.Exec(path, argv, append(os.Environ(), "IFIT_NODE="+node)); err != nil {
			return fmt.Errorf("run %s: %w", path, err)
		}
		return nil
	})
}
