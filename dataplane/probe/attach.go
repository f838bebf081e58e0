package probe

import (
	"errors"
	"fmt"
	"os"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
)

// attachment is how one program at a time sees the packets of a point. It
// outlives the process from pin on.
type attachment interface {
	// behind tells which program sees the packets now. It is false when none
	// does any more: the interface is gone, or somebody took the program off.
	behind() (ebpf.ProgramID, bool, error)
	// update puts another program in the place of the present one, so that each
	// packet meets exactly one of them.
	update(*ebpf.Program) error
	// pin lets the attachment outlive the process, unpin takes that back.
	pin() error
	unpin() error
	// detach takes the program off at once, and releases the attachment.
	detach() error
	// close releases the attachment; a pinned one stays.
	close() error
}

// attach puts a program before all others that are attached there now: they
// see what it lets pass, and none of them can hide packets from it.
func (e *Engine) attach(p *plan.Point, program *ebpf.Program) (attachment, error) {
	if e.Has(FeatureTCX) {
		return attachTCX(e.pins.link(p.ID), p, program)
	}
	if err := e.openNetlink(); err != nil {
		return nil, err
	}
	return attachClsact(e.netlink, e.pins, p, program)
}

// openAttachment opens what another process has pinned. It returns nil when
// that is attached to nothing any more.
func (e *Engine) openAttachment(id plan.PointID) (attachment, error) {
	path := e.pins.link(id)
	record, ok, err := readClsact(path)
	switch {
	case err != nil:
		return nil, err
	case !ok:
		return openTCX(path, id)
	}
	if err := e.openNetlink(); err != nil {
		return nil, err
	}
	return openClsact(e.netlink, path, record)
}

// openNetlink opens a socket in the calling thread's network namespace, for
// the engine's life: calls may come from threads in other ones.
func (e *Engine) openNetlink() (err error) {
	if e.netlink != nil {
		return nil
	}
	if e.netlink, err = netlink.NewHandle(unix.NETLINK_ROUTE); err != nil {
		return fmt.Errorf("open a netlink socket: %w", err)
	}
	return nil
}

// tcx attaches by a link of its own, which is pinned as a file.
type tcx struct {
	link    link.Link
	path    string
	ifindex uint32
}

func attachTCX(path string, p *plan.Point, program *ebpf.Program) (attachment, error) {
	l, err := link.AttachTCX(link.TCXOptions{
		Interface: int(p.ID.Ifindex), Program: program, Attach: attachType(p.ID.Direction), Anchor: link.Head(),
	})
	if errors.Is(err, unix.ERANGE) {
		return nil, fmt.Errorf("interface %s: the kernel allows %d programs at %s, and others have taken all places: %w",
			p.Interface, maxTCX, p.ID.Direction, err)
	}
	if err != nil {
		return nil, fmt.Errorf("attach to interface %s: %w", p.Interface, err)
	}
	return &tcx{l, path, p.ID.Ifindex}, nil
}

// maxTCX programs are allowed by the kernel on either side of an interface.
const maxTCX = 63

func openTCX(path string, id plan.PointID) (attachment, error) {
	l, err := link.LoadPinnedLink(path, nil)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open pinned link: %w", err)
	}
	t := &tcx{l, path, id.Ifindex}
	_, ok, err := t.behind()
	if err != nil || !ok {
		return nil, errors.Join(err, l.Close())
	}
	return t, nil
}

func (t *tcx) behind() (ebpf.ProgramID, bool, error) {
	info, err := t.link.Info()
	if err != nil {
		return 0, false, fmt.Errorf("inspect link: %w", err)
	}
	// The link of an interface that is gone still opens.
	at := info.TCX()
	return info.Program, at != nil && at.Ifindex == t.ifindex, nil
}

func (t *tcx) update(p *ebpf.Program) error { return t.link.Update(p) }

func (t *tcx) pin() error { return t.link.Pin(t.path) }

func (t *tcx) unpin() error { return t.link.Unpin() }

// detach does not rely on the link's being closed: in Linux 6.6 a pin that was
// removed holds its link for some time yet, and packets would be counted into
// tables that nobody drains any more.
func (t *tcx) detach() error { return errors.Join(t.link.Detach(), t.link.Close()) }

func (t *tcx) close() error { return t.link.Close() }

func attachType(d flow.Direction) ebpf.AttachType {
	if d == flow.Egress {
		return ebpf.AttachTCXEgress
	}
	return ebpf.AttachTCXIngress
}
