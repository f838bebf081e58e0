//go:build linux

package source_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net/netip"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/flow/packetid"
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/dataplane/probe"
	"github.com/openifit/openifit/dataplane/probe/probetest"
	"github.com/openifit/openifit/lab/namespace"
	"github.com/openifit/openifit/lab/packet"
	"github.com/openifit/openifit/lab/testenv"
)

// wire is a packet socket at an interface.
type wire struct {
	fd   int
	peer [6]byte
}

func openWire(t *testing.T, ns *namespace.NS, name string, peer *namespace.NS, peerName string) *wire {
	t.Helper()
	link, err := testenv.Netlink(t, ns).LinkByName(name)
	if err != nil {
		t.Fatalf("find %s: %v", name, err)
	}
	w := &wire{}
	err = ns.Do(func() (err error) {
		protocol := binary.BigEndian.Uint16(binary.NativeEndian.AppendUint16(nil, unix.ETH_P_ALL))
		if w.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, int(protocol)); err != nil {
			return err
		}
		if err := unix.SetsockoptInt(w.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 8<<20); err != nil {
			return err
		}
		return unix.Bind(w.fd, &unix.SockaddrLinklayer{Protocol: protocol, Ifindex: link.Attrs().Index})
	})
	if err != nil {
		t.Fatalf("open packet socket at %s: %v", name, err)
	}
	t.Cleanup(func() { unix.Close(w.fd) })
	if peer != nil {
		at, err := testenv.Netlink(t, peer).LinkByName(peerName)
		if err != nil {
			t.Fatalf("find %s: %v", peerName, err)
		}
		copy(w.peer[:], at.Attrs().HardwareAddr)
	}
	return w
}

func (w *wire) send(t *testing.T, s packet.Spec) {
	t.Helper()
	frame := s.Frame()
	copy(frame, w.peer[:])
	if _, err := unix.Write(w.fd, frame); err != nil {
		t.Fatalf("send: %v", err)
	}
}

// receive waits for the next packet of the tests, which have a known port.
func (w *wire) receive(t *testing.T) packet.Seen {
	t.Helper()
	buf := make([]byte, 2048)
	for {
		poll := []unix.PollFd{{Fd: int32(w.fd), Events: unix.POLLIN}}
		n, err := unix.Poll(poll, 10_000)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || n == 0 {
			t.Fatalf("no packet came: %v", err)
		}
		size, err := unix.Read(w.fd, buf)
		if err != nil {
			t.Fatalf("receive: %v", os.NewSyscallError("read", err))
		}
		seen, err := packet.Parse(buf[:size])
		if len(seen.IP) < 28 || !fromTest(seen.IP) {
			continue
		}
		if err != nil {
			t.Fatalf("packet was damaged: %v", err)
		}
		seen.IP = append([]byte(nil), seen.IP...)
		return seen
	}
}

const domainPort = 1777

func fromTest(ip []byte) bool {
	at := 20
	if ip[0]>>4 == 6 {
		at = 40
	}
	return len(ip) > at+4 && binary.BigEndian.Uint16(ip[at:]) == domainPort
}

// domain is a head and an end with their engines and postcards.
type domain struct {
	line    *probetest.Line
	engines [2]*probe.Engine
	cards   [2]postcards
	left    *wire
	right   *wire
}

func newDomain(t *testing.T) *domain { return newDomainOf(t, plan.MarkDSCP) }

