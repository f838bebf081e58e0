//go:build linux

package probetest

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"testing"

	"github.com/vishvananda/netlink"

	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/dataplane/probe"
	"github.com/openifit/openifit/lab/namespace"
	"github.com/openifit/openifit/lab/testenv"
)

// Line is two hosts with routers between them: host, router, ..., host. Link
// n, from 0, has the addresses 10.0.n.1 and 10.0.n.2, fd00:n::1 and fd00:n::2
// from left to right.
type Line struct {
	Left, Right *namespace.NS
	Routers     []*Router
	last        int
}

// Router is a router of a line, with its two interfaces.
type Router struct {
	NS *namespace.NS
	// Left and Right are interface numbers.
	Left, Right uint32
}

// Names of a router's interfaces.
const (
	LeftName  = "left"
	RightName = "right"
)

// NewLine makes a line that lasts as long as the test.
func NewLine(t testing.TB, routers int) *Line {
	t.Helper()
	testenv.NeedKernel(t, 6, 6)
	l := &Line{Left: testenv.NewNetNS(t), Right: testenv.NewNetNS(t), last: routers}
	for range routers {
		ns := testenv.NewNetNS(t)
		testenv.Sysctl(t, ns, "net/ipv4/ip_forward", "1")
		testenv.Sysctl(t, ns, "net/ipv6/conf/all/forwarding", "1")
		l.Routers = append(l.Routers, &Router{NS: ns})
	}
	for n := 0; n <= routers; n++ {
		left, right := l.Left, l.Right
		if n > 0 {
			left = l.Routers[n-1].NS
		}
		if n < routers {
			right = l.Routers[n].NS
		}
		a, b := testenv.VethPair(t,
			testenv.End{NS: left, Name: RightName, Addresses: []string{fmt.Sprintf("10.0.%d.1/24", n), fmt.Sprintf("fd00:%d::1/64", n)}},
			testenv.End{NS: right, Name: LeftName, Addresses: []string{fmt.Sprintf("10.0.%d.2/24", n), fmt.Sprintf("fd00:%d::2/64", n)}})
		if n > 0 {
			l.Routers[n-1].Right = uint32(a.Attrs().Index)
		}
		if n < routers {
			l.Routers[n].Left = uint32(b.Attrs().Index)
		}
	}
	l.route(t)
	return l
}

// route makes every node reach every link.
func (l *Line) route(t testing.TB) {
	t.Helper()
	nodes := []*namespace.NS{l.Left}
	for _, r := range l.Routers {
		nodes = append(nodes, r.NS)
	}
	nodes = append(nodes, l.Right)
	for i, ns := range nodes {
		h := testenv.Netlink(t, ns)
		for link := 0; link <= l.last; link++ {
			switch {
			case link < i-1:
				addRoutes(t, h, link, fmt.Sprintf("10.0.%d.1", i-1), fmt.Sprintf("fd00:%d::1", i-1))
			case link > i:
				addRoutes(t, h, link, fmt.Sprintf("10.0.%d.2", i), fmt.Sprintf("fd00:%d::2", i))
			}
		}
	}
}

func addRoutes(t testing.TB, h *netlink.Handle, link int, via4, via6 string) {
	t.Helper()
	for destination, via := range map[string]string{
		fmt.Sprintf("10.0.%d.0/24", link): via4, fmt.Sprintf("fd00:%d::/64", link): via6,
	} {
		_, network, err := net.ParseCIDR(destination)
		if err != nil {
			t.Fatal(err)
		}
		if err := h.RouteAdd(&netlink.Route{Dst: network, Gw: net.ParseIP(via)}); err != nil {
			t.Fatalf("route to %s via %s: %v", destination, via, err)
		}
	}
}

// Addresses of the hosts in a family.
func (l *Line) Addresses(family int) (left, right netip.Addr) {
	if family == 4 {
		return netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr(fmt.Sprintf("10.0.%d.2", l.last))
	}
	return netip.MustParseAddr("fd00:0::1"), netip.MustParseAddr(fmt.Sprintf("fd00:%d::2", l.last))
}

// Open opens an engine in the router's namespace and applies a plan; the end
// of the test destroys it.
func (r *Router) Open(t testing.TB, p plan.Plan) *probe.Engine {
	t.Helper()
	var engine *probe.Engine
	err := r.NS.Do(func() (err error) {
		engine, err = probe.Open(probe.Config{PinDir: PinDir(t), Without: Without()})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := engine.Destroy(); err != nil && !errors.Is(err, probe.ErrClosed) {
			t.Error(err)
		}
	})
	r.Apply(t, engine, p)
	return engine
}

// Apply prepares and commits a plan.
func (r *Router) Apply(t testing.TB, engine *probe.Engine, next plan.Plan) {
	t.Helper()
	err := r.NS.Do(func() error {
		change, err := engine.Prepare(next)
		if err != nil {
			return err
		}
		return change.Commit()
	})
	if err != nil {
		t.Fatal(err)
	}
}
