package traffic

import (
	"encoding/json"
	"net"
	"net/netip"
	"testing"
)

// testFrame is a packet as the sender makes it, changed by edit.
func testFrame(t testing.TB, v4 bool, dscp uint8) []byte {
	t.Helper()
	p := testPairs()[1]
	if v4 {
		p = testPairs()[0]
	}
	f := Flow{Source: netip.AddrPortFrom(p.Source, 1000), Destination: netip.AddrPortFrom(p.Destination, 2000), Payload: 64, DSCP: dscp}
	if err := f.check(); err != nil {
		t.Fatal(err)
	}
	return newFrame(f, 3, 9, make(net.HardwareAddr, 6), make(net.HardwareAddr, 6)).next(5, 6)
}

// withHeader puts an IPv6 extension header in front of a packet's UDP.
func withHeader(frame []byte, protocol uint8, header []byte) []byte {
	b := append([]byte{}, frame[:etherHeader+ipv6Header]...)
	header[0], b[etherHeader+6] = b[etherHeader+6], protocol
	return append(append(b, header...), frame[etherHeader+ipv6Header:]...)
}

func TestSeen(t *testing.T) {
	v4, v6 := testFrame(t, true, 0), testFrame(t, false, 0)
	change := func(b []byte, at int, value byte) []byte {
		c := append([]byte{}, b...)
		c[at] = value
		return c
	}
	hop := withHeader(v6, protocolHopByHop, []byte{0, 0, 1, 4, 0, 0, 0, 0})
	for _, c := range []struct {
		name         string
		frame        []byte
		instrumented uint64
		malformed    uint64
	}{
		{"empty", nil, 0, 1},
		{"short IPv4", v4[:30], 0, 1},
		{"short IPv6", v6[:50], 0, 1},
		{"ARP", change(v4, 13, 6), 0, 0},
		{"plain IPv4", v4, 0, 0},
		{"plain IPv6", v6, 0, 0},
		{"marked IPv4", testFrame(t, true, 1), 1, 0},
		{"marked IPv6", testFrame(t, false, 63), 1, 0},
		{"marked IPv6, lower bits", testFrame(t, false, 3), 1, 0},
		{"ECN is no mark", change(v4, etherHeader+1, 3), 0, 0},
		{"reserved flag", change(v4, etherHeader+6, 0xc0), 1, 0},
		{"IPv4 options", change(v4, etherHeader, 0x46), 1, 0},
		{"IPv6 in IPv4", change(v4, etherHeader+9, protocolIPv6), 1, 0},
		{"hop-by-hop", hop, 1, 0},
		{"two headers", withHeader(hop, protocolDestination, append([]byte{0, 2}, make([]byte, 22)...)), 2, 0},
		{"multicast listener report", change(change(hop, etherHeader+24, 0xff), etherHeader+25, 2), 0, 0},
		{"IGMP", change(change(change(v4, etherHeader+16, 224), etherHeader+17, 0), etherHeader, 0x46), 0, 0},
		{"IPv4 in IPv6", change(v6, etherHeader+6, protocolIPv4), 1, 0},
		{"header without end", change(hop, etherHeader+ipv6Header+1, 255), 1, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := Seen{ExtensionHeaders: map[uint8]uint64{}}
			s.add(c.frame)
			if s.Instrumented(0) != c.instrumented || s.Malformed != c.malformed {
				t.Errorf("instrumented %d, malformed %d, want %d and %d: %+v", s.Instrumented(0), s.Malformed, c.instrumented, c.malformed, s)
			}
		})
	}
	s := Seen{ExtensionHeaders: map[uint8]uint64{}}
	s.add(testFrame(t, true, 46))
	if s.Instrumented(0, 46) != 0 || s.Instrumented() != 1 {
		t.Errorf("a DSCP that was sent counts as a mark: %+v", s)
	}
	if b, err := json.Marshal(s.DSCP); err != nil || string(b) != `{"46":1}` {
		t.Errorf("%s, %v", b, err)
	}
	var read DSCPCounts
	for _, bad := range []string{`[]`, `{"64":1}`, `{"-1":1}`} {
		if err := json.Unmarshal([]byte(bad), &read); err == nil {
			t.Errorf("%s was read as %v", bad, read)
		}
	}
	if err := json.Unmarshal([]byte(`{"46":1}`), &read); err != nil || read != s.DSCP {
		t.Errorf("%v, %v", read, err)
	}
}

func FuzzSeen(f *testing.F) {
	v6 := testFrame(f, false, 0)
	f.Add(testFrame(f, true, 0))
	f.Add(v6)
	f.Add(withHeader(v6, protocolHopByHop, []byte{0, 0, 1, 4, 0, 0, 0, 0}))
	f.Fuzz(func(t *testing.T, frame []byte) {
		s := Seen{ExtensionHeaders: map[uint8]uint64{}}
		s.add(frame)
		if n := s.IPv4 + s.IPv6 + s.Other; n > 1 {
			t.Errorf("one frame counted %d times", n)
		}
		ReadStamp(frame)
	})
}

func TestReadStamp(t *testing.T) {
	want := Stamp{Sequence: 1 << 40, Flow: 7, Run: 1 << 63, Sent: 1234567890123}
	b := make([]byte, StampSize)
	if _, ok := ReadStamp(b); ok {
		t.Error("a payload without magic has a stamp")
	}
	want.put(b)
	if _, ok := ReadStamp(b[:StampSize-1]); ok {
		t.Error("a short payload has a stamp")
	}
	if got, ok := ReadStamp(b); !ok || got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}
