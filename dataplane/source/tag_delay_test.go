//go:build linux

package source_test

import (
	"fmt"
	"testing"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/dataplane/probe/probetest"
	"github.com/openifit/openifit/lab/namespace"
	"github.com/openifit/openifit/lab/testenv"
)

// transmit sends one frame out of an interface of another namespace.
func transmit(t *testing.T, ns *namespace.NS, iface string, frame []byte) error {
	t.Helper()
	link, err := testenv.Netlink(t, ns).LinkByName(iface)
	if err != nil {
		return fmt.Errorf("find %s: %w", iface, err)
	}
	return ns.Do(func() error {
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		return unix.Sendto(fd, frame, 0, &unix.SockaddrLinklayer{Ifindex: link.Attrs().Index, Halen: 6})
	})
}

// withoutOffload makes the kernel write tags into packets that leave by an
// interface; otherwise it hands them over beside the packet.
func withoutOffload(t *testing.T, ns *namespace.NS, iface string) {
	t.Helper()
	const setFlags = 0x26 // ETHTOOL_SFLAGS; no flag is set
	value := struct{ command, flags uint32 }{command: setFlags}
	request := struct {
		name [unix.IFNAMSIZ]byte
		data unsafe.Pointer
		_    [16]byte
	}{data: unsafe.Pointer(&value)}
	copy(request.name[:], iface)
	err := ns.Do(func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&request))); errno != 0 {
			return errno
		}
		return nil
	})
	if err != nil {
		t.Fatalf("switch off offloads of %s: %v", iface, err)
	}
}

// pushTag and pushLabel change IPv4 packets, as what is behind a point may.
func pushTag() asm.Instructions {
	return asm.Instructions{
		asm.Mov.Imm(asm.R2, 0x0081), // 802.1Q in network order
		asm.Mov.Imm(asm.R3, 5),
		asm.FnSkbVlanPush.Call(),
	}
}

func pushLabel() asm.Instructions {
	return asm.Instructions{
		asm.Mov.Imm(asm.R2, 4),
		asm.Mov.Imm(asm.R3, 1), // behind the Ethernet header
		asm.Mov.Imm(asm.R4, 0),
		asm.FnSkbAdjustRoom.Call(),
		// 0x8847, and label 16 at the bottom of the stack.
		asm.StoreImm(asm.RFP, -8, 0x00014788, asm.Word),
		asm.StoreImm(asm.RFP, -4, 0x4001, asm.Word),
		asm.Mov.Reg(asm.R1, asm.R6),
		asm.Mov.Imm(asm.R2, 12),
		asm.Mov.Reg(asm.R3, asm.RFP),
		asm.Add.Imm(asm.R3, -8),
		asm.Mov.Imm(asm.R4, 6),
		asm.Mov.Imm(asm.R5, 0),
		asm.FnSkbStoreBytes.Call(),
	}
}

// behind attaches a program behind the one of the egress point.
func behind(t *testing.T, r *probetest.Router, change asm.Instructions) {
	t.Helper()
	const protocol = 16 // in struct __sk_buff
	code := append(asm.Instructions{
		asm.Mov.Reg(asm.R6, asm.R1),
		asm.LoadMem(asm.R2, asm.R1, protocol, asm.Word),
		asm.JNE.Imm(asm.R2, 0x0008, "out"),
	}, change...)
	code = append(code, asm.Mov.Imm(asm.R0, -1).WithSymbol("out"), asm.Return())
	program, err := ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.SchedCLS, License: "GPL", Instructions: code})
	if err != nil {
		t.Fatalf("load program: %v", err)
	}
	defer program.Close()
	err = r.NS.Do(func() error {
		l, err := link.AttachTCX(link.TCXOptions{
			Interface: int(r.Right), Program: program, Attach: ebpf.AttachTCXEgress, Anchor: link.Tail(),
		})
		if err == nil {
			t.Cleanup(func() { l.Close() })
		}
		return err
	})
	if err != nil {
		t.Fatalf("attach program: %v", err)
	}
}

// Behind the queue, the flow beneath a tag or a label is the one that the
// program at the point has seen.
func TestDelayBeneathTagsAndLabels(t *testing.T) {
	for name, change := range map[string]asm.Instructions{"tag": pushTag(), "label": pushLabel()} {
		line := probetest.NewLine(t, 1)
		listen(t, line)
		r := line.Routers[0]
		withoutOffload(t, r.NS, probetest.RightName)
		policy := monitoring(plan.Trigger{Name: "any", Metric: flow.MetricTransitDelay, PerFlow: true, Raise: 1, Clear: 1})
		engine := r.Open(t, delayPoints(r, policy))
		behind(t, r, change)
		got := readRouterEvents(t, r, engine)
		conn := dial(t, line, 4, 1000)
		event := got.until(t, name, func(e flow.Event) bool { return e.State == flow.EventRaised && e.ID.Protocol == 17 },
			func() error { _, err := conn.Write(make([]byte, 100)); return err })
		from, to := line.Addresses(4)
		want := flow.ID{Source: from, Destination: to, SourcePort: 1000, DestinationPort: probetest.Port, Protocol: 17}
		if event.ID != want {
			t.Errorf("%s: %+v, want flow %s", name, event, want)
		}
	}
}
