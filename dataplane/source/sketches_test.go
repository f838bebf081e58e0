//go:build linux

package source_test

import (
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/cilium/ebpf"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/dataplane/probe"
	"github.com/openifit/openifit/dataplane/probe/probetest"
	"github.com/openifit/openifit/dataplane/source"
	"github.com/openifit/openifit/lab/packet"
)

const sketchPolicy = 5

func sketching(topK uint16) plan.Policy {
	return plan.Policy{
		PolicyRef: flow.PolicyRef{ID: sketchPolicy, Generation: 2}, Name: "sketch",
		Actions: plan.ActSketch, Keys: plan.Key5Tuple,
		Sketch: plan.Sketch{Parts: plan.SketchHeavy, TopK: topK, Epoch: time.Hour},
		Rules:  onlyUDP(),
	}
}

// shortenEpoch ends the epoch in progress soon: its length is no constant of
// the program, so that nothing is reloaded.
func shortenEpoch(t *testing.T, pair *probetest.Pair, engine *probe.Engine, topK uint16) {
	t.Helper()
	shorten(t, pair, engine, sketching(topK))
}

func shorten(t *testing.T, pair *probetest.Pair, engine *probe.Engine, policy plan.Policy) {
	t.Helper()
	policy.Sketch.Epoch = 100 * time.Millisecond
	pair.Apply(t, engine, plan.Plan{MaxFlows: 64, Points: []plan.Point{pair.Ingress(policy)}})
}

// epoch waits for the list of the first epoch that has heavy flows.
func epoch(t *testing.T, engine *probe.Engine) ([]flow.HeavyFlow, *source.Sketches) {
	t.Helper()
	got, sketches := firstEpoch(t, engine, func(e *flow.Epoch) bool { return len(e.Heavy) > 0 })
	return got.Heavy, sketches
}

