//go:build linux

package fabric

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/openifit/openifit/lab/testenv"
	"github.com/openifit/openifit/lab/topology"
)

// testNames are unlike those of a real lab on the same machine.
func testNames() Names {
	n := rand.Uint32()
	return Names{
		Prefix:     fmt.Sprintf("f%07x-", n&0xfffffff),
		Management: netip.PrefixFrom(netip.AddrFrom4([4]byte{198, 19, byte(n), 0}), 24),
	}
}

func build(t *testing.T, top *topology.Topology) (*Fabric, Names) {
	t.Helper()
	testenv.NeedRoot(t)
	names := testNames()
	t.Cleanup(func() {
		if err := Remove(names); err != nil {
			t.Error(err)
		}
	})
	f, err := Build(top, names)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	return f, names
}

func TestNamesCheck(t *testing.T) {
	good := testNames()
	for _, c := range []struct {
		names Names
		want  string
	}{
		{Names{"", good.Management}, "name prefix"},
		{Names{"a.b", good.Management}, "name prefix"},
		{Names{"abcdefghijkl", good.Management}, "name prefix"},
		{Names{good.Prefix, netip.Prefix{}}, "management network"},
		{Names{good.Prefix, netip.MustParsePrefix("198.18.0.1/24")}, "management network"},
		{Names{good.Prefix, netip.MustParsePrefix("198.18.0.0/16")}, "management network"},
		{Names{good.Prefix, netip.MustParsePrefix("fd00::/64")}, "management network"},
	} {
		if _, err := Build(topology.Line5(), c.names); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v, want an error with %q", c.names, err, c.want)
		}
	}
}

// send one datagram from h1 to h2 and return the hop limit that arrives.
func send(t *testing.T, f *Fabric, v4 bool) int {
	t.Helper()
	dst, _ := f.topology.Address("h2", v4)
	var in *net.UDPConn
	var level, receive, option int = unix.IPPROTO_IPV6, unix.IPV6_RECVHOPLIMIT, unix.IPV6_HOPLIMIT
	if v4 {
		level, receive, option = unix.IPPROTO_IP, unix.IP_RECVTTL, unix.IP_TTL
	}
	must(t, f.nodes["h2"].ns.Do(func() (err error) {
		in, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(dst, 7000)))
		return err
	}))
	defer in.Close()
	raw, err := in.SyscallConn()
	must(t, err)
	must(t, raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), level, receive, 1) }))
	must(t, err)
	must(t, f.nodes["h1"].ns.Do(func() error {
		out, err := net.Dial("udp", netip.AddrPortFrom(dst, 7000).String())
		if err != nil {
			return err
		}
		defer out.Close()
		_, err = out.Write([]byte("hello"))
		return err
	}))
	must(t, in.SetReadDeadline(time.Now().Add(10*time.Second)))
	buf, oob := make([]byte, 16), make([]byte, 64)
	n, oobn, _, _, err := in.ReadMsgUDP(buf, oob)
	if err != nil || !bytes.Equal(buf[:n], []byte("hello")) {
		t.Fatalf("v4 %v: received %q, %v", v4, buf[:n], err)
	}
	messages, err := unix.ParseSocketControlMessage(oob[:oobn])
	must(t, err)
	for _, m := range messages {
		if int(m.Header.Level) == level && int(m.Header.Type) == option {
			return int(m.Data[0])
		}
	}
	t.Fatalf("v4 %v: no hop limit received", v4)
	return 0
}

