//go:build linux

package traffic

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/openifit/openifit/lab/namespace"
)

// way is how packets leave a host.
type way struct {
	index    int
	src, dst net.HardwareAddr
}

const (
	resolveRetry = 10 * time.Millisecond
	resolveLimit = 5 * time.Second
)

// resolve asks the kernel of the namespace for route and neighbour.
func resolve(ctx context.Context, ns *namespace.NS, dst netip.Addr) (way, error) {
	h, err := ns.Netlink()
	if err != nil {
		return way{}, err
	}
	defer h.Close()
	routes, err := h.RouteGet(dst.AsSlice())
	if err != nil || len(routes) == 0 {
		return way{}, fmt.Errorf("find route to %s: %w", dst, err)
	}
	link, err := h.LinkByIndex(routes[0].LinkIndex)
	if err != nil {
		return way{}, fmt.Errorf("find interface towards %s: %w", dst, err)
	}
	hop := routes[0].Gw
	if hop == nil {
		hop = dst.AsSlice()
	}
	mac, err := neighbour(ctx, h, link.Attrs().Index, hop)
	if err != nil {
		return way{}, fmt.Errorf("next hop %s on %s: %w", hop, link.Attrs().Name, err)
	}
	return way{index: link.Attrs().Index, src: link.Attrs().HardwareAddr, dst: mac}, nil
}

// neighbour finds the link address of a next hop. One that is not known yet
// is asked for by the kernel, without a packet of ours.
func neighbour(ctx context.Context, h *netlink.Handle, index int, ip net.IP) (net.HardwareAddr, error) {
	ctx, cancel := context.WithTimeout(ctx, resolveLimit)
	defer cancel()
	family := unix.AF_INET6
	if ip.To4() != nil {
		family = unix.AF_INET
	}
	for {
		list, err := h.NeighList(index, family)
		if err != nil {
			return nil, fmt.Errorf("list neighbours: %w", err)
		}
		for _, n := range list {
			if n.IP.Equal(ip) && len(n.HardwareAddr) == 6 && n.State&(netlink.NUD_FAILED|netlink.NUD_INCOMPLETE) == 0 {
				return n.HardwareAddr, nil
			}
		}
		err = h.NeighSet(&netlink.Neigh{LinkIndex: index, Family: family, IP: ip, Flags: netlink.NTF_USE})
		if err != nil {
			return nil, fmt.Errorf("ask for neighbour: %w", err)
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("no answer: %w", ctx.Err())
		case <-time.After(resolveRetry):
		}
	}
}
