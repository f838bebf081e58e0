//go:build linux

package source_test

import (
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/flow/packetid"
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/dataplane/probe"
	"github.com/openifit/openifit/dataplane/probe/probetest"
	"github.com/openifit/openifit/dataplane/source"
	"github.com/openifit/openifit/lab/packet"
)

// postcards collects what an engine sends.
type postcards struct {
	got chan flow.Postcard
	// busy is held while no batch is taken.
	busy *sync.Mutex
}

func (p postcards) pause()  { p.busy.Lock() }
func (p postcards) resume() { p.busy.Unlock() }

func readPostcards(t *testing.T, engine *probe.Engine) postcards {
	t.Helper()
	reader, err := source.NewPostcards(engine)
	if err != nil {
		t.Fatal(err)
	}
	p := postcards{make(chan flow.Postcard, 1<<16), new(sync.Mutex)}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		done <- reader.Run(ctx, func(batch []flow.Postcard) {
			p.busy.Lock()
			defer p.busy.Unlock()
			for _, card := range batch {
				p.got <- card
			}
		})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("reader ended with %v", err)
		}
		if _, malformed := reader.Count(); malformed != 0 {
			t.Errorf("%d malformed samples", malformed)
		}
	})
	return p
}

// next waits for a postcard.
func (p postcards) next(t *testing.T) flow.Postcard {
	t.Helper()
	select {
	case card := <-p.got:
		return card
	case <-time.After(10 * time.Second):
		t.Fatal("no postcard came")
		return flow.Postcard{}
	}
}

// egressPoint sends postcards of marked packets.
func egressPoint(pair *probetest.Pair) plan.Point {
	p := pair.Egress(probetest.Marking(plan.ActPostcard))
	p.Postcards = true
	return p
}

func TestPostcards(t *testing.T) {
	pair := probetest.NewRouter(t)
	engine := pair.Engine(t)
	out := egressPoint(pair)
	in := pair.Ingress(probetest.Marking(plan.ActPostcard))
	in.Role, in.Unmark = plan.RoleCore, true
	pair.Apply(t, engine, probetest.MarkPlan(in, out))
	cards := readPostcards(t, engine)

	here4, here6 := probetest.UDP("10.0.0.1:2000", probetest.Mark0), probetest.UDP("[fd00::1]:2000", probetest.Mark46)
	egress, ingress := pair.Runner(t, engine, out.ID), pair.Runner(t, engine, in.ID)
	for _, c := range []struct {
		name   string
		run    *probetest.Runner
		packet packet.Spec
		from   uint32
		// card is false where none must come; dscp is what the packet leaves with.
		card   bool
		egress uint32
		dscp   uint8
	}{
		{"egress, no mark", egress, probetest.UDP(probetest.Beyond4, 0), 7, false, 0, 0},
		{"egress, own packet", egress, probetest.UDP(probetest.Beyond4, probetest.Mark0), 0, false, 0, 0},
		{"ingress, forwarded", ingress, probetest.UDP(probetest.Beyond4, probetest.Mark0), pair.Ifindex, false, 0, probetest.Mark0},
		{"ingress, delivered, no mark", ingress, probetest.UDP("10.0.0.1:2000", 0), pair.Ifindex, false, 0, 0},
		{"egress, IPv4", egress, probetest.UDP(probetest.Beyond4, probetest.Mark0), 7, true, pair.Ifindex, probetest.Mark0},
		{"egress, IPv6", egress, probetest.UDP(probetest.Beyond6, probetest.Mark46), 7, true, pair.Ifindex, probetest.Mark46},
		{"ingress, delivered, IPv4", ingress, here4, pair.Ifindex, true, 0, 0},
		{"ingress, delivered, IPv6", ingress, here6, pair.Ifindex, true, 0, 46},
	} {
		c.packet.HopLimit = 61
		result := c.run.Run(t, c.packet.Frame(), probetest.Arrival{Ingress: c.from})
		seen, err := packet.Parse(result.Frame)
		if err != nil || result.Verdict != probetest.Next || seen.DSCP != c.dscp {
			t.Errorf("%s: verdict %d, %+v, %v", c.name, result.Verdict, seen, err)
		}
		if !c.card {
			// The next postcard that comes is then another packet's.
			continue
		}
		id, err := packetid.Of(c.packet.Packet())
		if err != nil {
			t.Fatal(err)
		}
		card := cards.next(t)
		if age := time.Since(time.Unix(0, card.EgressTime)); age < 0 || age > time.Minute {
			t.Errorf("%s: time %s ago", c.name, age)
		}
		card.EgressTime = 0
		want := flow.Postcard{
			ID: flow.ID{
				Source: c.packet.Source.Addr(), Destination: c.packet.Destination.Addr(),
				SourcePort: 1000, DestinationPort: 2000, Protocol: packet.UDP,
			},
			Policy:   flow.PolicyRef{ID: probetest.MarkPolicy, Generation: 4},
			PacketID: id, IngressIfindex: c.from, EgressIfindex: c.egress,
			Length: uint32(len(c.packet.Packet())), Segments: 1, HopLimit: 61,
			DSCP: map[uint8]uint8{probetest.Mark0: 0, probetest.Mark46: 46}[c.packet.DSCP],
		}
		if card != want {
			t.Errorf("%s: got %+v, want %+v", c.name, card, want)
		}
	}
}

