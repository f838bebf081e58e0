//go:build linux

package traffic

import (
	"context"
	"encoding/json"
	"net/netip"
	"testing"
	"time"

	"github.com/openifit/openifit/lab/namespace"
	"github.com/openifit/openifit/lab/testenv"
)

// testEnds are two hosts with a link between them.
func testEnds(t *testing.T) Ends {
	t.Helper()
	a, b := testenv.NewNetNS(t), testenv.NewNetNS(t)
	testenv.VethPair(t,
		testenv.End{NS: a, Name: "to-b", Addresses: []string{"10.0.0.1/24", "fd00::1/64"}},
		testenv.End{NS: b, Name: "to-a", Addresses: []string{"10.0.0.2/24", "fd00::2/64"}})
	return Ends{From: a, To: b, Interface: "to-a"}
}

func linkPairs() []Pair {
	a := netip.MustParseAddr
	return []Pair{{a("10.0.0.1"), a("10.0.0.2")}, {a("fd00::1"), a("fd00::2")}}
}

func run(t *testing.T, ends Ends, p Profile, opts SessionOptions) Report {
	t.Helper()
	s, err := NewSession(t.Context(), ends, p, opts)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	select {
	case <-s.Done():
	case <-time.After(time.Minute):
		t.Fatal("sending does not end")
	}
	if err := s.Stop(t.Context(), 5*time.Second); err != nil {
		t.Fatal(err)
	}
	r, err := s.Report()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestSessionTellsTheTruth(t *testing.T) {
	ends := testEnds(t)
	p, err := MiceAndElephants{
		Pairs: linkPairs(), Mice: 500, Elephants: 4, Rate: 10000, Share: 0.5, MousePackets: 3, Seed: 1,
	}.Profile()
	if err != nil {
		t.Fatal(err)
	}
	p.Groups[0].Packets = 100
	octets := uint64(0)
	captured := map[Stamp]int{}
	r := run(t, ends, p, SessionOptions{
		ReceiverOptions: ReceiverOptions{Delays: true},
		OnSend:          func(_ uint32, ip []byte) { octets += uint64(len(ip)) },
		OnCapture: func(ip []byte) {
			header := ipv6Header
			if ip[0]>>4 == 4 {
				header = ipv4Header
			}
			if s, ok := ReadStamp(ip[min(len(ip), header+udpHeader):]); ok {
				captured[s]++
			}
		},
	})
	const want = 500*3 + 4*100
	if r.Totals.SentPackets+r.Totals.Refused != want || r.Totals.Refused != 0 {
		t.Errorf("sent %d, refused %d, want %d", r.Totals.SentPackets, r.Totals.Refused, want)
	}
	if r.Totals.ReceivedPackets != want || r.Totals.Lost+r.Totals.Duplicates+r.Totals.Marked+r.Totals.Overrun+r.Totals.Foreign != 0 {
		t.Errorf("totals %+v", r.Totals)
	}
	if r.Totals.SentOctets != octets {
		t.Errorf("%d octets reported, %d observed", r.Totals.SentOctets, octets)
	}
	if len(captured) != want || r.Missed != 0 || r.Seen.Instrumented(0) != 0 {
		t.Errorf("captured %d different packets, missed %d, seen %+v", len(captured), r.Missed, r.Seen)
	}
	for i, f := range r.Flows {
		if f.MinHopLimit != hopLimit || f.MaxHopLimit != hopLimit || f.MinDelay <= 0 || f.MeanDelay < f.MinDelay || f.MaxDelay < f.MeanDelay {
			t.Fatalf("flow %d: %+v", i, f)
		}
	}
	if _, err := json.Marshal(r); err != nil {
		t.Error(err)
	}
}

func TestSessionSeesMarks(t *testing.T) {
	ends := testEnds(t)
	p, err := Constant{Pairs: linkPairs(), Flows: 4, Rate: 2000, Payload: 100, Packets: 50, DSCP: 5}.Profile()
	if err != nil {
		t.Fatal(err)
	}
	r := run(t, ends, p, SessionOptions{})
	if r.Totals.Marked != 0 || r.Seen.DSCP[5] != 200 || r.Seen.Instrumented(0) != 200 {
		t.Errorf("totals %+v, seen %+v", r.Totals, r.Seen)
	}

	// The receiver expects flows without a DSCP, and gets marked ones.
	sender, err := NewSender(t.Context(), ends.From, p)
	if err != nil {
		t.Fatal(err)
	}
	defer sender.Close()
	plain := p.Flows()
	for i := range plain {
		plain[i].DSCP = 0
	}
	receiver, err := NewReceiver(ends.To, plain, sender.RunID(), ReceiverOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := sender.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	await(t, "200 packets", func() bool { return receiver.Total() == 200 })
	var marked uint64
	for _, g := range receiver.Received() {
		marked += g.Marked
	}
	if marked != 200 || receiver.DSCP()[5] != 200 {
		t.Errorf("%d marked, DSCP %v", marked, receiver.DSCP())
	}
	if err := receiver.Close(); err != nil {
		t.Error(err)
	}
}

func TestReceiverKnowsItsRun(t *testing.T) {
	ends := testEnds(t)
	p, err := Constant{Pairs: linkPairs(), Flows: 2, Rate: 1000, Payload: 100, Packets: 10}.Profile()
	if err != nil {
		t.Fatal(err)
	}
	sender, err := NewSender(t.Context(), ends.From, p)
	if err != nil {
		t.Fatal(err)
	}
	defer sender.Close()
	receiver, err := NewReceiver(ends.To, p.Flows(), sender.RunID()+1, ReceiverOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer receiver.Close()
	if err := sender.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	await(t, "20 foreign packets", func() bool { return receiver.Foreign() == 20 })
	if receiver.Total() != 0 {
		t.Errorf("%d packets of another run counted as own", receiver.Total())
	}
}

func TestSenderErrors(t *testing.T) {
	ends := testEnds(t)
	a := netip.MustParseAddr
	for _, pair := range []Pair{
		{a("10.0.0.1"), a("192.0.2.1")}, // no route
		{a("10.0.0.1"), a("10.0.0.9")},  // nobody there
	} {
		p, err := Constant{Pairs: []Pair{pair}, Flows: 1, Rate: 1, Payload: 100}.Profile()
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if s, err := NewSender(ctx, ends.From, p); err == nil {
			s.Close()
			t.Errorf("a sender to %s", pair.Destination)
		}
	}
	if _, err := NewCapture(ends.To, "nothing", nil); err == nil {
		t.Error("a capture on an interface that does not exist")
	}
	taken := []Flow{{Destination: netip.MustParseAddrPort("192.0.2.7:99")}}
	if _, err := NewReceiver(ends.To, taken, 1, ReceiverOptions{}); err == nil {
		t.Error("a receiver at somebody else's address")
	}
}

func TestSenderCountsWhatTheLinkRefuses(t *testing.T) {
	ends := testEnds(t)
	p, err := Constant{Pairs: linkPairs()[:1], Flows: 1, Rate: 1000, Payload: 100}.Profile()
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewSender(t.Context(), ends.From, p)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	setLink(t, ends.From, "to-b", false)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	await(t, "refused packets", func() bool { _, refused := s.Sent(); return refused > 3 })
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if sent, _ := s.Sent(); sent[0].Packets != 0 {
		t.Errorf("%d packets sent on a link that is down", sent[0].Packets)
	}
}

func setLink(t *testing.T, ns *namespace.NS, name string, up bool) {
	t.Helper()
	h := testenv.Netlink(t, ns)
	link, err := h.LinkByName(name)
	if err != nil {
		t.Fatal(err)
	}
	set := h.LinkSetDown
	if up {
		set = h.LinkSetUp
	}
	if err := set(link); err != nil {
		t.Fatal(err)
	}
}

func await(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		if condition() {
			return
		}
	}
	t.Fatalf("no %s", what)
}

func BenchmarkSender(b *testing.B) {
	a, other := testenv.NewNetNS(b), testenv.NewNetNS(b)
	testenv.VethPair(b,
		testenv.End{NS: a, Name: "to-b", Addresses: []string{"10.0.0.1/24", "fd00::1/64"}},
		testenv.End{NS: other, Name: "to-a", Addresses: []string{"10.0.0.2/24", "fd00::2/64"}})
	p, err := MiceAndElephants{Pairs: linkPairs(), Mice: 20000, Elephants: 8, Rate: 1, Share: 0.8}.Profile()
	if err != nil {
		b.Fatal(err)
	}
	s, err := NewSender(b.Context(), a, p)
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	groups := schedule(p)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if err := s.send(groups[i%2].next()); err != nil {
			b.Fatal(err)
		}
	}
}
