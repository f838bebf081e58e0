package packet_test

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"

	"github.com/openifit/openifit/lab/packet"
)

var (
	udp4 = packet.Spec{
		Source: netip.MustParseAddrPort("192.0.2.1:1000"), Destination: netip.MustParseAddrPort("192.0.2.2:2000"),
		DSCP: 46, ECN: 1, Payload: []byte("payload"),
	}
	tcp6 = packet.Spec{
		Source: netip.MustParseAddrPort("[2001:db8::1]:1000"), Destination: netip.MustParseAddrPort("[2001:db8::2]:2000"),
		Protocol: packet.TCP, DSCP: 10, ECN: 2, HopLimit: 9, VLAN: 7, Payload: []byte("payload"),
	}
)

func TestParseFindsDamage(t *testing.T) {
	change := func(s packet.Spec, at int) []byte {
		f := s.Frame()
		f[at] ^= 0x10
		return f
	}
	for _, c := range []struct {
		name  string
		frame []byte
		want  string
	}{
		{"nothing", nil, "frame of 0 octets"},
		{"no IP", make([]byte, 60), "no IP packet"},
		{"IPv4 cut off", udp4.Frame()[:40], "lengths"},
		{"IPv4 code point", change(udp4, 15), "IPv4 checksum"},
		{"UDP payload", change(udp4, 44), "checksum of protocol 17"},
		{"IPv6 cut off", tcp6.Frame()[:70], "payload length"},
		{"TCP payload", change(tcp6, 80), "checksum of protocol 6"},
	} {
		if _, err := packet.Parse(c.frame); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

func TestFrameParses(t *testing.T) {
	for _, s := range []packet.Spec{udp4, tcp6} {
		seen, err := packet.Parse(s.Frame())
		hops := s.HopLimit
		if hops == 0 {
			hops = 64
		}
		if err != nil || seen.DSCP != s.DSCP || seen.ECN != s.ECN || seen.HopLimit != hops || !bytes.HasSuffix(seen.IP, s.Payload) {
			t.Errorf("%+v: %+v, %v", s, seen, err)
		}
	}
}