func newDomainOf(t *testing.T, field plan.MarkField) *domain {
	d := &domain{line: probetest.NewLine(t, 2)}
	for i, r := range d.line.Routers {
		edge := r.Left
		if i == 1 {
			edge = r.Right
		}
		names := map[uint32]string{r.Left: probetest.LeftName, r.Right: probetest.RightName}
		var points []plan.Point
		for _, ifindex := range []uint32{r.Left, r.Right} {
			in := plan.Point{
				ID: plan.PointID{Ifindex: ifindex, Direction: flow.Ingress}, Interface: names[ifindex],
				Role: plan.RoleCore, Stamp: true, Unmark: true,
				Policies: []plan.Policy{probetest.MarkingIn(field, plan.ActPostcard)},
			}
			out := plan.Point{
				ID: plan.PointID{Ifindex: ifindex, Direction: flow.Egress}, Interface: names[ifindex],
				Role: plan.RoleCore, Postcards: true,
				Policies: []plan.Policy{probetest.MarkingIn(field, plan.ActPostcard)},
			}
			if ifindex == edge {
				in.Role, in.StripForeign = plan.RoleEdge, true
				in.Policies[0].Actions |= plan.ActMark
				out.Role, out.Unmark = plan.RoleEdge, true
			}
			points = append(points, in, out)
		}
		d.engines[i] = r.Open(t, probetest.FieldPlan(points...))
		d.cards[i] = readPostcards(t, d.engines[i])
	}
	d.left = openWire(t, d.line.Left, probetest.RightName, d.line.Routers[0].NS, probetest.LeftName)
	d.right = openWire(t, d.line.Right, probetest.LeftName, nil, "")
	return d
}

func (d *domain) packet(family, number int, dscp uint8) packet.Spec {
	from, to := d.line.Addresses(family)
	s := packet.Spec{
		Source: netip.AddrPortFrom(from, domainPort), Destination: netip.AddrPortFrom(to, probetest.Port),
		DSCP: dscp, ECN: uint8(number & 3), Identification: uint16(number), Payload: make([]byte, 40),
	}
	binary.BigEndian.PutUint32(s.Payload, uint32(number))
	return s
}

func TestMarkedPacketsThroughADomain(t *testing.T) {
	d := newDomain(t)
	if err := d.engines[0].RenewLease(probetest.MarkPolicy, time.Minute); err != nil {
		t.Fatal(err)
	}
	for _, family := range []int{4, 6} {
		for number := range 200 {
			// Best effort, EF, a code point without a mark, and foreign marks.
			dscp := []uint8{0, 46, 10, probetest.Mark0, probetest.Mark46}[number%5]
			sent := d.packet(family, number, dscp)
			d.left.send(t, sent)

			seen := d.right.receive(t)
			want := map[uint8]uint8{0: 0, 46: 46, 10: 10, probetest.Mark0: 0, probetest.Mark46: 46}[dscp]
			if seen.DSCP != want || seen.ECN != sent.ECN || seen.HopLimit != 62 {
				t.Fatalf("IPv%d packet %d sent with code point %d arrived as %+v", family, number, dscp, seen)
			}
			if dscp == 10 {
				continue
			}
			id, err := packetid.Of(sent.Packet())
			if err != nil {
				t.Fatal(err)
			}
			for i, r := range d.line.Routers {
				card := d.cards[i].next(t)
				if card.PacketID != id || card.DSCP != want || card.HopLimit != uint8(63-i) ||
					card.IngressIfindex != r.Left || card.EgressIfindex != r.Right {
					t.Fatalf("IPv%d packet %d, id %#x, router %d: %+v", family, number, id, i, card)
				}
				if delay, ok := card.Delay(); !ok || time.Duration(delay) > time.Minute {
					t.Fatalf("router %d: delay %d of %+v", i, delay, card)
				}
			}
		}
	}
}

