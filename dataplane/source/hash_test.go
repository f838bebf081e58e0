//go:build linux

package source_test

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/flow/packetid"
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/dataplane/probe/probetest"
	"github.com/openifit/openifit/lab/packet"
)

// referenceHash is what the Go functions make of a packet.
func referenceHash(a plan.Algorithm, in *packetid.Invariants, initialiser uint32) uint32 {
	switch a {
	case plan.SelectHashIPSX:
		return in.IPSX()
	case plan.SelectHashCRC32:
		return in.CRC32(initialiser)
	default:
		return in.BOB(initialiser)
	}
}

func inRanges(s *plan.Selection, hash uint32) bool {
	for _, r := range s.Ranges[:s.NumRanges] {
		if hash >= r.Min && hash <= r.Max {
			return true
		}
	}
	return false
}

// Packets of all shapes are selected as the reference says.
func TestHashSelectionIsThatOfTheReference(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for _, a := range []plan.Algorithm{plan.SelectHashBOB, plan.SelectHashIPSX, plan.SelectHashCRC32} {
		sel := plan.Selection{Algorithm: a, NumRanges: 3}
		if a != plan.SelectHashIPSX {
			sel.Initialiser = random.Uint32()
		}
		// Thirds of the output, each with a gap, and its very ends.
		step := a.Output() / 6
		sel.Ranges = [plan.MaxHashRanges]plan.HashRange{{Min: 0, Max: step}, {Min: 2 * step, Max: 3 * step}, {Min: 5 * step, Max: a.Output()}}
		// Fewer fields than the hash needs are Flow Keys.
		policy := selecting(1, 1, sel)
		policy.Keys = plan.KeyDestinationPort
		s := newStand(t, policy)
		var want, tooShort uint64
		for i := range 1500 {
			p := randomPacket(random)
			in, err := packetid.InvariantsOf(p.Packet())
			before := s.policyCounters(t, 1).Selected
			s.run.Run(t, p.Frame(), probetest.Arrival{})
			if err != nil {
				tooShort++
			} else if inRanges(&sel, referenceHash(a, &in, sel.Initialiser)) {
				want++
			}
			if got := s.policyCounters(t, 1).Selected; got != want {
				t.Fatalf("algorithm %d, packet %d, %+v, hash %#x, %v: selected is %d, was %d", a, i, p, referenceHash(a, &in, sel.Initialiser), err, got, before)
			}
		}
		if c := s.policyCounters(t, 1); c.Observed != 1500 || c.NoHash != tooShort || tooShort == 0 || want < 100 {
			t.Errorf("algorithm %d: %d selected, %d without hash, counted %+v", a, want, tooShort, c)
		}
	}
}

func TestSuperPacketsHaveNoHash(t *testing.T) {
	all := plan.Selection{Algorithm: plan.SelectHashBOB, NumRanges: 1, Ranges: [plan.MaxHashRanges]plan.HashRange{{Max: math.MaxUint32}}}
	s := newStand(t, selecting(1, 1, all))
	frame := with(v4(packet.TCP), func(s *packet.Spec) { s.Payload = make([]byte, 300) }).Frame()
	s.run.Run(t, frame, probetest.Arrival{Segments: 3, SegmentSize: 100})
	s.run.Run(t, frame, probetest.Arrival{})
	if c := s.policyCounters(t, 1); c.Observed != 4 || c.Selected != 1 || c.NoHashSegments != 3 {
		t.Errorf("counted %+v", c)
	}
}

