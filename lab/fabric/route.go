//go:build linux

package fabric

import (
	"fmt"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/openifit/openifit/lab/topology"
)

// routeProtocol marks the routes that the lab installed, as "static" would,
// but so that no other tool's routes are taken for the lab's.
const routeProtocol = 214

// Route installs the topology's routes in all nodes, each by one atomic
// replacement, and removes those that are no longer wanted. The nodes in
// avoid forward nothing: Route("r3") moves line5 to its detour, Route()
// moves it back.
func (f *Fabric) Route(avoid ...string) error {
	for _, a := range avoid {
		if n, ok := f.topology.Node(a); !ok || n.Kind != topology.Router {
			return fmt.Errorf("avoid %q: topology %s has no such router", a, f.topology.Name)
		}
	}
	for _, spec := range f.topology.Nodes {
		n := f.nodes[spec.Name]
		if err := n.route(f.topology.RoutesOf(spec.Name, avoid...)); err != nil {
			return fmt.Errorf("routes of %s: %w", spec.Name, err)
		}
	}
	return nil
}

func (n *node) route(routes []topology.Route) error {
	wanted := map[string]bool{}
	for _, r := range routes {
		wanted[r.Prefix.String()] = true
		route := &netlink.Route{Dst: ipNet(r.Prefix), Protocol: routeProtocol}
		for _, hop := range r.Hops {
			link, err := n.nl.LinkByName(hop.Interface)
			if err != nil {
				return fmt.Errorf("find %s: %w", hop.Interface, err)
			}
			if link.Attrs().Flags&unix.IFF_UP == 0 {
				continue
			}
			route.MultiPath = append(route.MultiPath, &netlink.NexthopInfo{
				LinkIndex: link.Attrs().Index, Gw: hop.Via.AsSlice(),
			})
		}
		if len(route.MultiPath) == 0 {
			// Its interfaces are down, and the kernel took the route along.
			continue
		}
		if len(route.MultiPath) == 1 {
			route.LinkIndex, route.Gw = route.MultiPath[0].LinkIndex, route.MultiPath[0].Gw
			route.MultiPath = nil
		}
		if err := n.nl.RouteReplace(route); err != nil {
			return fmt.Errorf("set route to %s: %w", r.Prefix, err)
		}
	}
	return n.prune(wanted)
}

func (n *node) prune(wanted map[string]bool) error {
	for _, family := range []int{unix.AF_INET, unix.AF_INET6} {
		have, err := n.nl.RouteListFiltered(family, &netlink.Route{Protocol: routeProtocol}, netlink.RT_FILTER_PROTOCOL)
		if err != nil {
			return fmt.Errorf("list routes: %w", err)
		}
		for _, r := range have {
			if r.Dst == nil || wanted[r.Dst.String()] {
				continue
			}
			if err := n.nl.RouteDel(&r); err != nil {
				return fmt.Errorf("delete route to %s: %w", r.Dst, err)
			}
		}
	}
	return nil
}
