//go:build linux

package lab

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// lock lets one process at a time change a lab.
type lock struct{ file *os.File }

const lockRetry = 50 * time.Millisecond

// acquire waits for the lock until the context is done.
func acquire(ctx context.Context, path string) (*lock, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("create directory of the lab's lock: %w", err)
	}
	for {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|unix.O_CLOEXEC, 0o600)
		if err != nil {
			return nil, fmt.Errorf("open lock of the lab: %w", err)
		}
		if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil && current(f, path) {
			return &lock{f}, nil
		}
		f.Close()
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for the lock of the lab %s, which another process changes: %w", path, ctx.Err())
		case <-time.After(lockRetry):
		}
	}
}

// current tells the file from one that was removed while it was waited for.
func current(f *os.File, path string) bool {
	own, err := f.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(path)
	return err == nil && os.SameFile(own, there)
}

func (l *lock) release() { l.file.Close() }

// remove deletes the lock while it is held.
func (l *lock) remove() error {
	if err := os.Remove(l.file.Name()); err != nil {
		return fmt.Errorf("remove lock of the lab: %w", err)
	}
	return nil
}