// Postcards without marks: of packets from elsewhere whose hash is in range,
// and of no others, with the identifier that every node computes.
func TestPostcardsWithoutMarks(t *testing.T) {
	pair := probetest.NewRouter(t)
	engine := pair.Engine(t)
	sel := plan.Selection{Algorithm: plan.SelectHashBOB, Initialiser: 77, NumRanges: 1, Ranges: [plan.MaxHashRanges]plan.HashRange{{Max: math.MaxUint32 / 4}}}
	policy := plan.Policy{
		PolicyRef: flow.PolicyRef{ID: 3, Generation: 5}, Name: "hashed", Actions: plan.ActDigest, Keys: plan.Key5Tuple, Select: sel,
	}
	point := pair.Egress(policy)
	pair.Apply(t, engine, plan.Plan{MaxFlows: 1 << 14, Points: []plan.Point{point}})
	cards := readPostcards(t, engine)
	run := pair.Runner(t, engine, point.ID)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	var want []uint32
	observed := uint64(0)
	for i := range 2000 {
		p := randomPacket(random)
		in, err := packetid.InvariantsOf(p.Packet())
		arrival := probetest.Arrival{Ingress: 7}
		if i%10 == 0 {
			arrival.Ingress = 0 // sent by the node itself
		} else {
			observed++
		}
		run.Run(t, p.Frame(), arrival)
		if err != nil && !errors.Is(err, packetid.ErrTooShort) && !errors.Is(err, packetid.ErrMalformed) {
			t.Fatal(err)
		}
		if err == nil && arrival.Ingress != 0 && inRanges(&sel, in.BOB(77)) {
			want = append(want, in.BOB(packetid.Init))
		}
	}
	for i, id := range want {
		card := cards.next(t)
		if card.PacketID != id || card.Policy != policy.PolicyRef || card.EgressIfindex != pair.Ifindex || card.IngressIfindex != 7 {
			t.Fatalf("postcard %d: %+v, want identifier %#x", i, card, id)
		}
	}
	counters, err := engine.PolicyCounters()
	if err != nil {
		t.Fatal(err)
	}
	if c := counters[0]; c.Postcards != uint64(len(want)) || c.Observed != observed || c.Selected != uint64(len(want)) {
		t.Errorf("%d postcards of %d packets are due, counted %+v", len(want), observed, c)
	}
}

// Every node of a domain picks the same packets, and nothing about them
// changes on their way.
func TestPostcardsWithoutMarksThroughADomain(t *testing.T) {
	line := probetest.NewLine(t, 2)
	sel := plan.Selection{Algorithm: plan.SelectHashCRC32, NumRanges: 1, Ranges: [plan.MaxHashRanges]plan.HashRange{{Max: math.MaxUint32 / 3}}}
	policy := plan.Policy{
		PolicyRef: flow.PolicyRef{ID: 3, Generation: 1}, Name: "hashed", Actions: plan.ActDigest, Keys: plan.Key5Tuple, Select: sel,
	}
	d := &domain{line: line}
	for i, r := range line.Routers {
		d.engines[i] = r.Open(t, plan.Plan{MaxFlows: 64, Points: []plan.Point{
			{ID: plan.PointID{Ifindex: r.Left, Direction: flow.Ingress}, Interface: probetest.LeftName, Role: plan.RoleCore, Stamp: true},
			{ID: plan.PointID{Ifindex: r.Right, Direction: flow.Egress}, Interface: probetest.RightName, Role: plan.RoleCore, Policies: []plan.Policy{policy}},
		}})
		d.cards[i] = readPostcards(t, d.engines[i])
	}
	d.left = openWire(t, line.Left, probetest.RightName, line.Routers[0].NS, probetest.LeftName)
	d.right = openWire(t, line.Right, probetest.LeftName, nil, "")
	picked := 0
	for number := range 150 {
		sent := d.packet(4+2*(number&1), number, 0)
		d.left.send(t, sent)
		in, err := packetid.InvariantsOf(sent.Packet())
		if err != nil {
			t.Fatal(err)
		}
		want := sent
		want.HopLimit = 62
		if seen := d.right.receive(t); !bytes.Equal(seen.IP, want.Packet()) {
			t.Fatalf("packet %d arrived as %x, want %x", number, seen.IP, want.Packet())
		}
		if !inRanges(&sel, in.CRC32(0)) {
			continue
		}
		picked++
		for i, r := range line.Routers {
			card := d.cards[i].next(t)
			if card.PacketID != in.BOB(packetid.Init) || card.HopLimit != uint8(63-i) || card.IngressIfindex != r.Left || card.EgressIfindex != r.Right {
				t.Fatalf("packet %d, router %d: %+v", number, i, card)
			}
			if _, ok := card.Delay(); !ok {
				t.Errorf("packet %d, router %d: no delay in %+v", number, i, card)
			}
		}
	}
	if picked < 10 {
		t.Errorf("%d of 150 packets were picked", picked)
	}
}
