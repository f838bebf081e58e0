//go:build linux

package main

import (
	"net"
	"testing"

	"github.com/vishvananda/netlink"

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