// firstEpoch waits for an epoch with something in it.
func firstEpoch(t *testing.T, engine *probe.Engine, wanted func(*flow.Epoch) bool) (*flow.Epoch, *source.Sketches) {
	t.Helper()
	sketches := source.NewSketches(engine, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var found *flow.Epoch
	err := sketches.Run(ctx, func(got *flow.Epoch) {
		if found == nil && wanted(got) {
			found = got
			cancel()
		}
	})
	if found == nil {
		t.Fatalf("no such epoch ended: %v", err)
	}
	return found, sketches
}

// load is what a flow sends.
type load struct {
	packet  packet.Spec
	packets uint64
}

func (l load) id() flow.ID {
	return flow.ID{
		Source: l.packet.Source.Addr(), Destination: l.packet.Destination.Addr(),
		SourcePort: l.packet.Source.Port(), DestinationPort: l.packet.Destination.Port(), Protocol: packet.UDP,
	}
}

func (l load) octets() uint64 { return l.packets * uint64(len(l.packet.Packet())) }

// crowd makes flows of both families that differ in random addresses.
func crowd(r *rand.Rand, n, payload int, packets func() uint64) []load {
	out := make([]load, n)
	for i := range out {
		var a [16]byte
		binary.BigEndian.PutUint64(a[:], 0x20010db8<<32|uint64(i))
		binary.BigEndian.PutUint64(a[8:], r.Uint64())
		s := packet.Spec{
			Source:      netip.AddrPortFrom(netip.AddrFrom16(a), uint16(r.Uint32())),
			Destination: netip.MustParseAddrPort(probetest.Beyond6), Payload: make([]byte, payload),
		}
		if i%2 == 0 {
			s.Source = netip.AddrPortFrom(netip.AddrFrom4([4]byte(a[8:12])), s.Source.Port())
			s.Destination = netip.MustParseAddrPort(probetest.Beyond4)
		}
		out[i] = load{s, packets()}
	}
	return out
}

func TestSketchFindsTheElephants(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	pair := probetest.NewRouter(t)
	engine := pair.Engine(t)
	// A flow table that is full of mice must not keep anything from the sketch.
	pair.Apply(t, engine, plan.Plan{MaxFlows: 64, Points: []plan.Point{pair.Ingress(sketching(8))}})
	run := pair.Runner(t, engine, pair.Ingress().ID)

	mice := crowd(random, 20000, 100, func() uint64 { return 1 + random.Uint64N(3) })
	elephants := crowd(random, 8, 1000, func() uint64 { return 200 + random.Uint64N(200) })
	// In eight rounds, so that elephants meet tables that mice have filled.
	for round := range 8 {
		for i := range mice {
			if i%8 == round {
				run.Repeat(t, mice[i].packet.Frame(), probetest.Arrival{}, uint32(mice[i].packets))
			}
		}
		for _, e := range elephants {
			n := e.packets / 8
			if round == 7 {
				n = e.packets - 7*n
			}
			run.Repeat(t, e.packet.Frame(), probetest.Arrival{}, uint32(n))
		}
	}
	shortenEpoch(t, pair, engine, 8)
	list, sketches := epoch(t, engine)

	truth := make(map[flow.ID]load)
	for _, e := range elephants {
		truth[e.id()] = e
	}
	if len(list) != len(truth) {
		t.Errorf("%d flows listed, want %d", len(list), len(truth))
	}
	for i, h := range list {
		e, ok := truth[h.ID]
		switch {
		case !ok:
			t.Errorf("rank %d is a mouse: %+v", h.Rank, h)
		case h.Rank != uint32(i)+1, h.Policy != (flow.PolicyRef{ID: sketchPolicy, Generation: 2}), h.End <= h.Start:
			t.Errorf("%+v", h)
		case h.Octets < e.octets() || h.Octets > e.octets()*105/100:
			t.Errorf("%s has %d octets, estimated as %d", h.ID, e.octets(), h.Octets)
		case h.Packets < e.packets*95/100 || h.Packets > e.packets*105/100:
			t.Errorf("%s has %d packets, estimated as %d", h.ID, e.packets, h.Packets)
		}
	}
	if read, err := sketches.Read(sketchPolicy); err != nil || !slices.Equal(read.Heavy, list) || read.Distinct != nil || read.Spreaders != nil {
		t.Errorf("read %+v, %v", read, err)
	}
}

func TestSketchEpochs(t *testing.T) {
	pair := probetest.NewRouter(t)
	engine := pair.Engine(t)
	sketches := source.NewSketches(engine, nil)
	if _, err := sketches.Read(sketchPolicy); !errors.Is(err, source.ErrNoSketch) {
		t.Errorf("list of no policy: %v", err)
	}
	pair.Apply(t, engine, plan.Plan{MaxFlows: 64, Points: []plan.Point{pair.Ingress(sketching(3))}})
	id := pair.Ingress().ID
	one := load{probetest.UDP(probetest.Beyond4, 0), 10}
	other := load{probetest.UDP(probetest.Beyond6, 0), 10}
	send := func(l load) {
		pair.Runner(t, engine, id).Repeat(t, l.packet.Frame(), probetest.Arrival{}, uint32(l.packets))
	}

	send(one)
	shortenEpoch(t, pair, engine, 3)
	if list, _ := epoch(t, engine); len(list) != 1 || list[0].ID != one.id() || list[0].Octets != one.octets() || list[0].Packets != 10 {
		t.Errorf("first epoch: %+v", list)
	}
	send(other)
	if list, _ := epoch(t, engine); len(list) != 1 || list[0].ID != other.id() {
		t.Errorf("the second epoch begins anew, got %+v", list)
	}

	// An epoch in which the generation changed belongs to neither.
	send(one)
	policy := sketching(3)
	policy.Generation++
	policy.Sketch.Epoch = 100 * time.Millisecond
	pair.Apply(t, engine, plan.Plan{MaxFlows: 64, Points: []plan.Point{pair.Ingress(policy)}})
	if err := engine.EndSketchEpoch(id, func(*ebpf.Map) error {
		t.Error("an epoch of two generations was handed out")
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	send(other)
	if list, _ := epoch(t, engine); len(list) != 1 || list[0].ID != other.id() || list[0].Policy.Generation != 3 {
		t.Errorf("after the change: %+v", list)
	}

	// A reload for another reason keeps the epoch.
	send(one)
	metering := probetest.Metering(77, 1)
	pair.Apply(t, engine, plan.Plan{MaxFlows: 64, Points: []plan.Point{pair.Ingress(policy, metering)}})
	send(one)
	if list, _ := epoch(t, engine); len(list) != 1 || list[0].Packets != 20 {
		t.Errorf("after a reload: %+v", list)
	}
}
