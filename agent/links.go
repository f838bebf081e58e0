package agent

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/gen/yang"
)

// link is an interface of the node's network namespace.
type link struct {
	index, mtu uint32
	name       string
	up         bool
}

// links are sorted by ifindex.
type links []link

// readLinks asks the kernel.
func readLinks() (links, error) {
	list, err := netlink.LinkList()
	if err != nil {
		return nil, fmt.Errorf("list interfaces: %w", err)
	}
	out := make(links, 0, len(list))
	for _, l := range list {
		a := l.Attrs()
		out = append(out, link{
			index: uint32(a.Index), mtu: uint32(a.MTU), name: a.Name,
			// Interfaces such as loopback never say more than "unknown".
			up: a.OperState == netlink.OperUp || a.OperState == netlink.OperUnknown,
		})
	}
	slices.SortFunc(out, func(a, b link) int { return cmp.Compare(a.index, b.index) })
	return out, nil
}

// readPackets counts what passed each side of each interface.
func readPackets() (map[plan.PointID]uint64, error) {
	list, err := netlink.LinkList()
	if err != nil {
		return nil, fmt.Errorf("list interfaces: %w", err)
	}
	out := make(map[plan.PointID]uint64, 2*len(list))
	for _, l := range list {
		a := l.Attrs()
		if a.Statistics == nil {
			continue
		}
		out[plan.PointID{Ifindex: uint32(a.Index), Direction: flow.Ingress}] = a.Statistics.RxPackets
		out[plan.PointID{Ifindex: uint32(a.Index), Direction: flow.Egress}] = a.Statistics.TxPackets
	}
	return out, nil
}

// byName gives ifindexes.
func (l links) byName() map[string]uint32 {
	out := make(map[string]uint32, len(l))
	for _, i := range l {
		out[i.name] = i.index
	}
	return out
}

// names gives names.
func (l links) names() map[uint32]string {
	out := make(map[uint32]string, len(l))
	for _, i := range l {
		out[i.index] = i.name
	}
	return out
}

// describe fills in the state of an interface.
func (l links) describe(name string, out *yang.Interface_State) {
	out.OperStatus, out.Ifindex, out.Mtu = yang.InterfaceOperStatus_NOT_PRESENT, nil, nil
	for i := range l {
		if l[i].name != name {
			continue
		}
		out.OperStatus = yang.InterfaceOperStatus_DOWN
		if l[i].up {
			out.OperStatus = yang.InterfaceOperStatus_UP
		}
		out.Ifindex, out.Mtu = &l[i].index, &l[i].mtu
	}
}

// linkWatch tells when interfaces come, go or change.
type linkWatch struct {
	// changed follows the interfaces; again tells that it failed the last time.
	changed func(again bool) error
	log     *slog.Logger

	// failed tells that another attempt is due after a while.
	failed bool
}

// linkRetry is the time between two attempts to follow the interfaces, of
// which several must fit into the time that an interface may stay unwatched.
const linkRetry = 500 * time.Millisecond

// look follows the interfaces as they are now. It complains once about what
// does not work.
func (w *linkWatch) look() {
	err := w.changed(w.failed)
	if err != nil && !w.failed {
		w.log.Error("configuration does not follow the interfaces; it is tried again", "error", err, "after", linkRetry)
	}
	if err == nil && w.failed {
		w.log.Info("configuration follows the interfaces again")
	}
	w.failed = err != nil
}

// String names the task.
func (w *linkWatch) String() string { return "interface watch" }

// Run follows the kernel's announcements until ctx ends. It subscribes anew
// when the kernel had to drop some.
func (w *linkWatch) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		if err := w.follow(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (w *linkWatch) follow(ctx context.Context) error {
	updates, done := make(chan netlink.LinkUpdate, 64), make(chan struct{})
	err := netlink.LinkSubscribeWithOptions(updates, done, netlink.LinkSubscribeOptions{
		ErrorCallback: func(err error) {
			if ctx.Err() == nil {
				w.log.Warn("interface announcements were lost", "error", err)
			}
		},
	})
	if err != nil {
		close(done)
		return fmt.Errorf("watch interfaces: %w", err)
	}
	// What happened before the subscription was not announced.
	w.look()
	retry := time.NewTicker(linkRetry)
	defer retry.Stop()
	defer func() {
		close(done)
		for range updates { //nolint:revive // the sender must not block until it sees that it is done
		}
	}()
	for {
		select {
		case _, ok := <-updates:
			if !ok {
				return nil
			}
			drain(updates)
			w.look()
		case <-retry.C:
			if w.failed {
				w.look()
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// drain takes what is there: many announcements are one change.
func drain(updates <-chan netlink.LinkUpdate) {
	for {
		select {
		case _, ok := <-updates:
			if !ok {
				return
			}
		default:
			return
		}
	}
}
