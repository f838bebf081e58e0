//go:build linux

package traffic

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openifit/openifit/lab/fabric"
	"github.com/openifit/openifit/lab/testenv"
	"github.com/openifit/openifit/lab/topology"
)

// testLine5 is a fabric of line5 that runs beside any lab.
func testLine5(t *testing.T) *fabric.Fabric {
	t.Helper()
	testenv.NeedRoot(t)
	n := rand.Uint32()
	names := fabric.Names{
		Prefix:     fmt.Sprintf("t%07x-", n&0xfffffff),
		Management: netip.PrefixFrom(netip.AddrFrom4([4]byte{198, 19, byte(n), 0}), 24),
	}
	t.Cleanup(func() {
		if err := fabric.Remove(names); err != nil {
			t.Error(err)
		}
	})
	f, err := fabric.Build(topology.Line5(), names)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	return f
}

// TestStreamIsOnePacketPerBuffer shows that line5 carries no super-packets:
// the interface's counters of buffers, and the capture, know as many as TCP
// sent segments.
func TestStreamIsOnePacketPerBuffer(t *testing.T) {
	f := testLine5(t)
	h1, err := f.Namespace("h1")
	must(t, err)
	h2, err := f.Namespace("h2")
	must(t, err)
	for _, to := range []string{"10.2.0.2", "2001:db8:2::2"} {
		var longest atomic.Int64
		c, err := NewCapture(h2, "to-r5", func(ip []byte) { longest.Store(max(longest.Load(), int64(length(ip)))) })
		must(t, err)
		const octets = 3 << 20
		s, err := NewStream(t.Context(), h1, h2, StreamOptions{Destination: netip.AddrPortFrom(netip.MustParseAddr(to), 5002), Octets: octets})
		must(t, err)
		<-s.Done()
		must(t, s.Stop())
		truth, err := s.Truth()
		must(t, err)
		if truth.SentOctets != octets || truth.ReceivedOctets != octets || truth.DataSegments < octets/1460 {
			t.Errorf("%s: %+v", to, truth)
		}
		await(t, "captured segments", func() bool {
			seen, _ := c.Seen()
			return seen.IPv4+seen.IPv6 >= truth.DataSegments
		})
		if n := longest.Load(); n > 1500 {
			t.Errorf("%s: a packet of %d octets", to, n)
		}
		must(t, s.Close())
		must(t, c.Close())
	}
}

// length is the length of an IP packet by its header.
func length(ip []byte) int {
	if ip[0]>>4 == 4 {
		return int(ip[2])<<8 | int(ip[3])
	}
	return ipv6Header + (int(ip[4])<<8 | int(ip[5]))
}

func TestPacedStreamStops(t *testing.T) {
	ends := testEnds(t)
	s, err := NewStream(t.Context(), ends.From, ends.To, StreamOptions{
		Destination: netip.MustParseAddrPort("10.0.0.2:5002"), Rate: 1 << 20,
	})
	must(t, err)
	await(t, "octets at the receiver", func() bool { return s.received.Load() > 1<<18 })
	must(t, s.Stop())
	truth, err := s.Truth()
	must(t, err)
	if truth.SentOctets == 0 || truth.ReceivedOctets != truth.SentOctets {
		t.Errorf("%+v", truth)
	}
	must(t, s.Close())
}

func TestStreamErrors(t *testing.T) {
	ends := testEnds(t)
	if s, err := NewStream(t.Context(), ends.From, ends.To, StreamOptions{Destination: netip.MustParseAddrPort("10.0.0.9:5002")}); err == nil {
		s.Close()
		t.Error("listens at an address that is not there")
	}
	setLink(t, ends.From, "to-b", false)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if s, err := NewStream(ctx, ends.From, ends.To, StreamOptions{Destination: netip.MustParseAddrPort("10.0.0.2:5002")}); err == nil {
		s.Close()
		t.Error("connects through a link that is down")
	}
}

func TestStreamClosesThroughBrokenNetwork(t *testing.T) {
	ends := testEnds(t)
	s, err := NewStream(t.Context(), ends.From, ends.To, StreamOptions{Destination: netip.MustParseAddrPort("10.0.0.2:5002")})
	must(t, err)
	await(t, "octets at the receiver", func() bool { return s.received.Load() > 0 })
	setLink(t, ends.From, "to-b", false)
	must(t, s.Close())
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
