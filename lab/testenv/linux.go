//go:build linux

package testenv

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/openifit/openifit/lab/namespace"
)

// NeedKernel asks for a kernel release of at least major.minor.
func NeedKernel(t testing.TB, major, minor int) {
	t.Helper()
	var uts unix.Utsname
	if err := unix.Uname(&uts); err != nil {
		t.Fatalf("read kernel release: %v", err)
	}
	release := unix.ByteSliceToString(uts.Release[:])
	var haveMajor, haveMinor int
	if _, err := fmt.Sscanf(release, "%d.%d", &haveMajor, &haveMinor); err != nil {
		t.Fatalf("kernel release %q: %v", release, err)
	}
	if haveMajor < major || haveMajor == major && haveMinor < minor {
		Missing(t, "needs kernel %d.%d, runs on %s", major, minor, release)
	}
}

// NewNetNS gives the test a fresh network namespace without a name, with
// its loopback interface up. It needs root.
func NewNetNS(t testing.TB) *namespace.NS {
	t.Helper()
	NeedRoot(t)
	ns, err := namespace.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := ns.Close(); err != nil {
			t.Error(err)
		}
	})
	h := Netlink(t, ns)
	lo, err := h.LinkByName("lo")
	if err != nil {
		t.Fatalf("find loopback: %v", err)
	}
	if err := h.LinkSetUp(lo); err != nil {
		t.Fatalf("set loopback up: %v", err)
	}
	return ns
}

// Netlink opens a netlink handle inside ns that lives as long as the test.
func Netlink(t testing.TB, ns *namespace.NS) *netlink.Handle {
	t.Helper()
	h, err := ns.Netlink()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	return h
}

// End is one end of a veth pair in a test.
type End struct {
	NS   *namespace.NS
	Name string
	// Addresses in CIDR notation, both families.
	Addresses []string
}

// VethPair connects two namespaces. IPv6 duplicate address detection is off
// on both ends, so that the addresses work at once. The pair goes with the
// namespaces.
func VethPair(t testing.TB, a, b End) (linkA, linkB netlink.Link) {
	t.Helper()
	attrs := netlink.NewLinkAttrs()
	attrs.Name = a.Name
	veth := &netlink.Veth{
		LinkAttrs: attrs, PeerName: b.Name,
		PeerNamespace: netlink.NsFd(b.NS.Fd()),
	}
	if err := Netlink(t, a.NS).LinkAdd(veth); err != nil {
		t.Fatalf("create veth pair %s %s: %v", a.Name, b.Name, err)
	}
	return endUp(t, a), endUp(t, b)
}

func endUp(t testing.TB, e End) netlink.Link {
	t.Helper()
	Sysctl(t, e.NS, "net/ipv6/conf/"+e.Name+"/accept_dad", "0")
	Sysctl(t, e.NS, "net/ipv6/conf/"+e.Name+"/router_solicitations", "0")
	h := Netlink(t, e.NS)
	link, err := h.LinkByName(e.Name)
	if err != nil {
		t.Fatalf("find %s: %v", e.Name, err)
	}
	if err := h.LinkSetUp(link); err != nil {
		t.Fatalf("set %s up: %v", e.Name, err)
	}
	for _, s := range e.Addresses {
		addr, err := netlink.ParseAddr(s)
		if err != nil {
			t.Fatalf("address %q of %s: %v", s, e.Name, err)
		}
		if addr.IP.To4() == nil {
			addr.Flags |= unix.IFA_F_NODAD
		}
		if err := h.AddrAdd(link, addr); err != nil {
			t.Fatalf("add address %s to %s: %v", s, e.Name, err)
		}
	}
	link, err = h.LinkByName(e.Name)
	if err != nil {
		t.Fatalf("find %s: %v", e.Name, err)
	}
	return link
}

// Sysctl writes a kernel variable, named by its path below /proc/sys, inside
// ns.
func Sysctl(t testing.TB, ns *namespace.NS, name, value string) {
	t.Helper()
	err := ns.Do(func() error {
		return os.WriteFile(filepath.Join("/proc/sys", name), []byte(value), 0)
	})
	if err != nil {
		t.Fatalf("set %s to %s: %v", name, value, err)
	}
}
