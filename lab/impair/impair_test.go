//go:build linux

package impair

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openifit/openifit/lab/fabric"
	"github.com/openifit/openifit/lab/namespace"
	"github.com/openifit/openifit/lab/testenv"
	"github.com/openifit/openifit/lab/topology"
	"github.com/openifit/openifit/lab/traffic"
)

const line = `
name: line
nodes:
  - {name: h1, kind: host}
  - {name: r1, kind: router, role: head}
  - {name: h2, kind: host}
links:
  - a: {node: h1, addresses: [10.0.1.1/24, "2001:db8:1::1/64"]}
    b: {node: r1, addresses: [10.0.1.2/24, "2001:db8:1::2/64"]}
  - a: {node: r1, addresses: [10.0.2.2/24, "2001:db8:2::2/64"]}
    b: {node: h2, addresses: [10.0.2.1/24, "2001:db8:2::1/64"]}
`

// impaired is the interface of the router between two hosts.
const impaired = "to-h2"

func testLine(t *testing.T) (router *namespace.NS, ends traffic.Ends) {
	t.Helper()
	testenv.NeedRoot(t)
	top, err := topology.Parse([]byte(line))
	must(t, err)
	n := rand.Uint32()
	names := fabric.Names{
		Prefix:     fmt.Sprintf("i%07x-", n&0xfffffff),
		Management: netip.PrefixFrom(netip.AddrFrom4([4]byte{198, 19, byte(n), 0}), 24),
	}
	t.Cleanup(func() {
		if err := fabric.Remove(names); err != nil {
			t.Error(err)
		}
	})
	f, err := fabric.Build(top, names)
	must(t, err)
	t.Cleanup(f.Close)
	router, err = f.Namespace("r1")
	must(t, err)
	ends.Interface = "to-r1"
	ends.From, err = f.Namespace("h1")
	must(t, err)
	ends.To, err = f.Namespace("h2")
	must(t, err)
	return router, ends
}

// send runs a profile of both families through the link.
func send(t *testing.T, ends traffic.Ends, c traffic.Constant, opts traffic.SessionOptions) *traffic.Session {
	t.Helper()
	a := netip.MustParseAddr
	c.Pairs = []traffic.Pair{{Source: a("10.0.1.1"), Destination: a("10.0.2.1")}, {Source: a("2001:db8:1::1"), Destination: a("2001:db8:2::1")}}
	p, err := c.Profile()
	must(t, err)
	s, err := traffic.NewSession(t.Context(), ends, p, opts)
	must(t, err)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	<-s.Done()
	return s
}

