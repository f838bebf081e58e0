package udp_test

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/openifit/openifit/lab/testenv"
	"github.com/openifit/openifit/proto/ipfix"
	"github.com/openifit/openifit/proto/ipfix/udp"
)

var loopbacks = map[string]netip.AddrPort{
	"IPv4": netip.MustParseAddrPort("127.0.0.1:0"),
	"IPv6": netip.MustParseAddrPort("[::1]:0"),
}

// datagram is what a receiver handed on.
type datagram struct {
	key    ipfix.PeerKey
	octets string
}

// run starts a receiver and gives its datagrams.
func run(t *testing.T, r *udp.Receiver) <-chan datagram {
	t.Helper()
	out := make(chan datagram, 1<<16)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- r.Run(ctx, func(_ time.Time, key ipfix.PeerKey, b []byte) { out <- datagram{key, string(b)} })
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return out
}

func listen(t *testing.T, cfg udp.ReceiverConfig) *udp.Receiver {
	t.Helper()
	r, err := udp.Listen(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func dial(t *testing.T, cfg udp.SenderConfig) *udp.Sender {
	t.Helper()
	s, err := udp.Dial(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func next(t *testing.T, in <-chan datagram) datagram {
	t.Helper()
	select {
	case d := <-in:
		return d
	case <-time.After(10 * time.Second):
		t.Fatal("no datagram within 10 s")
		return datagram{}
	}
}

func TestDialRefuses(t *testing.T) {
	collector := netip.MustParseAddrPort("127.0.0.1:4739")
	for reason, cfg := range map[string]udp.SenderConfig{
		"is no address with a port": {Remote: netip.MustParseAddrPort("127.0.0.1:0")},
		"invalid AddrPort":          {},
		"DSCP 64":                   {Remote: collector, DSCP: 64},
		"no-such-device":            {Remote: collector, Device: "no-such-device"},
		"192.0.2.1":                 {Remote: collector, Source: netip.MustParseAddrPort("192.0.2.1:0")},
	} {
		if _, err := udp.Dial(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("%+v: got %v, want %q", cfg, err, reason)
		}
	}
	if _, err := udp.Listen(t.Context(), udp.ReceiverConfig{}); err == nil {
		t.Error("listening on no address succeeded")
	}
}

func TestSendAndReceive(t *testing.T) {
	for family, any := range loopbacks {
		t.Run(family, func(t *testing.T) {
			r := listen(t, udp.ReceiverConfig{Address: any, Buffer: 1 << 20})
			in := run(t, r)
			s := dial(t, udp.SenderConfig{Remote: r.LocalAddr(), Source: any, DSCP: udp.LE})
			// Batches end at 64 messages, at 64 KiB, behind a shorter message and
			// before a longer one.
			var want []string
			for _, c := range []struct{ count, length int }{{70, 100}, {50, 1400}, {1, 700}, {3, 20}, {2, 21}, {1, 1}, {0, 0}} {
				for i := range c.count {
					text := fmt.Sprintf("%*d", c.length, i)
					want = append(want, text)
					if err := s.Write(ipfix.Message{Octets: []byte(text)}); err != nil {
						t.Fatal(err)
					}
				}
			}
			if err := s.Flush(); err != nil {
				t.Fatal(err)
			}
			for i, w := range want {
				got := next(t, in)
				if got.octets != w {
					t.Fatalf("datagram %d of %d octets, want %d", i, len(got.octets), len(w))
				}
				if key := (ipfix.PeerKey{Exporter: s.LocalAddr(), Collector: r.LocalAddr()}); got.key != key {
					t.Fatalf("datagram %d is of %v, want %v", i, got.key, key)
				}
			}
			st := s.Stats()
			if st.Messages != uint64(len(want)) || st.Lost != 0 || st.Batches >= st.Messages/2 {
				t.Errorf("sender counted %+v", st)
			}
			if rs := r.Stats(); rs.Datagrams != uint64(len(want)) || rs.Octets != st.Octets || rs.Dropped != 0 {
				t.Errorf("receiver counted %+v, sender %+v", rs, st)
			}
		})
	}
}

func TestDSCP(t *testing.T) {
	for family, any := range loopbacks {
		t.Run(family, func(t *testing.T) {
			level, receive, kind := unix.IPPROTO_IPV6, unix.IPV6_RECVTCLASS, unix.IPV6_TCLASS
			domain := unix.AF_INET6
			var bind unix.Sockaddr = &unix.SockaddrInet6{Addr: any.Addr().As16()}
			if any.Addr().Is4() {
				level, receive, kind = unix.IPPROTO_IP, unix.IP_RECVTOS, unix.IP_TOS
				domain, bind = unix.AF_INET, &unix.SockaddrInet4{Addr: any.Addr().As4()}
			}
			fd, err := unix.Socket(domain, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer unix.Close(fd)
			if err := unix.Bind(fd, bind); err != nil {
				t.Fatal(err)
			}
			if err := unix.SetsockoptInt(fd, level, receive, 1); err != nil {
				t.Fatal(err)
			}
			name, err := unix.Getsockname(fd)
			if err != nil {
				t.Fatal(err)
			}
			port := 0
			switch a := name.(type) {
			case *unix.SockaddrInet4:
				port = a.Port
			case *unix.SockaddrInet6:
				port = a.Port
			}
			s := dial(t, udp.SenderConfig{Remote: netip.AddrPortFrom(any.Addr(), uint16(port)), DSCP: udp.LE})
			if err := s.Write(ipfix.Message{Octets: []byte("x")}); err != nil {
				t.Fatal(err)
			}
			if err := s.Flush(); err != nil {
				t.Fatal(err)
			}
			buf, oob := make([]byte, 10), make([]byte, 100)
			_, oobn, _, _, err := unix.Recvmsg(fd, buf, oob, 0)
			if err != nil {
				t.Fatal(err)
			}
			controls, err := unix.ParseSocketControlMessage(oob[:oobn])
			if err != nil || len(controls) != 1 || int(controls[0].Header.Type) != kind {
				t.Fatalf("control messages %+v, %v", controls, err)
			}
			if tos := controls[0].Data[0]; tos != udp.LE<<2 {
				t.Errorf("datagram has the traffic class %#x, want %#x", tos, udp.LE<<2)
			}
		})
	}
}

func TestAbsentCollector(t *testing.T) {
	r := listen(t, udp.ReceiverConfig{Address: loopbacks["IPv4"]})
	s := dial(t, udp.SenderConfig{Remote: r.LocalAddr()})
	address := r.LocalAddr()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	for range 10 {
		if err := s.Write(ipfix.Message{Octets: []byte("x")}); err != nil {
			t.Fatal(err)
		}
		if err := s.Flush(); err != nil {
			t.Fatalf("the exporter noticed that its collector is away: %v", err)
		}
	}
	if st := s.Stats(); st.Refused == 0 || st.Messages != 10 || st.Lost != 0 {
		t.Errorf("counted %+v", st)
	}
	// The collector comes back, and gets what is sent from then on.
	in := run(t, listen(t, udp.ReceiverConfig{Address: address}))
	if err := s.Write(ipfix.Message{Octets: []byte("back")}); err != nil {
		t.Fatal(err)
	}
	if err := s.Flush(); err != nil {
		t.Fatal(err)
	}
	if d := next(t, in); d.octets != "back" {
		t.Errorf("got %q", d.octets)
	}
}

func TestDropsAreCounted(t *testing.T) {
	r := listen(t, udp.ReceiverConfig{Address: loopbacks["IPv4"], Buffer: 1})
	s := dial(t, udp.SenderConfig{Remote: r.LocalAddr()})
	const flood = 200
	write := func(text string, length int) {
		if err := s.Write(ipfix.Message{Octets: []byte(fmt.Sprintf("%*s", length, text))}); err != nil {
			t.Fatal(err)
		}
		if err := s.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	for range flood {
		write("flood", 1000)
	}
	in := run(t, r)
	first := next(t, in)
	if !strings.HasSuffix(first.octets, "flood") {
		t.Fatalf("got %q", first.octets)
	}
	// The kernel tells its count with the next datagram that finds room.
	received := uint64(1)
	for deadline := time.Now().Add(10 * time.Second); ; {
		write("end", 3)
		d := next(t, in)
		for ; d.octets != "end"; d = next(t, in) {
			received++
		}
		if dropped := r.Stats().Dropped; received+dropped == flood && dropped > 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d received and %d dropped of %d", received, r.Stats().Dropped, flood)
		}
	}
}

func TestMaxLength(t *testing.T) {
	ns := testenv.NewNetNS(t)
	h := testenv.Netlink(t, ns)
	lo, err := h.LinkByName("lo")
	if err != nil {
		t.Fatal(err)
	}
	if err := h.LinkSetMTU(lo, 1500); err != nil {
		t.Fatal(err)
	}
	for address, want := range map[string]int{"127.0.0.1:4739": 1472, "[::1]:4739": 1452} {
		err := ns.Do(func() error {
			s, err := udp.Dial(context.Background(), udp.SenderConfig{Remote: netip.MustParseAddrPort(address)})
			if err != nil {
				return err
			}
			defer s.Close()
			n, err := s.MaxLength()
			if err != nil {
				return err
			}
			if n != want {
				t.Errorf("%s: messages have up to %d octets, want %d", address, n, want)
			}
			// One octet more is refused, alone or in a batch, and never fragmented.
			for _, count := range []int{1, 3} {
				for range count {
					if err := s.Write(ipfix.Message{Octets: make([]byte, want+1)}); err != nil {
						return err
					}
				}
				lost := s.Stats().Lost
				if err := s.Flush(); err == nil || s.Stats().Lost-lost != uint64(count) {
					t.Errorf("%s: %d messages of %d octets left: %v, %+v", address, count, want+1, err, s.Stats())
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
