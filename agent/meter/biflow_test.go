package meter

import (
	"net/netip"
	"testing"
	"time"

	"github.com/openifit/openifit/dataplane/flow"
)

func biflow() Policy {
	p := metering(1)
	p.Biflow = true
	return p
}

// packets are those of one direction between two hosts.
func packets(from, to string, sport, dport uint16, first int64, n uint64) flow.Record {
	r := record(from, sport, n, ref(1, 1))
	r.Key.Destination, r.Key.DestinationPort = netip.MustParseAddr(to), dport
	r.First, r.Last = first, first+10
	return r
}

func with(r flow.Record, change func(*flow.Record)) flow.Record {
	change(&r)
	return r
}

// Which direction is forward, and what tells so.
func TestForwardDirection(t *testing.T) {
	opens := func(r *flow.Record) { r.Key.Protocol, r.Opens = 6, true }
	tcp := func(r *flow.Record) { r.Key.Protocol = 6 }
	icmp := func(typeCode uint16) func(*flow.Record) {
		return func(r *flow.Record) { r.Key.Protocol, r.Key.SourcePort, r.Key.DestinationPort = 1, 0, typeCode }
	}
	type want struct {
		source    string
		dport     uint16
		n, back   uint64
		initiated bool
	}
	for _, c := range []struct {
		name    string
		records []flow.Record
		want    []want
	}{
		{"one direction", []flow.Record{packets("10.0.0.9", "10.0.0.1", 5, 6, 1, 3)}, []want{{"10.0.0.9", 6, 3, 0, false}}},
		{"first packet", []flow.Record{packets("10.0.0.1", "10.0.0.9", 53, 4000, 7, 2), packets("10.0.0.9", "10.0.0.1", 4000, 53, 5, 3)},
			[]want{{"10.0.0.9", 53, 3, 2, true}}},
		{"first packet, the other way", []flow.Record{packets("10.0.0.1", "10.0.0.9", 4000, 53, 5, 2), packets("10.0.0.9", "10.0.0.1", 53, 4000, 7, 3)},
			[]want{{"10.0.0.1", 53, 2, 3, true}}},
		{"a SYN decides against the clock", []flow.Record{
			with(packets("10.0.0.1", "10.0.0.9", 80, 4000, 1, 2), tcp), with(packets("10.0.0.9", "10.0.0.1", 4000, 80, 9, 3), opens),
		}, []want{{"10.0.0.9", 80, 3, 2, true}}},
		{"both opened", []flow.Record{
			with(packets("10.0.0.1", "10.0.0.9", 80, 4000, 1, 2), opens), with(packets("10.0.0.9", "10.0.0.1", 4000, 80, 9, 3), opens),
		}, []want{{"10.0.0.1", 4000, 2, 3, true}}},
		{"in the same tick", []flow.Record{packets("10.0.0.1", "10.0.0.9", 53, 4000, 5, 2), packets("10.0.0.9", "10.0.0.1", 4000, 53, 5, 3)},
			[]want{{"10.0.0.9", 53, 3, 2, false}}},
		{"echo", []flow.Record{
			with(packets("10.0.0.1", "10.0.0.9", 0, 0, 5, 2), icmp(0)), with(packets("10.0.0.9", "10.0.0.1", 0, 0, 5, 3), icmp(8<<8)),
		}, []want{{"10.0.0.9", 8 << 8, 3, 2, true}}},
		{"echo replies alone", []flow.Record{with(packets("10.0.0.1", "10.0.0.9", 0, 0, 5, 2), icmp(0))}, []want{{"10.0.0.1", 0, 2, 0, false}}},
		{"unreachable", []flow.Record{with(packets("10.0.0.9", "10.0.0.1", 0, 0, 5, 2), icmp(3<<8|3))}, []want{{"10.0.0.9", 3<<8 | 3, 2, 0, false}}},
		{"between two ports of a host", []flow.Record{packets("10.0.0.1", "10.0.0.1", 9, 5, 3, 1), packets("10.0.0.1", "10.0.0.1", 5, 9, 4, 2)},
			[]want{{"10.0.0.1", 5, 1, 2, true}}},
		{"from a port to itself", []flow.Record{packets("10.0.0.1", "10.0.0.1", 9, 9, 3, 1), packets("10.0.0.1", "10.0.0.1", 9, 9, 4, 2)},
			[]want{{"10.0.0.1", 9, 3, 0, false}}},
		{"other ports", []flow.Record{packets("10.0.0.1", "10.0.0.9", 53, 4000, 7, 2), packets("10.0.0.9", "10.0.0.1", 4001, 53, 5, 3)},
			[]want{{"10.0.0.9", 53, 3, 0, false}, {"10.0.0.1", 4000, 2, 0, false}}},
		{"at two interfaces", []flow.Record{
			with(packets("10.0.0.1", "10.0.0.9", 53, 4000, 7, 2), func(r *flow.Record) { r.Ifindex, r.IngressIfindex = 7, 7 }),
			packets("10.0.0.9", "10.0.0.1", 4000, 53, 5, 3),
		}, []want{{"10.0.0.9", 53, 3, 2, true}}},
	} {
		var got collector
		m := New(got.take)
		m.Configure([]Policy{biflow()})
		for i := range c.records {
			m.Observe(&c.records[i], 0)
		}
		m.Flush()
		if len(got.got) != len(c.want) {
			t.Errorf("%s: %d records, want %d: %+v", c.name, len(got.got), len(c.want), got.got)
			continue
		}
		for _, w := range c.want {
			found := false
			for _, r := range got.got {
				found = found || r.Key.Source == netip.MustParseAddr(w.source) && r.Key.DestinationPort == w.dport &&
					r.Packets == w.n && r.Reverse.Packets == w.back && r.Biflow == (w.back > 0) && r.Initiated == w.initiated
			}
			if !found {
				t.Errorf("%s: no record %+v in %+v", c.name, w, got.got)
			}
		}
	}
}

