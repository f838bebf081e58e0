package topology

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
)

// Route is what one node knows about one destination.
type Route struct {
	Prefix netip.Prefix
	Hops   []Hop
}

// Hop is one next hop of a route.
type Hop struct {
	Interface string
	Via       netip.Addr
}

// RoutesOf computes a node's routes to everything in the topology, both
// families, by the links' metrics. The nodes in avoid forward nothing, but
// can still be reached. Hosts have default routes. Destinations that cannot
// be reached have no route. The order is stable.
func (t *Topology) RoutesOf(node string, avoid ...string) []Route {
	n, ok := t.Node(node)
	if !ok {
		return nil
	}
	var routes []Route
	for _, v4 := range []bool{true, false} {
		if n.Kind == Host {
			if r, ok := t.defaultRoute(node, v4); ok {
				routes = append(routes, r)
			}
			continue
		}
		for _, d := range t.destinations(v4) {
			if slices.Contains(d.owners, node) {
				continue
			}
			if hops := t.hops(node, d.owners, v4, avoid); len(hops) > 0 {
				routes = append(routes, Route{Prefix: d.prefix, Hops: hops})
			}
		}
	}
	return t.override(node, routes)
}

func (t *Topology) override(node string, routes []Route) []Route {
	for _, s := range t.Routes {
		if s.Node != node {
			continue
		}
		r := Route{Prefix: s.Prefix}
		for _, via := range s.Via {
			if name, ok := t.egress(node, via); ok {
				r.Hops = append(r.Hops, Hop{Interface: name, Via: via})
			}
		}
		i := slices.IndexFunc(routes, func(have Route) bool { return have.Prefix == s.Prefix })
		if i < 0 {
			routes = append(routes, r)
		} else {
			routes[i] = r
		}
	}
	return routes
}

// egress finds the interface whose peer has the address.
func (t *Topology) egress(node string, via netip.Addr) (string, bool) {
	for _, i := range t.Interfaces(node) {
		if a, ok := i.Peer.Address(via.Is4()); ok && a == via {
			return i.Name, true
		}
	}
	return "", false
}

// defaultRoute sends everything to the host's first router.
func (t *Topology) defaultRoute(host string, v4 bool) (Route, bool) {
	for _, i := range t.Interfaces(host) {
		if via, ok := i.Peer.Address(v4); ok {
			all := netip.PrefixFrom(netip.IPv6Unspecified(), 0)
			if v4 {
				all = netip.PrefixFrom(netip.IPv4Unspecified(), 0)
			}
			return Route{Prefix: all, Hops: []Hop{{Interface: i.Name, Via: via}}}, true
		}
	}
	return Route{}, false
}

type destination struct {
	prefix netip.Prefix
	owners []string
}

func (t *Topology) destinations(v4 bool) []destination {
	var list []destination
	for _, n := range t.Nodes {
		for _, a := range n.Loopback {
			if a.Is4() == v4 {
				list = append(list, destination{netip.PrefixFrom(a, a.BitLen()), []string{n.Name}})
			}
		}
	}
	for _, l := range t.Links {
		for _, p := range l.A.Addresses {
			if p.Addr().Is4() == v4 {
				list = append(list, destination{p.Masked(), []string{l.A.Node, l.B.Node}})
			}
		}
	}
	return list
}

// hops are the neighbours on the shortest ways from node to any owner.
func (t *Topology) hops(node string, owners []string, v4 bool, avoid []string) []Hop {
	distance := t.distances(owners, v4, avoid)
	var hops []Hop
	for _, l := range t.Links {
		own, peer := l.A, l.B
		if own.Node != node {
			own, peer = l.B, l.A
		}
		via, ok := peer.Address(v4)
		if own.Node != node || !ok || !t.leads(peer.Node, owners, avoid) {
			continue
		}
		d, ok := distance[peer.Node]
		if !ok || d+l.Metric != distance[node] {
			continue
		}
		hops = append(hops, Hop{Interface: own.Interface, Via: via})
		if !t.ECMP {
			break
		}
	}
	return hops
}

// leads says whether a neighbour takes packets towards the owners: it is one
// of them, or it forwards.
func (t *Topology) leads(neighbour string, owners, avoid []string) bool {
	if slices.Contains(owners, neighbour) {
		return true
	}
	n, _ := t.Node(neighbour)
	return n.Kind == Router && !slices.Contains(avoid, neighbour)
}

// distances from every node to the nearest owner, by relaxation until
// nothing changes: the graphs are small.
func (t *Topology) distances(owners []string, v4 bool, avoid []string) map[string]int {
	d := map[string]int{}
	for _, o := range owners {
		d[o] = 0
	}
	get := func(n string) int {
		if v, ok := d[n]; ok {
			return v
		}
		return math.MaxInt32
	}
	for changed := true; changed; {
		changed = false
		for _, l := range t.Links {
			if _, ok := l.A.Address(v4); !ok {
				continue
			}
			for _, way := range [2][2]string{{l.A.Node, l.B.Node}, {l.B.Node, l.A.Node}} {
				from, to := way[0], way[1]
				if t.leads(to, owners, avoid) && get(to)+l.Metric < get(from) {
					d[from] = get(to) + l.Metric
					changed = true
				}
			}
		}
	}
	return d
}

// PathOf lists the nodes that a packet passes from one node to another, both
// ends included, taking the first of several next hops.
func (t *Topology) PathOf(from, to string, v4 bool, avoid ...string) ([]string, error) {
	dst, ok := t.Address(to, v4)
	if !ok {
		return nil, fmt.Errorf("node %q has no address of the family", to)
	}
	path := []string{from}
	for at := from; at != to; {
		next, ok := t.forward(at, dst, avoid)
		if !ok {
			return nil, fmt.Errorf("%s has no route to %s", at, dst)
		}
		if slices.Contains(path, next) {
			return nil, fmt.Errorf("routes to %s loop: %v, then %s again", dst, path, next)
		}
		path = append(path, next)
		at = next
	}
	return path, nil
}

func (t *Topology) forward(at string, dst netip.Addr, avoid []string) (string, bool) {
	interfaces := t.Interfaces(at)
	for _, i := range interfaces {
		if a, ok := i.Peer.Address(dst.Is4()); ok && a == dst {
			return i.Peer.Node, true
		}
	}
	var best Route
	for _, r := range t.RoutesOf(at, avoid...) {
		if r.Prefix.Contains(dst) && (len(best.Hops) == 0 || r.Prefix.Bits() > best.Prefix.Bits()) {
			best = r
		}
	}
	if len(best.Hops) == 0 {
		return "", false
	}
	for _, i := range interfaces {
		if i.Name == best.Hops[0].Interface {
			return i.Peer.Node, true
		}
	}
	return "", false
}
