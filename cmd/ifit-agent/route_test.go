//go:build linux

package main

import (
	"net"

	"github.com/vishvananda/netlink"
)

func defaultRoute(ifindex int, gateway string) *netlink.Route {
	gw := net.ParseIP(gateway)
	any := &net.IPNet{IP: net.IPv6zero, Mask: net.CIDRMask(0, 128)}
	if gw.To4() != nil {
		any = &net.IPNet{IP: net.IPv4zero.To4(), Mask: net.CIDRMask(0, 32)}
	}
	return &netlink.Route{LinkIndex: ifindex, Gw: gw, Dst: any}
}