// Later records of a flow keep its forward direction, whoever is first in
// them, and an idle flow gives no empty record.
func TestInitiatorIsRemembered(t *testing.T) {
	var got collector
	m := New(got.take)
	p := biflow()
	p.ActiveTimeout, p.IdleTimeout = 10*time.Second, 25*time.Second
	m.Configure([]Policy{p})
	up, down := packets("10.0.0.9", "10.0.0.1", 4000, 53, 1, 1), packets("10.0.0.1", "10.0.0.9", 53, 4000, 2, 2)
	m.Observe(&up, 0)
	m.Observe(&down, 0)
	m.Drained(10 * time.Second)
	up.First, down.First = 100, 90
	m.Observe(&up, 11*time.Second)
	m.Observe(&down, 11*time.Second)
	m.Drained(20 * time.Second)
	m.Observe(&down, 21*time.Second)
	for now := 22 * time.Second; now < 90*time.Second; now += time.Second {
		m.Drained(now)
	}
	m.Flush()
	if len(got.got) != 3 {
		t.Fatalf("%d records: %+v", len(got.got), got.got)
	}
	for i, r := range got.got {
		want := "10.0.0.9"
		if i == 2 {
			want = "10.0.0.1" // nothing was sent forward
		}
		if r.Key.Source.String() != want || r.Biflow != (i < 2) {
			t.Errorf("record %d: %+v", i, r)
		}
	}
	if n, _ := m.Totals(1); n.Flows != 0 || n.Records != 3 {
		t.Errorf("totals %+v", n)
	}
}

// What one direction has is not in the other.
func TestDirectionsAreApart(t *testing.T) {
	var got collector
	m := New(got.take)
	m.Configure([]Policy{biflow()})
	up := with(packets("10.0.0.9", "10.0.0.1", 4000, 80, 1, 1), func(r *flow.Record) {
		r.Key.Protocol, r.Opens, r.TCPFlags, r.Octets, r.MinTTL, r.MaxTTL = 6, true, 0x13, 40, 60, 61
		r.IngressIfindex, r.EgressIfindex = 3, 4
	})
	down := with(packets("10.0.0.1", "10.0.0.9", 80, 4000, 2, 2), func(r *flow.Record) {
		r.Key.Protocol, r.TCPFlags, r.Octets, r.MinTTL, r.MaxTTL = 6, 0x12, 80, 50, 51
		r.IngressIfindex, r.EgressIfindex, r.Direction = 4, 3, flow.Egress
	})
	m.Observe(&down, 0)
	m.Observe(&up, 0)
	m.Flush()
	want := Reverse{
		Direction: flow.Egress, IngressIfindex: 4, EgressIfindex: 3, Packets: 2, Octets: 80, First: 2, Last: 12,
		TCPFlags: 0x12, MinTTL: 50, MaxTTL: 51,
	}
	if r := got.got[0]; len(got.got) != 1 || r.Reverse != want || r.Octets != 40 || r.TCPFlags != 0x13 || r.MinTTL != 60 ||
		r.IngressIfindex != 3 || r.Direction != flow.Ingress {
		t.Errorf("%+v", got.got)
	}
}

// Sooner or later a policy pairs directions, or no longer does: records before
// and after have the keys of their time.
func TestPairingBeginsAndEnds(t *testing.T) {
	var got collector
	m := New(got.take)
	up, down := packets("10.0.0.9", "10.0.0.1", 4000, 53, 1, 1), packets("10.0.0.1", "10.0.0.9", 53, 4000, 2, 2)
	for _, pairs := range []bool{false, true, false} {
		p := biflow()
		p.Biflow = pairs
		m.Configure([]Policy{p})
		m.Observe(&up, 0)
		m.Observe(&down, 0)
	}
	m.Flush()
	if len(got.got) != 5 || got.packets() != 9-2 {
		t.Errorf("%d records, %d packets: %+v", len(got.got), got.packets(), got.got)
	}
}
