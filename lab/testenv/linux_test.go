//go:build linux

package testenv

import (
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/openifit/openifit/lab/namespace"
)

func TestVethPairCarriesBothFamilies(t *testing.T) {
	a, b := NewNetNS(t), NewNetNS(t)
	VethPair(t,
		End{NS: a, Name: "to-b", Addresses: []string{"10.0.0.1/24", "fd00::1/64"}},
		End{NS: b, Name: "to-a", Addresses: []string{"10.0.0.2/24", "fd00::2/64"}})
	for _, addr := range []string{"10.0.0.2", "fd00::2"} {
		var in net.PacketConn
		err := b.Do(func() (err error) {
			in, err = net.ListenPacket("udp", net.JoinHostPort(addr, "7000"))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		err = a.Do(func() error {
			out, err := net.Dial("udp", net.JoinHostPort(addr, "7000"))
			if err != nil {
				return err
			}
			defer out.Close()
			_, err = out.Write([]byte("hello"))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := in.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 16)
		n, _, err := in.ReadFrom(buf)
		if err != nil || string(buf[:n]) != "hello" {
			t.Errorf("%s: received %q, %v", addr, buf[:n], err)
		}
	}
}

func TestDoReturnsHome(t *testing.T) {
	ns := NewNetNS(t)
	ident := func() string {
		s, err := os.Readlink("/proc/thread-self/ns/net")
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	home := ident()
	var inside, nested string
	err := ns.Do(func() error {
		inside = ident()
		return ns.Do(func() error { nested = ident(); return nil })
	})
	if err != nil {
		t.Fatal(err)
	}
	if inside == home || nested != inside || ident() != home {
		t.Errorf("home %s, inside %s, nested %s, afterwards %s", home, inside, nested, ident())
	}
}

func TestNamesThatAreNoNames(t *testing.T) {
	for _, name := range []string{"", ".", "..", "a/b", "../x"} {
		if _, err := namespace.Create(name); err == nil || !strings.Contains(err.Error(), "one path element") {
			t.Errorf("Create(%q): %v", name, err)
		}
		if err := namespace.Delete(name); err == nil {
			t.Errorf("Delete(%q) accepted", name)
		}
	}
}