// Packets of all shapes get the identifier that the reference computes, or
// none where it gives none.
func TestPacketIdentifiersAreThoseOfTheReference(t *testing.T) {
	pair := probetest.NewRouter(t)
	engine := pair.Engine(t)
	point := egressPoint(pair)
	pair.Apply(t, engine, probetest.MarkPlan(point))
	cards := readPostcards(t, engine)
	run := pair.Runner(t, engine, point.ID)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	var sent []packet.Spec
	var want []uint32
	var without uint64
	for range 2000 {
		s := randomPacket(random)
		run.Run(t, s.Frame(), probetest.Arrival{Ingress: 7})
		id, err := packetid.Of(s.Packet())
		if err != nil {
			without++
			continue
		}
		sent, want = append(sent, s), append(want, id)
	}
	for i := range want {
		if card := cards.next(t); card.PacketID != want[i] {
			t.Fatalf("%+v: identifier %#x, want %#x", sent[i], card.PacketID, want[i])
		}
	}
	counters, err := engine.PolicyCounters()
	if err != nil {
		t.Fatal(err)
	}
	if c := counters[0]; c.NoPacketID != without || c.Postcards != 2000-without || without == 0 {
		t.Errorf("%d without identifier, counted %+v", without, c)
	}
}

func randomPacket(r *rand.Rand) packet.Spec {
	s := probetest.UDP(probetest.Beyond4, probetest.Mark0)
	if r.IntN(2) == 0 {
		s = probetest.UDP(probetest.Beyond6, probetest.Mark0)
	}
	address := s.Source.Addr().AsSlice()
	for i := range address {
		address[i] = byte(r.Uint32())
	}
	from, _ := netip.AddrFromSlice(address)
	s.Source = netip.AddrPortFrom(from, uint16(r.Uint32()))
	s.Identification = uint16(r.Uint32())
	s.Protocol = []uint8{packet.UDP, packet.TCP, packet.ICMP, packet.ICMPv6, 132, 50, 0}[r.IntN(7)]
	s.Payload = make([]byte, r.IntN(60))
	for i := range s.Payload {
		s.Payload[i] = byte(r.Uint32())
	}
	if s.IPv4() {
		s.Options = make([]byte, 4*r.IntN(11))
		s.Fragment = []uint16{0, 0x4000, 0x8000, 0x2000, 100}[r.IntN(5)]
		return s
	}
	addExtensions(r, &s)
	return s
}

// addExtensions puts random extension headers before the payload.
func addExtensions(r *rand.Rand, s *packet.Spec) {
	if s.Protocol == 0 {
		s.Protocol = packet.UDP
	}
	kinds := []uint8{0, 43, 44, 51, 60}
	n := r.IntN(10)
	types := make([]uint8, 0, n+1)
	for range n {
		types = append(types, kinds[r.IntN(len(kinds))])
	}
	types = append(types, s.Protocol)
	s.FirstExtension = types[0]
	for i := range n {
		size := 8 * (1 + r.IntN(3))
		header := make([]byte, size)
		header[0], header[1] = types[i+1], byte(size/8-1)
		switch types[i] {
		case 44:
			header = header[:8]
			if r.IntN(4) == 0 {
				binary.BigEndian.PutUint16(header[2:], uint16(r.IntN(1<<13))<<3)
			}
		case 51:
			header[1] = byte(size/4 - 2)
		}
		s.Extensions = append(s.Extensions, header...)
	}
}

func TestPostcardsAreLimited(t *testing.T) {
	pair := probetest.NewRouter(t)
	engine := pair.Engine(t)
	point := egressPoint(pair)
	next := probetest.MarkPlan(point)
	// One in ten seconds on average, one at once.
	next.MaxPostcards = 1
	pair.Apply(t, engine, next)
	run := pair.Runner(t, engine, point.ID)
	for range 20 {
		run.Run(t, probetest.UDP(probetest.Beyond4, probetest.Mark0).Frame(), probetest.Arrival{Ingress: 7})
	}
	counters, err := engine.PolicyCounters()
	if err != nil {
		t.Fatal(err)
	}
	c := counters[0]
	if probetest.Lacks(probe.FeatureRingBuffer) {
		// Nobody reads.
		c.Postcards += c.PostcardsLost
	}
	if c.Postcards == 0 || c.PostcardsSuppressed < 15 || c.Postcards+c.PostcardsSuppressed != 20 {
		t.Errorf("counted %+v", c)
	}
}

// A buffer that nobody reads fills up: what does not fit is counted, and what
// fits is read later.
func TestLostPostcardsAreCounted(t *testing.T) {
	pair := probetest.NewRouter(t)
	engine := pair.Engine(t)
	point := egressPoint(pair)
	pair.Apply(t, engine, probetest.MarkPlan(point))
	run := pair.Runner(t, engine, point.ID)
	const sent = 50000
	cards := readPostcards(t, engine)
	cards.pause()
	run.Repeat(t, probetest.UDP(probetest.Beyond4, probetest.Mark0).Frame(), probetest.Arrival{Ingress: 7}, sent)
	counters, err := engine.PolicyCounters()
	if err != nil {
		t.Fatal(err)
	}
	c := counters[0]
	if c.Postcards == 0 || c.PostcardsLost == 0 || c.Postcards+c.PostcardsLost != sent {
		t.Fatalf("counted %+v", c)
	}
	cards.resume()
	for range c.Postcards {
		cards.next(t)
	}
	select {
	case card := <-cards.got:
		t.Errorf("one postcard more than was counted: %+v", card)
	default:
	}
}
