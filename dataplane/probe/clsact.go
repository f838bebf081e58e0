package probe

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/cilium/ebpf"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
)

// clsact attaches by a filter of the clsact queueing discipline, for kernels
// without tcx. A filter belongs to nobody and stays when its process dies, so
// what is pinned is a record of it, from before it exists until after it has
// gone.
type clsact struct {
	netlink *netlink.Handle
	path    string
	record  clsactRecord
}

// clsactRecord is the content of the pin.
type clsactRecord struct {
	Ifindex, Parent, Handle uint32
	Priority                uint16
	// Owner: the queueing discipline was made for us.
	Owner uint16
}

const (
	// clsactHandle begins the handles of our filters: "IF" and a number.
	clsactHandle = 0x49460000
	// Filters are looked at by ascending priority. Ours comes first, so that
	// none can hide packets from it; where somebody has that priority for a
	// filter of another kind, the next one.
	maxPriority = 16
)

func clsactParent(d flow.Direction) uint32 {
	if d == flow.Egress {
		return netlink.HANDLE_MIN_EGRESS
	}
	return netlink.HANDLE_MIN_INGRESS
}

func attachClsact(h *netlink.Handle, pins pins, p *plan.Point, program *ebpf.Program) (_ attachment, err error) {
	c := &clsact{netlink: h, path: pins.link(p.ID), record: clsactRecord{
		Ifindex: p.ID.Ifindex, Parent: clsactParent(p.ID.Direction),
	}}
	defer func() {
		if err != nil {
			err = fmt.Errorf("attach to interface %s: %w", p.Interface, err)
		}
	}()
	made, err := c.discipline(p.ID.Direction)
	if err != nil {
		return nil, err
	}
	other := plan.PointID{Ifindex: p.ID.Ifindex, Direction: 1 - p.ID.Direction}
	if sibling, ok, err := readClsact(pins.link(other)); err == nil && ok {
		made = made || sibling.Owner != 0
	}
	if made {
		c.record.Owner = 1
	}
	filters, err := c.filters(c.record.Parent)
	if err != nil {
		return nil, err
	}
	c.record.Handle = clsactHandle
	for taken(filters, c.record.Handle) {
		c.record.Handle++
	}
	for c.record.Priority = 1; ; c.record.Priority++ {
		if err := c.write(); err != nil {
			return nil, err
		}
		err := h.FilterAdd(c.filter(program))
		if err == nil {
			return c, nil
		}
		if !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.EEXIST) || c.record.Priority == maxPriority {
			return nil, errors.Join(fmt.Errorf("add filter: %w", err), c.detach())
		}
	}
}

func taken(filters []netlink.Filter, handle uint32) bool {
	return slices.ContainsFunc(filters, func(f netlink.Filter) bool { return f.Attrs().Handle == handle })
}

// discipline makes sure that there is one for filters, and tells whether it
// had to be made.
func (c *clsact) discipline(d flow.Direction) (made bool, err error) {
	q := c.qdisc()
	switch err = c.netlink.QdiscAdd(q); {
	case err == nil:
		return true, nil
	case !errors.Is(err, unix.EEXIST):
		return false, fmt.Errorf("add clsact: %w", err)
	}
	all, err := c.netlink.QdiscList(c.device())
	if err != nil {
		return false, fmt.Errorf("list queueing disciplines: %w", err)
	}
	for _, present := range all {
		if present.Type() == "ingress" && d == flow.Egress {
			return false, errors.New("its queueing discipline for arriving packets is ingress, and only clsact has filters for leaving ones")
		}
	}
	return false, nil
}

func (c *clsact) qdisc() netlink.Qdisc {
	return &netlink.Clsact{QdiscAttrs: netlink.QdiscAttrs{
		LinkIndex: int(c.record.Ifindex), Handle: netlink.MakeHandle(0xffff, 0), Parent: netlink.HANDLE_CLSACT,
	}}
}

func (c *clsact) device() netlink.Link {
	return &netlink.Device{LinkAttrs: netlink.LinkAttrs{Index: int(c.record.Ifindex)}}
}

func (c *clsact) filters(parent uint32) ([]netlink.Filter, error) {
	list, err := c.netlink.FilterList(c.device(), parent)
	if err != nil {
		return nil, fmt.Errorf("list filters: %w", err)
	}
	return list, nil
}

