//go:build linux

package main

import (
	"net"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/openifit/openifit/lab/testenv"
)

func defaultRoute(ifindex int, gateway string) *netlink.Route {
	gw := net.ParseIP(gateway)
	any := &net.IPNet{IP: net.IPv6zero, Mask: net.CIDRMask(0, 128)}
	if gw.To4() != nil {
		any = &net.IPNet{IP: net.IPv4zero.To4(), Mask: net.CIDRMask(0, 32)}
	}
	return &netlink.Route{LinkIndex: ifindex, Gw: gw, Dst: any}
}

// addExtra gives the router another interface, "extra".
func (w *world) addExtra(t testing.TB) {
	t.Helper()
	attrs := netlink.NewLinkAttrs()
	attrs.Name = "extra"
	h := testenv.Netlink(t, w.router)
	if err := h.LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: "extra-peer"}); err != nil {
		t.Fatal(err)
	}
	link, err := h.LinkByName("extra")
	if err != nil {
		t.Fatal(err)
	}
	if err := h.LinkSetUp(link); err != nil {
		t.Fatal(err)
	}
}

// listens waits until somebody in the router receives on a UDP port.
func (w *world) listens(t testing.TB, port int) {
	t.Helper()
	wait(t, "the collector listens", func() bool {
		var found bool
		err := w.router.Do(func() error {
			sockets, err := netlink.SocketDiagUDP(unix.AF_INET)
			for _, s := range sockets {
				found = found || int(s.ID.SourcePort) == port
			}
			return err
		})
		return err == nil && found
	})
}
