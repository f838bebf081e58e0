//go:build linux

// Package impair makes links worse in ways that are known exactly: a queue
// that builds up, packets that are lost or leave in another order.
package impair

import (
	"errors"
	"fmt"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/openifit/openifit/lab/namespace"
)

// Queue is a token bucket in front of a link.
type Queue struct {
	// Rate in bits per second, Ethernet headers included.
	Rate uint64
	// Burst in octets that may leave at once; it must hold a packet.
	Burst uint32
	// Limit of the queue in octets; what does not fit is dropped.
	Limit uint32
}

// The smallest burst takes an Ethernet frame of the usual size.
const minBurst = 1600

func (q Queue) check() error {
	if q.Rate < 8000 {
		return fmt.Errorf("rate %d: want 8000 bits per second at least", q.Rate)
	}
	if q.Burst < minBurst {
		return fmt.Errorf("burst %d: want %d octets at least", q.Burst, minBurst)
	}
	if q.Limit < q.Burst {
		return fmt.Errorf("limit %d: want at least the burst of %d octets", q.Limit, q.Burst)
	}
	return nil
}

// MaxDelay is how long a packet waits at the end of a full queue.
func (q Queue) MaxDelay() time.Duration {
	return time.Duration(float64(q.Limit) * 8 / float64(q.Rate) * float64(time.Second))
}

// QueueStats tells what a queue does.
type QueueStats struct {
	// Backlog in octets and packets at this moment.
	Backlog        uint32 `json:"backlog"`
	BacklogPackets uint32 `json:"backlog-packets"`
	// Sent and dropped packets since the queue is there.
	Sent    uint32 `json:"sent"`
	Dropped uint32 `json:"dropped"`
}

// ErrNone says that the interface is not impaired in the way asked for.
var ErrNone = errors.New("not impaired")

// TBF puts a queue in front of an interface, or changes the one that is
// there without losing its packets.
func TBF(ns *namespace.NS, name string, q Queue) error {
	if err := q.check(); err != nil {
		return fmt.Errorf("queue at %s: %w", name, err)
	}
	return at(ns, name, func(h *netlink.Handle, link netlink.Link) error {
		rate := q.Rate / 8
		err := h.QdiscReplace(&netlink.Tbf{
			QdiscAttrs: rootQdisc(link), Rate: rate, Limit: q.Limit,
			// The kernel takes the burst as the time that it lasts.
			Buffer: netlink.Xmittime(rate, q.Burst),
		})
		if err != nil {
			return fmt.Errorf("set token bucket: %w", err)
		}
		return nil
	})
}

func rootQdisc(link netlink.Link) netlink.QdiscAttrs {
	return netlink.QdiscAttrs{
		LinkIndex: link.Attrs().Index, Parent: netlink.HANDLE_ROOT, Handle: netlink.MakeHandle(1, 0),
	}
}

// ClearTBF removes the queue with the packets that are in it. The error
// matches ErrNone when there is none.
func ClearTBF(ns *namespace.NS, name string) error {
	return at(ns, name, func(h *netlink.Handle, link netlink.Link) error {
		q, err := findTBF(h, link)
		if err != nil {
			return err
		}
		if err := h.QdiscDel(q); err != nil {
			return fmt.Errorf("remove token bucket: %w", err)
		}
		return nil
	})
}

// TBFStats reads a queue's counters. The error matches ErrNone when there is
// none.
func TBFStats(ns *namespace.NS, name string) (QueueStats, error) {
	var s QueueStats
	err := at(ns, name, func(h *netlink.Handle, link netlink.Link) error {
		q, err := findTBF(h, link)
		if err != nil {
			return err
		}
		if st := q.Attrs().Statistics; st != nil && st.Queue != nil && st.Basic != nil {
			s = QueueStats{
				Backlog: st.Queue.Backlog, BacklogPackets: st.Queue.Qlen,
				Sent: st.Basic.Packets, Dropped: st.Queue.Drops,
			}
		}
		return nil
	})
	return s, err
}

func findTBF(h *netlink.Handle, link netlink.Link) (netlink.Qdisc, error) {
	list, err := h.QdiscList(link)
	if err != nil {
		return nil, fmt.Errorf("list queueing disciplines: %w", err)
	}
	for _, q := range list {
		if q.Type() == "tbf" && q.Attrs().Parent == netlink.HANDLE_ROOT {
			return q, nil
		}
	}
	return nil, fmt.Errorf("token bucket: %w", ErrNone)
}

// at runs fn on an interface of a namespace and names it in the error.
func at(ns *namespace.NS, name string, fn func(*netlink.Handle, netlink.Link) error) error {
	h, err := ns.Netlink()
	if err != nil {
		return err
	}
	defer h.Close()
	link, err := h.LinkByName(name)
	if err == nil {
		err = fn(h, link)
	}
	if err != nil {
		return fmt.Errorf("interface %s of %s: %w", name, ns.Name(), err)
	}
	return nil
}

func isAbsent(err error) bool { return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EINVAL) }