// filter is ours, with a program in it; nil where none is needed to name it.
func (c *clsact) filter(program *ebpf.Program) *netlink.BpfFilter {
	f := &netlink.BpfFilter{
		FilterAttrs: netlink.FilterAttrs{
			LinkIndex: int(c.record.Ifindex), Parent: c.record.Parent, Handle: c.record.Handle,
			Priority: c.record.Priority, Protocol: unix.ETH_P_ALL,
		},
		Name: "ifit", DirectAction: true, Fd: -1,
	}
	if program != nil {
		f.Fd = program.FD()
	}
	return f
}

func (c *clsact) behind() (ebpf.ProgramID, bool, error) {
	list, err := c.filters(c.record.Parent)
	if err != nil {
		return 0, false, err
	}
	for _, f := range list {
		if b, ok := f.(*netlink.BpfFilter); ok && b.Handle == c.record.Handle && b.Priority == c.record.Priority {
			return ebpf.ProgramID(b.Id), true, nil
		}
	}
	return 0, false, nil
}

func (c *clsact) update(p *ebpf.Program) error {
	if err := c.netlink.FilterReplace(c.filter(p)); err != nil {
		return fmt.Errorf("replace filter: %w", err)
	}
	return nil
}

// The record is there as long as the filter is.
func (c *clsact) pin() error   { return nil }
func (c *clsact) unpin() error { return nil }
func (c *clsact) close() error { return nil }

func (c *clsact) detach() error {
	_, attached, err := c.behind()
	if err != nil {
		return err
	}
	if attached {
		if err := c.netlink.FilterDel(c.filter(nil)); err != nil {
			return fmt.Errorf("remove filter: %w", err)
		}
	}
	return errors.Join(c.abandon(), c.forget())
}

// abandon removes the queueing discipline that was made for us, unless
// somebody has filters there by now.
func (c *clsact) abandon() error {
	if c.record.Owner == 0 {
		return nil
	}
	for _, parent := range []uint32{netlink.HANDLE_MIN_INGRESS, netlink.HANDLE_MIN_EGRESS} {
		list, err := c.filters(parent)
		if err != nil || len(list) > 0 {
			return err
		}
	}
	err := c.netlink.QdiscDel(c.qdisc())
	for _, gone := range []error{unix.ENOENT, unix.EINVAL, unix.ENODEV} {
		if errors.Is(err, gone) {
			return nil
		}
	}
	if err != nil {
		return fmt.Errorf("remove clsact: %w", err)
	}
	return nil
}

func (c *clsact) forget() error {
	if err := os.Remove(c.path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove record of filter: %w", err)
	}
	return nil
}

func (c *clsact) write() error {
	if err := c.forget(); err != nil {
		return err
	}
	m, err := ebpf.NewMap(&ebpf.MapSpec{
		Name: "ifit_filter", Type: ebpf.Array, KeySize: 4, ValueSize: 16, MaxEntries: 1,
		Contents: []ebpf.MapKV{{Key: uint32(0), Value: c.record}},
	})
	if err != nil {
		return fmt.Errorf("create record of filter: %w", err)
	}
	defer m.Close()
	if err := m.Pin(c.path); err != nil {
		return fmt.Errorf("pin record of filter: %w", err)
	}
	return nil
}

// readClsact reports false when there is no record of a filter.
func readClsact(path string) (clsactRecord, bool, error) {
	var r clsactRecord
	if _, err := os.Lstat(path); errors.Is(err, os.ErrNotExist) {
		return r, false, nil
	}
	m, err := ebpf.LoadPinnedMap(path, nil)
	if err != nil {
		// A link.
		return r, false, nil
	}
	defer m.Close()
	if err := m.Lookup(uint32(0), &r); err != nil {
		return r, false, fmt.Errorf("read record of filter: %w", err)
	}
	return r, true, nil
}

// openClsact returns nil when the filter is gone.
func openClsact(h *netlink.Handle, path string, r clsactRecord) (attachment, error) {
	c := &clsact{netlink: h, path: path, record: r}
	_, ok, err := c.behind()
	if err != nil || !ok {
		return nil, err
	}
	return c, nil
}
