//go:build linux

package source_test

import (
	"os"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/dataplane/probe/probetest"
	"github.com/openifit/openifit/dataplane/source"
	"github.com/openifit/openifit/lab/packet"
	"github.com/openifit/openifit/lab/testenv"
)

// scatterer is a tap interface whose packets have nothing but the Ethernet
// header in the linear part of the skb, and the rest in fragments.
func scatterer(t *testing.T, pair *probetest.Pair, name string) *os.File {
	t.Helper()
	var tap *os.File
	err := pair.Near.Do(func() error {
		fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		tap = os.NewFile(uintptr(fd), "tap")
		request, err := unix.NewIfreq(name)
		if err != nil {
			return err
		}
		request.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI | unix.IFF_NAPI | unix.IFF_NAPI_FRAGS)
		return unix.IoctlIfreq(fd, unix.TUNSETIFF, request)
	})
	if err != nil {
		testenv.Missing(t, "needs a tap interface with fragments: %v", err)
	}
	t.Cleanup(func() { tap.Close() })
	return tap
}

// Headers that the kernel left in the fragments of an skb are read as well.
func TestHeadersInFragments(t *testing.T) {
	pair := probetest.NewPair(t)
	tap := scatterer(t, pair, "tap")
	h := testenv.Netlink(t, pair.Near)
	link, err := h.LinkByName("tap")
	if err != nil {
		t.Fatal(err)
	}
	if err := h.LinkSetUp(link); err != nil {
		t.Fatal(err)
	}
	engine := pair.Engine(t)
	point := plan.Point{
		ID: plan.PointID{Ifindex: uint32(link.Attrs().Index), Direction: flow.Ingress}, Interface: "tap",
		Policies: []plan.Policy{probetest.Metering(1, 1)},
	}
	pair.Apply(t, engine, plan.Plan{MaxFlows: 64, Points: []plan.Point{point}})
	// The kernel itself pulls up what it aggregates, TCP and UDP; not SCTP.
	sctp := v4(132)
	sctp.Payload = append([]byte{0x03, 0xe8, 0x07, 0xd0}, make([]byte, 60)...)
	chain := extended(v6(132), 60, 60)
	chain.Payload = sctp.Payload
	for _, p := range []packet.Spec{sctp, chain} {
		frame := p.Frame()
		parts := [][]byte{frame[:14], frame[14:50], frame[50:]}
		if _, err := writev(tap, parts); err != nil {
			t.Fatal(err)
		}
	}
	records, err := source.NewRecords(engine)
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for deadline := time.Now().Add(10 * time.Second); seen < 2 && time.Now().Before(deadline); {
		err := pair.Do(func() error {
			return records.Drain(func(r *flow.Record) {
				if r.Key.Protocol != 132 && r.Key.Protocol != 60 {
					return
				}
				seen++
				if r.Key.SourcePort != 1000 || r.Key.DestinationPort != 2000 {
					t.Errorf("record of %s", r.Key.ID)
				}
			})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if seen != 2 {
		t.Errorf("%d of 2 packets arrived", seen)
	}
	counters, err := engine.PointCounters()
	if err != nil || counters[0].Truncated != 0 {
		t.Errorf("counted %+v, %v", counters, err)
	}
}

// writev hands the parts over as one packet.
func writev(f *os.File, parts [][]byte) (int, error) {
	vectors := make([]unix.Iovec, len(parts))
	for i := range parts {
		vectors[i].Base = &parts[i][0]
		vectors[i].SetLen(len(parts[i]))
	}
	n, _, errno := unix.Syscall(unix.SYS_WRITEV, f.Fd(), uintptr(unsafe.Pointer(&vectors[0])), uintptr(len(vectors)))
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}
