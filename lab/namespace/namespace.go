//go:build linux

// Package namespace creates, enters and removes Linux network namespaces.
package namespace

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
)

// Dir is where named namespaces are bind-mounted; iproute2 looks there too.
const Dir = "/var/run/netns"

// NS is an open network namespace. It stays alive while it is open or named.
type NS struct {
	name   string
	handle netns.NsHandle
}

// New creates a namespace without a name: it vanishes with the last
// descriptor, socket or process that uses it.
func New() (*NS, error) {
	ns := &NS{handle: netns.None()}
	err := stay(func() error {
		h, err := netns.New()
		if err != nil {
			return fmt.Errorf("create network namespace: %w", err)
		}
		ns.handle = h
		return nil
	})
	if err != nil {
		return nil, err
	}
	return ns, nil
}

// Create makes a named namespace. It fails with an error matching
// os.ErrExist when the name is taken.
func Create(name string) (*NS, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	if Exists(name) {
		return nil, fmt.Errorf("create network namespace %q: %w", name, os.ErrExist)
	}
	ns := &NS{name: name, handle: netns.None()}
	err := stay(func() error {
		h, err := netns.NewNamed(name)
		if err != nil {
			return fmt.Errorf("create network namespace %q: %w", name, err)
		}
		ns.handle = h
		return nil
	})
	if err != nil {
		return nil, err
	}
	return ns, nil
}

// Open opens a named namespace. It fails with an error matching
// os.ErrNotExist when there is none.
func Open(name string) (*NS, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	h, err := netns.GetFromPath(filepath.Join(Dir, name))
	if err != nil {
		return nil, fmt.Errorf("open network namespace %q: %w", name, err)
	}
	return &NS{name: name, handle: h}, nil
}

// Current opens the namespace of the calling thread.
func Current() (*NS, error) {
	h, err := netns.Get()
	if err != nil {
		return nil, fmt.Errorf("open current network namespace: %w", err)
	}
	return &NS{handle: h}, nil
}

// Exists reports whether a namespace of this name is mounted or left behind
// as a file.
func Exists(name string) bool {
	_, err := os.Lstat(filepath.Join(Dir, name))
	return err == nil
}

// Delete removes the name. The namespace itself ends when nothing uses it
// any more. Deleting an absent name is not an error.
func Delete(name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	if !Exists(name) {
		return nil
	}
	// A file without a mount is what an interrupted Create leaves behind:
	// the unmount fails, the file must go all the same.
	unmount := netns.DeleteNamed(name)
	if !Exists(name) {
		return nil
	}
	if err := os.Remove(filepath.Join(Dir, name)); err != nil {
		return fmt.Errorf("delete network namespace %q: %w", name, errors.Join(unmount, err))
	}
	return nil
}

// Name is the namespace's name, empty for one without.
func (n *NS) Name() string { return n.name }

// Fd is the open descriptor, valid until Close; netlink takes it as the
// target of a move.
func (n *NS) Fd() int { return int(n.handle) }

// Path names the namespace for other programs while it stays open in this
// process, for example as an argument of nsenter --net=PATH.
func (n *NS) Path() string {
	if n.name != "" {
		return filepath.Join(Dir, n.name)
	}
	return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), n.Fd())
}

// Close releases the descriptor.
func (n *NS) Close() error {
	if !n.handle.IsOpen() {
		return nil
	}
	if err := n.handle.Close(); err != nil {
		return fmt.Errorf("close network namespace %q: %w", n.name, err)
	}
	return nil
}

// Netlink opens a netlink handle inside the namespace; the caller deletes it.
func (n *NS) Netlink() (*netlink.Handle, error) {
	h, err := netlink.NewHandleAt(n.handle)
	if err != nil {
		return nil, fmt.Errorf("open netlink in network namespace %q: %w", n.name, err)
	}
	return h, nil
}

// Do runs fn on the calling goroutine with its thread inside the namespace.
// Sockets that fn opens stay there. Goroutines that fn starts do not run
// inside. Only the network namespace changes, so bpffs stays visible. Calls
// may nest.
func (n *NS) Do(fn func() error) error {
	return stay(func() error {
		if err := netns.Set(n.handle); err != nil {
			return fmt.Errorf("enter network namespace %q: %w", n.name, err)
		}
		return fn()
	})
}

// stay runs fn on a locked thread and puts the thread back into the
// namespace it was in, even when fn ends the goroutine.
func stay(fn func() error) (err error) {
	runtime.LockOSThread()
	home, err := netns.Get()
	if err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("open current network namespace: %w", err)
	}
	defer func() {
		back := netns.Set(home)
		home.Close()
		if back != nil {
			// The thread stays locked on purpose: the runtime destroys it
			// with the goroutine instead of reusing it in a wrong namespace.
			err = errors.Join(err, fmt.Errorf("return to own network namespace: %w", back))
			return
		}
		runtime.UnlockOSThread()
	}()
	return fn()
}

func checkName(name string) error {
	if name == "" || name == "." || name == ".." || filepath.Base(name) != name {
		return fmt.Errorf("network namespace name %q: must be one path element", name)
	}
	return nil
}