// Marks in other fields than the code point give the same postcards, and leave
// no trace behind.
func TestMarksOfOtherFieldsThroughADomain(t *testing.T) {
	for _, c := range []struct {
		name   string
		field  plan.MarkField
		family int
		// change makes what no node of the domain marks; foreign carries a mark
		// when it comes.
		foreign, other func(*packet.Spec)
	}{
		{"reserved flag", plan.MarkFlag, 4, func(s *packet.Spec) { s.Fragment |= 0x8000 }, nil},
		{"flow label", plan.MarkLabel, 6, func(s *packet.Spec) { s.FlowLabel = probetest.MarkLabel0 }, func(s *packet.Spec) { s.FlowLabel = 77 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDomainOf(t, c.field)
			if err := d.engines[0].RenewLease(probetest.MarkPolicy, time.Minute); err != nil {
				t.Fatal(err)
			}
			for number := range 100 {
				plain := d.packet(c.family, number, 10)
				sent, marked := plain, true
				switch number % 3 {
				case 1:
					c.foreign(&sent)
				case 2:
					if c.other != nil {
						c.other(&plain)
						sent, marked = plain, false
					}
				}
				d.left.send(t, sent)
				want := plain
				want.HopLimit = 62
				if seen := d.right.receive(t); !bytes.Equal(seen.IP, want.Packet()) {
					t.Fatalf("packet %d arrived as %x, want %x", number, seen.IP, want.Packet())
				}
				if !marked {
					continue
				}
				id, err := packetid.Of(plain.Packet())
				if err != nil {
					t.Fatal(err)
				}
				for i, r := range d.line.Routers {
					if card := d.cards[i].next(t); card.PacketID != id || card.DSCP != 10 || card.EgressIfindex != r.Right {
						t.Fatalf("packet %d, id %#x, router %d: %+v", number, id, i, card)
					}
				}
			}
			// The other family cannot carry the mark, and is counted.
			d.left.send(t, d.packet(10-c.family, 1, 0))
			d.right.receive(t)
			counters, err := d.engines[0].PolicyCounters()
			if err != nil {
				t.Fatal(err)
			}
			for _, n := range counters {
				if n.Point.Direction == flow.Ingress && n.Point.Ifindex == d.line.Routers[0].Left && n.NoMark == 0 {
					t.Errorf("%+v: a packet of the other family is missing", n)
				}
			}
		})
	}
}

func TestMarkingEndsWithTheLease(t *testing.T) {
	d := newDomain(t)
	if err := d.engines[0].RenewLease(probetest.MarkPolicy, -time.Second); err != nil {
		t.Fatal(err)
	}
	const n = 50
	for number := range n {
		d.left.send(t, d.packet(4, number, 0))
		d.left.send(t, d.packet(6, number, probetest.Mark0))
		for range 2 {
			if seen := d.right.receive(t); seen.DSCP != 0 {
				t.Fatalf("packet %d arrived as %+v", number, seen)
			}
		}
	}
	for i, engine := range d.engines {
		counters, err := engine.PolicyCounters()
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range counters {
			if c.Marked+c.Postcards != 0 {
				t.Errorf("router %d: %+v", i, c)
			}
			if head := i == 0 && c.Point.Ifindex == d.line.Routers[0].Left && c.Point.Direction == flow.Ingress; head && c.LeaseExpired != 2*n {
				t.Errorf("head: %+v, want %d packets without a lease", c, 2*n)
			}
		}
	}
}

// A packet to a router itself gives a postcard there and is not marked when
// the router's own sockets get it.
func TestMarksOfDeliveredPackets(t *testing.T) {
	d := newDomain(t)
	if err := d.engines[0].RenewLease(probetest.MarkPolicy, time.Minute); err != nil {
		t.Fatal(err)
	}
	for i, to := range []string{"10.0.0.2", "10.0.1.2", "fd00:0::2", "fd00:1::2"} {
		family := 4
		if i > 1 {
			family = 6
		}
		sent := d.packet(family, i, 0)
		sent.Destination = netip.AddrPortFrom(netip.MustParseAddr(to), probetest.Port)
		d.left.send(t, sent)
		id, err := packetid.Of(sent.Packet())
		if err != nil {
			t.Fatal(err)
		}
		end := i % 2
		for n := range end + 1 {
			r, card := d.line.Routers[n], d.cards[n].next(t)
			egress := r.Right
			if n == end {
				egress = 0
			}
			if card.PacketID != id || card.EgressIfindex != egress || card.IngressIfindex != r.Left {
				t.Errorf("to %s, router %d: %+v", to, n, card)
			}
		}
	}
	counters, err := d.engines[1].PointCounters()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range counters {
		if c.Point.Ifindex == d.line.Routers[1].Left && c.Point.Direction == flow.Ingress && c.Unmarked != 2 {
			t.Errorf("at the end: %+v", c)
		}
	}
}
