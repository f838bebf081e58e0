package ipfix_test

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/openifit/openifit/proto/ipfix"
)

func peer(n int) ipfix.PeerKey {
	return ipfix.PeerKey{
		Exporter:  netip.MustParseAddrPort(fmt.Sprintf("192.0.2.%d:40000", n)),
		Collector: netip.MustParseAddrPort("198.51.100.1:4739"),
	}
}

func TestCollectorKeepsPeersApart(t *testing.T) {
	c := ipfix.NewCollector(ipfix.CollectorConfig{})
	var got []collected
	visit := collect(&got)
	steps := []struct {
		from    ipfix.PeerKey
		msg     []byte
		fails   bool
		records int
	}{
		{peer(1), message(0, set(2, portsTemplate)), false, 0},
		{peer(2), message(0, set(2, "0100 0001 0004 0001")), false, 0},
		// Neither a broken message nor another definition of a neighbour matters.
		{peer(2), message(0, set(256, "06"), set(1, "")), true, 0},
		{peer(2), []byte("nonsense"), true, 0},
		{peer(3), []byte("nonsense"), true, 0},
		{peer(1), message(0, set(256, "01bb 06")), false, 1},
		{peer(2), message(0, set(256, "06 11")), false, 2},
		// The same host from another port is another session.
		{ipfix.PeerKey{Exporter: netip.MustParseAddrPort("192.0.2.1:40001"), Collector: peer(1).Collector},
			message(0, set(256, "01bb 06")), false, 0},
	}
	for i, s := range steps {
		got = nil
		if err := c.Decode(now, s.from, s.msg, visit); (err != nil) != s.fails {
			t.Errorf("step %d: got error %v", i, err)
		}
		if len(got) != s.records {
			t.Errorf("step %d: read %v, want %d records", i, got, s.records)
		}
	}
	if st := c.Stats(); st.Sessions != 3 || st.MalformedMessages != 1 {
		t.Errorf("counted %+v", st)
	}
	c.Each(func(key ipfix.PeerKey, s *ipfix.Session) {
		want := uint64(0)
		if key == peer(2) {
			want = 2
		}
		if n := s.Stats().MalformedMessages; n != want {
			t.Errorf("%s: %d malformed messages, want %d", key.Exporter, n, want)
		}
	})
}

func TestCollectorLimit(t *testing.T) {
	c := ipfix.NewCollector(ipfix.CollectorConfig{Sessions: 2, IdleTimeout: time.Minute})
	msg := message(0, set(2, portsTemplate))
	for n := range 2 {
		if err := c.Decode(now, peer(n), msg, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Decode(now.Add(30*time.Second), peer(1), msg, nil); err != nil {
		t.Fatal(err)
	}
	if err := c.Decode(now.Add(30*time.Second), peer(2), msg, nil); !errors.Is(err, ipfix.ErrLimit) {
		t.Errorf("a third peer got %v, want ErrLimit", err)
	}
	// Now the first has been idle for too long, the second has not.
	if err := c.Decode(now.Add(70*time.Second), peer(2), msg, nil); err != nil {
		t.Errorf("a new peer got %v although one is idle", err)
	}
	held := map[ipfix.PeerKey]bool{}
	c.Each(func(key ipfix.PeerKey, _ *ipfix.Session) { held[key] = true })
	if len(held) != 2 || !held[peer(1)] || !held[peer(2)] {
		t.Errorf("holds %v", held)
	}
	if st := c.Stats(); st.RefusedMessages != 1 || st.IdleSessions != 1 || st.Sessions != 3 {
		t.Errorf("counted %+v", st)
	}
}

func TestCollectorGivesUpStrangersSooner(t *testing.T) {
	c := ipfix.NewCollector(ipfix.CollectorConfig{Sessions: 2})
	template, data := message(0, set(2, portsTemplate)), message(0, set(256, "01bb 06"))
	if err := c.Decode(now, peer(0), template, nil); err != nil {
		t.Fatal(err)
	}
	if err := c.Decode(now, peer(1), data, nil); err != nil {
		t.Fatal(err)
	}
	if err := c.Decode(now.Add(2*time.Minute), peer(2), template, nil); err != nil {
		t.Errorf("a new peer got %v although one of the sessions has explained nothing", err)
	}
	held := map[ipfix.PeerKey]bool{}
	c.Each(func(key ipfix.PeerKey, _ *ipfix.Session) { held[key] = true })
	if !held[peer(0)] || held[peer(1)] {
		t.Errorf("holds %v", held)
	}
}