// forwarded counts the packets that left a node by an interface.
func forwarded(t *testing.T, f *Fabric, node, name string) uint64 {
	t.Helper()
	link, err := f.nodes[node].nl.LinkByName(name)
	must(t, err)
	return link.Attrs().Statistics.TxPackets
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestLine5(t *testing.T) {
	f, names := build(t, topology.Line5())
	for _, v4 := range []bool{true, false} {
		if ttl := send(t, f, v4); ttl != 64-5 {
			t.Errorf("v4 %v: hop limit %d after five routers, want 59", v4, ttl)
		}
	}

	t.Run("again", func(t *testing.T) {
		second, err := Build(f.topology, names)
		must(t, err)
		second.Close()
		send(t, f, true)
	})

	t.Run("detour", func(t *testing.T) {
		must(t, f.Route("r3"))
		before3, before6 := forwarded(t, f, "r3", "to-r4"), forwarded(t, f, "r6", "to-r4")
		for _, v4 := range []bool{true, false} {
			if ttl := send(t, f, v4); ttl != 59 {
				t.Errorf("v4 %v: hop limit %d by the detour, want 59", v4, ttl)
			}
		}
		if n := forwarded(t, f, "r6", "to-r4") - before6; n < 2 {
			t.Errorf("%d packets by r6, want 2", n)
		}
		if n := forwarded(t, f, "r3", "to-r4") - before3; n != 0 {
			t.Errorf("%d packets by r3, want none", n)
		}
		must(t, f.Route())
		before3 = forwarded(t, f, "r3", "to-r4")
		send(t, f, true)
		if n := forwarded(t, f, "r3", "to-r4") - before3; n < 1 {
			t.Error("the route did not come back to r3")
		}
		if err := f.Route("h1"); err == nil {
			t.Error("a route that avoids a host was accepted")
		}
	})

	t.Run("link", func(t *testing.T) {
		must(t, f.SetLink("r3", "to-r4", false))
		must(t, f.SetLink("r3", "to-r4", true))
		for _, v4 := range []bool{true, false} {
			send(t, f, v4)
		}
		if err := f.SetLink("r3", "to-r9", false); err == nil {
			t.Error("an interface that does not exist was accepted")
		}
	})

	t.Run("silence", func(t *testing.T) {
		state, err := f.nodes["r1"].nl.NeighList(0, netlink.FAMILY_ALL)
		must(t, err)
		for _, n := range state {
			if n.State&(netlink.NUD_PERMANENT|netlink.NUD_NOARP) == 0 && n.LinkIndex == index(t, f, "r1", "to-r2") {
				t.Errorf("r1 learnt neighbour %s, which should be permanent", n.IP)
			}
		}
	})

	t.Run("management", func(t *testing.T) {
		var l net.Listener
		address := netip.AddrPortFrom(names.Controller(), 8080).String()
		must(t, f.nodes["ctl"].ns.Do(func() (err error) {
			l, err = net.Listen("tcp", address)
			return err
		}))
		defer l.Close()
		r3, _ := f.topology.Node("r3")
		dial := func() error {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			c, err := new(net.Dialer).DialContext(ctx, "tcp", address)
			if err == nil {
				c.Close()
			}
			return err
		}
		if err := dial(); err != nil {
			t.Errorf("root to controller: %v", err)
		}
		if err := f.nodes["r3"].ns.Do(dial); err != nil {
			t.Errorf("agent %s to controller: %v", names.Agent(r3), err)
		}
	})

	t.Run("remove", func(t *testing.T) {
		for i := 0; i < 2; i++ {
			must(t, Remove(names))
		}
		if left := Namespaces(names); len(left) != 0 {
			t.Errorf("namespaces left: %v", left)
		}
		entries, err := os.ReadDir("/sys/class/net")
		must(t, err)
		for _, e := range entries {
			if strings.HasPrefix(e.Name(), names.Prefix) {
				t.Errorf("interface left: %s", e.Name())
			}
		}
	})
}

func index(t *testing.T, f *Fabric, node, name string) int {
	t.Helper()
	link, err := f.nodes[node].nl.LinkByName(name)
	must(t, err)
	return link.Attrs().Index
}

func TestManagementNetworkInUse(t *testing.T) {
	f, names := build(t, topology.Line5())
	_ = f
	other := names
	other.Prefix = "g" + names.Prefix[1:]
	t.Cleanup(func() {
		if err := Remove(other); err != nil {
			t.Error(err)
		}
	})
	if _, err := Build(topology.Line5(), other); err == nil || !strings.Contains(err.Error(), names.Bridge()) {
		t.Errorf("second lab on the same management network: %v", err)
	}
}