func report(t *testing.T, s *traffic.Session, idle time.Duration) traffic.Report {
	t.Helper()
	must(t, s.Stop(t.Context(), idle))
	r, err := s.Report()
	must(t, err)
	return r
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestRefused(t *testing.T) {
	router, _ := testLine(t)
	for _, c := range []struct {
		want string
		err  error
	}{
		{"rate", TBF(router, impaired, Queue{Burst: 2000, Limit: 2000})},
		{"burst", TBF(router, impaired, Queue{Rate: 1e6, Burst: 1000, Limit: 2000})},
		{"limit", TBF(router, impaired, Queue{Rate: 1e6, Burst: 2000, Limit: 1000})},
		{"to-c", TBF(router, "to-c", Queue{Rate: 1e6, Burst: 2000, Limit: 2000})},
		{"want a probability", SetLoss(router, impaired, Loss{})},
		{"drop probability", SetLoss(router, impaired, Loss{Drop: 1.1})},
		{"reorder probability", SetLoss(router, impaired, Loss{Reorder: math.NaN()})},
		{"to-c", SetLoss(router, "to-c", Loss{Drop: 0.5})},
	} {
		if c.err == nil || !strings.Contains(c.err.Error(), c.want) {
			t.Errorf("%v, want an error with %q", c.err, c.want)
		}
	}
	if err := ClearTBF(router, impaired); !errors.Is(err, ErrNone) {
		t.Errorf("clear a queue that is not there: %v", err)
	}
	if _, err := ClearLoss(router, impaired); !errors.Is(err, ErrNone) {
		t.Errorf("clear a loss that is not there: %v", err)
	}
	if _, err := TBFStats(router, impaired); !errors.Is(err, ErrNone) {
		t.Errorf("statistics of a queue that is not there: %v", err)
	}
}

func TestLossIsExactAndRepeats(t *testing.T) {
	var first []uint64
	for round := range 2 {
		router, ends := testLine(t)
		must(t, SetLoss(router, impaired, Loss{Drop: 0.1, Seed: 42}))
		if err := SetLoss(router, impaired, Loss{Drop: 0.2}); err == nil {
			t.Error("a second loss replaced the first")
		}
		s := send(t, ends, traffic.Constant{Flows: 10, Rate: 10000, Payload: 100, Packets: 200}, traffic.SessionOptions{})
		counts, err := LossCounts(router, impaired)
		must(t, err)
		r := report(t, s, 300*time.Millisecond)
		if r.Totals.Lost != counts.Dropped || r.Totals.SentPackets != counts.Packets {
			t.Errorf("generator: sent %d, lost %d; link: %+v", r.Totals.SentPackets, r.Totals.Lost, counts)
		}
		// Binomial with 2,000 draws: six standard deviations are 80.
		if counts.Dropped < 120 || counts.Dropped > 280 {
			t.Errorf("%d of 2000 packets dropped, want about 200", counts.Dropped)
		}
		var lost []uint64
		for _, f := range r.Flows {
			lost = append(lost, f.Lost)
		}
		if round == 0 {
			first = lost
		} else if !slices.Equal(lost, first) {
			t.Errorf("lost per flow %v with the same seed, before %v", lost, first)
		}
		last, err := ClearLoss(router, impaired)
		must(t, err)
		if last != counts {
			t.Errorf("last counts %+v, want %+v", last, counts)
		}
		if _, err := LossCounts(router, impaired); !errors.Is(err, ErrNone) {
			t.Errorf("counts after ClearLoss: %v", err)
		}
	}
}

func TestReorderKeepsEveryPacket(t *testing.T) {
	router, ends := testLine(t)
	must(t, SetLoss(router, impaired, Loss{Reorder: 0.05, Seed: 7}))
	// Different lengths, so that packets change their size on the way.
	s := send(t, ends, traffic.Constant{Flows: 2, Rate: 10000, Payload: 200, Packets: 1000}, traffic.SessionOptions{})
	r := report(t, s, 300*time.Millisecond)
	counts, err := ClearLoss(router, impaired)
	must(t, err)
	if r.Totals.Lost != 1 || counts.Dropped != 1 || r.Totals.Duplicates != 0 {
		t.Errorf("lost %d, duplicates %d, %+v: only the packet that was held back may be missing", r.Totals.Lost, r.Totals.Duplicates, counts)
	}
	if counts.Reordered < 50 || r.Totals.Reordered == 0 || r.Totals.Reordered > counts.Reordered {
		t.Errorf("%d packets arrived out of order, %+v", r.Totals.Reordered, counts)
	}
	after := send(t, ends, traffic.Constant{Flows: 2, Rate: 10000, Payload: 200, Packets: 100, Port: 6000}, traffic.SessionOptions{})
	if r := report(t, after, 5*time.Second); r.Totals.Lost+r.Totals.Reordered != 0 {
		t.Errorf("after ClearLoss: %+v", r.Totals)
	}
}

func TestTBFBuildsDelay(t *testing.T) {
	router, ends := testLine(t)
	opts := traffic.SessionOptions{ReceiverOptions: traffic.ReceiverOptions{Delays: true}}
	// 1,000 octets at 500 packets/s are 4.3 Mbit/s; the bucket lets 2 pass.
	q := Queue{Rate: 2e6, Burst: 5000, Limit: 50000}
	must(t, TBF(router, impaired, q))
	must(t, TBF(router, impaired, q)) // changing it is fine
	s := send(t, ends, traffic.Constant{Flows: 2, Rate: 500, Payload: 1000, Packets: 200}, opts)
	st, err := TBFStats(router, impaired)
	must(t, err)
	r := report(t, s, 2*time.Second)
	worst := time.Duration(0)
	for _, f := range r.Flows {
		worst = max(worst, f.MaxDelay)
	}
	if worst < q.MaxDelay()/2 {
		t.Errorf("longest delay %s, want nearly %s", worst, q.MaxDelay())
	}
	after, err := TBFStats(router, impaired)
	must(t, err)
	if st.Backlog == 0 || r.Totals.Lost == 0 || uint64(after.Dropped) != r.Totals.Lost+r.Totals.Refused {
		t.Errorf("queue %+v, then %+v; lost %d, refused %d", st, after, r.Totals.Lost, r.Totals.Refused)
	}
	must(t, ClearTBF(router, impaired))
	s = send(t, ends, traffic.Constant{Flows: 2, Rate: 500, Payload: 1000, Packets: 50, Port: 6000}, opts)
	r = report(t, s, 5*time.Second)
	if r.Totals.Lost != 0 || r.Flows[0].MinDelay > q.MaxDelay()/4 {
		t.Errorf("after ClearTBF: lost %d, shortest delay %s", r.Totals.Lost, r.Flows[0].MinDelay)
	}
}
