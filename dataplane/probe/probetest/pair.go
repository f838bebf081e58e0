//go:build linux

// Package probetest gives tests a pair of network namespaces with an engine
// in one of them and traffic from the other.
package probetest

import (
	"crypto/rand"
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/vishvananda/netlink"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/dataplane/probe"
	"github.com/openifit/openifit/lab/namespace"
	"github.com/openifit/openifit/lab/testenv"
)

// Port is where the near end listens.
const Port = 7000

// Pair is a veth pair: probes are at its near end, packets come from the far
// end, and each has an address of either family.
type Pair struct {
	Near, Far                *namespace.NS
	Near4, Near6, Far4, Far6 netip.Addr
	// Ifindex is that of the near end.
	Ifindex uint32
	// PinDir is where Engine keeps its pins.
	PinDir   string
	received map[int]net.PacketConn
}

// Name is the near end's interface.
const Name = "near"

// NewPair makes a pair that lasts as long as the test.
func NewPair(t testing.TB) *Pair {
	t.Helper()
	testenv.NeedKernel(t, 6, 6)
	p := &Pair{
		Near: testenv.NewNetNS(t), Far: testenv.NewNetNS(t),
		Near4: netip.MustParseAddr("10.0.0.1"), Near6: netip.MustParseAddr("fd00::1"),
		Far4: netip.MustParseAddr("10.0.0.2"), Far6: netip.MustParseAddr("fd00::2"),
		received: make(map[int]net.PacketConn),
	}
	near, far := testenv.VethPair(t,
		testenv.End{NS: p.Near, Name: Name, Addresses: []string{"10.0.0.1/24", "fd00::1/64"}},
		testenv.End{NS: p.Far, Name: "far", Addresses: []string{"10.0.0.2/24", "fd00::2/64"}})
	p.Ifindex = uint32(near.Attrs().Index)
	_ = far
	p.PinDir = PinDir(t)
	for family, addr := range map[int]netip.Addr{4: p.Near4, 6: p.Near6} {
		err := p.Near.Do(func() (err error) {
			p.received[family], err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(addr, Port)))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { p.received[family].Close() })
	}
	return p
}

// PinDir names a fresh directory on the BPF file system, removed after the
// test with all that is pinned there.
func PinDir(t testing.TB) string {
	t.Helper()
	dir := filepath.Join("/sys/fs/bpf", "openifit-test-"+rand.Text())
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// SetLayout makes pins those of another version, and returns theirs.
func SetLayout(t testing.TB, pinDir string, version uint64) uint64 {
	t.Helper()
	m, err := ebpf.LoadPinnedMap(filepath.Join(pinDir, "layout"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	var layout [2]uint64
	if err := m.Lookup(uint32(0), &layout); err != nil {
		t.Fatal(err)
	}
	before := layout[0]
	layout[0] = version
	if err := m.Put(uint32(0), &layout); err != nil {
		t.Fatal(err)
	}
	return before
}

// Do runs fn inside the near namespace.
func (p *Pair) Do(fn func() error) error { return p.Near.Do(fn) }

// Engine opens an engine in the near namespace, which the end of the test
// destroys.
func (p *Pair) Engine(t testing.TB) *probe.Engine {
	t.Helper()
	return p.Open(t, probe.Config{PinDir: p.PinDir})
}

// Open opens an engine in the near namespace, which the end of the test
// destroys.
func (p *Pair) Open(t testing.TB, cfg probe.Config) *probe.Engine {
	t.Helper()
	if cfg.Without == nil {
		cfg.Without = Without()
	}
	var engine *probe.Engine
	err := p.Do(func() (err error) {
		engine, err = probe.Open(cfg)
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
	return engine
}

// Apply prepares and commits a plan.
func (p *Pair) Apply(t testing.TB, engine *probe.Engine, next plan.Plan) {
	t.Helper()
	err := p.Do(func() error {
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

// Ingress is the point at which packets from the far end arrive.
func (p *Pair) Ingress(policies ...plan.Policy) plan.Point {
	return plan.Point{
		ID: plan.PointID{Ifindex: p.Ifindex, Direction: flow.Ingress}, Interface: Name, Policies: policies,
	}
}

// Egress is the point at which packets to the far end leave.
func (p *Pair) Egress(policies ...plan.Policy) plan.Point {
	return plan.Point{
		ID: plan.PointID{Ifindex: p.Ifindex, Direction: flow.Egress}, Interface: Name, Policies: policies,
	}
}

// Metering is a policy that meters every packet by its 5-tuple.
func Metering(id, generation uint32) plan.Policy {
	return plan.Policy{
		PolicyRef: flow.PolicyRef{ID: id, Generation: generation}, Name: "metering",
		Actions: plan.ActMeter, Keys: plan.Key5Tuple,
	}
}

// SendUDP sends n packets of five octets from a port of the far end, and
// returns when all of them have arrived.
func (p *Pair) SendUDP(t testing.TB, family int, port uint16, n int) {
	t.Helper()
	from, to := p.Far4, p.Near4
	if family == 6 {
		from, to = p.Far6, p.Near6
	}
	var c *net.UDPConn
	err := p.Far.Do(func() (err error) {
		c, err = net.DialUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(from, port)),
			net.UDPAddrFromAddrPort(netip.AddrPortFrom(to, Port)))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	exchange(t, c, p.received[family], n)
}

// Exchange sends n packets of five octets from a port of one namespace to an
// address of another one, and returns when all of them have arrived.
func Exchange(t testing.TB, from, to *namespace.NS, address string, port uint16, n int) {
	t.Helper()
	target := netip.AddrPortFrom(netip.MustParseAddr(address), Port)
	var in net.PacketConn
	err := to.Do(func() (err error) {
		in, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(target))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	var c *net.UDPConn
	err = from.Do(func() (err error) {
		c, err = net.DialUDP("udp", &net.UDPAddr{Port: int(port)}, net.UDPAddrFromAddrPort(target))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	exchange(t, c, in, n)
}

func exchange(t testing.TB, c net.Conn, in net.PacketConn, n int) {
	t.Helper()
	buf := make([]byte, 16)
	for range n {
		if _, err := c.Write([]byte("hello")); err != nil {
			t.Fatal(err)
		}
		if err := in.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, _, err := in.ReadFrom(buf); err != nil {
			t.Fatalf("receive what was sent: %v", err)
		}
	}
}

// Quiet is an ingress point of the near end at which no packets arrive but
// those that a Runner hands in: its interface is down.
func (p *Pair) Quiet(t testing.TB, policies ...plan.Policy) plan.Point {
	t.Helper()
	h := testenv.Netlink(t, p.Near)
	attrs := netlink.NewLinkAttrs()
	attrs.Name = "quiet"
	if err := h.LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: "nobody"}); err != nil {
		t.Fatalf("create interface: %v", err)
	}
	link, err := h.LinkByName("quiet")
	if err != nil {
		t.Fatalf("find interface: %v", err)
	}
	return plan.Point{
		ID: plan.PointID{Ifindex: uint32(link.Attrs().Index), Direction: flow.Ingress}, Interface: "quiet",
		Policies: policies,
	}
}

// Send sends n packets from the far end to the near end's port and does not
// care what becomes of them.
func (p *Pair) Send(t testing.TB, n int) {
	t.Helper()
	err := p.Far.Do(func() error {
		c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(p.Near4, Port)))
		if err != nil {
			return err
		}
		defer c.Close()
		for range n {
			if _, err := c.Write([]byte("hello")); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
