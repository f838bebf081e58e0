//go:build linux

package fabric

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/vishvananda/netlink"

	"github.com/openifit/openifit/lab/namespace"
)

// Remove takes down every namespace whose name starts with the prefix, and
// the management network. It needs no topology, so that it cleans up after
// anything, and does nothing when there is nothing.
func Remove(names Names) error {
	if err := names.Check(); err != nil {
		return err
	}
	var errs []error
	for _, name := range Namespaces(names) {
		errs = append(errs, removeNamespace(name))
	}
	errs = append(errs, removeRootLinks(names))
	return errors.Join(errs...)
}

// Namespaces lists the namespaces of a lab.
func Namespaces(names Names) []string {
	// The directory is absent where no namespace ever had a name.
	entries, _ := os.ReadDir(namespace.Dir)
	var list []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), names.Prefix) {
			list = append(list, e.Name())
		}
	}
	return list
}

// removeNamespace deletes the links first: the namespace itself lives on
// while a forgotten process is inside.
func removeNamespace(name string) error {
	ns, err := namespace.Open(name)
	if err != nil {
		return err
	}
	defer ns.Close()
	return errors.Join(removeLinks(ns), namespace.Delete(name))
}

func removeLinks(ns *namespace.NS) error {
	h, err := ns.Netlink()
	if err != nil {
		// A file that never became a mount has no namespace behind it.
		return nil
	}
	defer h.Close()
	links, err := h.LinkList()
	if err != nil {
		return fmt.Errorf("list interfaces of %s: %w", ns.Name(), err)
	}
	for _, l := range links {
		if l.Type() != "veth" {
			continue
		}
		if err := h.LinkDel(l); err != nil && !gone(h, l) {
			return fmt.Errorf("delete interface %s of %s: %w", l.Attrs().Name, ns.Name(), err)
		}
	}
	return nil
}

func removeRootLinks(names Names) error {
	h, err := netlink.NewHandle()
	if err != nil {
		return fmt.Errorf("open netlink: %w", err)
	}
	defer h.Close()
	links, err := h.LinkList()
	if err != nil {
		return fmt.Errorf("list interfaces: %w", err)
	}
	var errs []error
	for _, l := range links {
		if !names.own(l.Attrs().Name) {
			continue
		}
		if err := h.LinkDel(l); err != nil && !gone(h, l) {
			errs = append(errs, fmt.Errorf("delete interface %s: %w", l.Attrs().Name, err))
		}
	}
	return errors.Join(errs...)
}

// gone says that a link vanished by itself, as a pair does with its other
// end.
func gone(h *netlink.Handle, l netlink.Link) bool {
	_, err := h.LinkByIndex(l.Attrs().Index)
	return isNotFound(err)
}
