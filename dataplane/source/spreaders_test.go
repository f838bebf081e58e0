//go:build linux

package source_test

import (
	"math"
	"net/netip"
	"testing"
	"time"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/dataplane/probe/probetest"
	"github.com/openifit/openifit/lab/packet"
)

// address is one of many hosts, of IPv4 or IPv6.
func address(v6 bool, net, host int) netip.Addr {
	if v6 {
		return netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, byte(net), 14: byte(host >> 8), 15: byte(host)})
	}
	return netip.AddrFrom4([4]byte{10, byte(net), byte(host >> 8), byte(host)})
}

// near tells whether an estimate is within six standard errors.
func near(got uint64, want int, err float64) bool {
	return math.Abs(float64(got)-float64(want)) <= 6*err*float64(want)+1
}

func TestDistinctAndSpreaders(t *testing.T) {
	pair := probetest.NewRouter(t)
	engine := pair.Engine(t)
	policy := sketching(4)
	policy.Sketch.Parts = plan.SketchHeavy | plan.SketchDistinct | plan.SketchSpread
	policy.Sketch.LeastDestinations = 100
	pair.Apply(t, engine, plan.Plan{MaxFlows: 64, Points: []plan.Point{pair.Ingress(policy)}})
	run := pair.Runner(t, engine, pair.Ingress().ID)
	send := func(source, destination netip.Addr, port uint16) {
		spec := packet.Spec{Source: netip.AddrPortFrom(source, port), Destination: netip.AddrPortFrom(destination, 53), Payload: make([]byte, 20)}
		run.Repeat(t, spec.Frame(), probetest.Arrival{}, 2)
	}
	// Ordinary sources have two destinations, with three flows to each.
	const ordinary, scanned = 400, 1500
	flows, destinations := 0, make(map[netip.Addr]bool)
	for host := range ordinary {
		for d := range 2 {
			v6 := host%2 == 0
			to := address(v6, 9, (host+d)%50)
			destinations[to] = true
			for port := range uint16(3) {
				send(address(v6, 1, host), to, 1000+port)
				flows++
			}
		}
	}
	// Two of them look at many more: one of each family.
	scanner, smaller := address(false, 2, 7), address(true, 2, 8)
	for d := range scanned {
		send(scanner, address(false, 3, d), 4000)
		destinations[address(false, 3, d)] = true
		flows++
		if d%3 == 0 {
			send(smaller, address(true, 3, d), 4000)
			destinations[address(true, 3, d)] = true
			flows++
		}
	}
	shorten(t, pair, engine, policy)
	got, _ := firstEpoch(t, engine, func(e *flow.Epoch) bool { return e.Distinct != nil && e.Distinct.Flows > 0 })

	d := got.Distinct
	if !near(d.Flows, flows, 0.016) || !near(d.Sources, ordinary+2, 0.016) || !near(d.Destinations, len(destinations), 0.016) {
		t.Errorf("%+v of %d flows, %d sources, %d destinations", *d, flows, ordinary+2, len(destinations))
	}
	if len(got.Spreaders) != 2 {
		t.Fatalf("spreaders %+v", got.Spreaders)
	}
	for i, want := range []struct {
		source       netip.Addr
		destinations int
	}{{scanner, scanned}, {smaller, scanned / 3}} {
		s := got.Spreaders[i]
		if s.Source != want.source || s.Rank != uint32(i)+1 || !near(s.Destinations, want.destinations, 0.13) {
			t.Errorf("spreader %+v, want %s with %d destinations", s, want.source, want.destinations)
		}
	}
	if len(got.Heavy) != 4 {
		t.Errorf("%d heavy flows beside them", len(got.Heavy))
	}
}

func TestSketchOfDistinctAlone(t *testing.T) {
	pair := probetest.NewRouter(t)
	engine := pair.Engine(t)
	policy := sketching(4)
	pair.Apply(t, engine, plan.Plan{MaxFlows: 64, Points: []plan.Point{pair.Ingress(policy)}})
	// Another size of sketch: what came before is not mixed into it.
	pair.Runner(t, engine, pair.Ingress().ID).Repeat(t, probetest.UDP(probetest.Beyond4, 1).Frame(), probetest.Arrival{}, 9)
	policy.Generation++
	policy.Sketch.Parts = plan.SketchDistinct
	pair.Apply(t, engine, plan.Plan{MaxFlows: 64, Points: []plan.Point{pair.Ingress(policy)}})
	run := pair.Runner(t, engine, pair.Ingress().ID)
	for port := range 30 {
		spec := probetest.UDP(probetest.Beyond6, 0)
		spec.Source = netip.AddrPortFrom(spec.Source.Addr(), uint16(2000+port))
		run.Repeat(t, spec.Frame(), probetest.Arrival{}, 1)
	}
	policy.Sketch.Epoch = 100 * time.Millisecond
	pair.Apply(t, engine, plan.Plan{MaxFlows: 64, Points: []plan.Point{pair.Ingress(policy)}})
	got, _ := firstEpoch(t, engine, func(e *flow.Epoch) bool { return e.Distinct != nil && e.Distinct.Flows > 0 })
	if d := got.Distinct; !near(d.Flows, 30, 0.016) || d.Sources != 1 || d.Destinations != 1 || got.Heavy != nil || got.Spreaders != nil {
		t.Errorf("epoch %+v with %+v", *got, *got.Distinct)
	}
}
