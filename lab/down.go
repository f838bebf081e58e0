//go:build linux

package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/openifit/openifit/lab/fabric"
)

// Down takes a lab down, whatever state it is in, and removes everything of
// it: processes, namespaces, links, pins and files. It is no error when
// there is none.
func Down(ctx context.Context, opts Options) error {
	o, err := opts.complete()
	if err != nil {
		return err
	}
	held, err := acquire(ctx, o.lockPath())
	if err != nil {
		return err
	}
	defer held.release()
	return down(ctx, o, held)
}

func down(ctx context.Context, o Options, held *lock) error {
	nodes := o.remains()
	if err := o.endAll(ctx, nodes); err != nil {
		// With a process that does not end, the rest would come back.
		return err
	}
	errs := []error{
		fabric.Remove(o.Names),
		unpin(o.PinRoot, nodes),
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if err := os.RemoveAll(o.RunDir); err != nil {
		return fmt.Errorf("remove run directory: %w", err)
	}
	if err := held.remove(); err != nil {
		return err
	}
	if o.RunDir == DefaultRunDir {
		// Fails when something else of the project uses the directory.
		os.Remove(filepath.Dir(o.RunDir))
	}
	return nil
}

// remains lists the nodes that files or namespaces tell of, also when the
// state file is lost.
func (o Options) remains() []string {
	var nodes []string
	entries, _ := os.ReadDir(o.RunDir)
	for _, e := range entries {
		if e.IsDir() && o.nodeDir(e.Name()) != o.certDir() {
			nodes = append(nodes, e.Name())
		}
	}
	for _, ns := range fabric.Namespaces(o.Names) {
		nodes = append(nodes, ns[len(o.Names.Prefix):])
	}
	slices.Sort(nodes)
	return slices.Compact(nodes)
}
