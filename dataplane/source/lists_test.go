//go:build linux

package source_test

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/dataplane/probe/probetest"
	"github.com/openifit/openifit/lab/packet"
)

// longList is a policy that lists so many flows, in which the host of the
// last octet sends to the usual destination.
func longList(n int) plan.Policy {
	p := probetest.Metering(1, 1)
	p.FlowList = true
	for i := range n {
		p.Flows = append(p.Flows, listedFlow(uint32(i)))
	}
	return p
}

func listedFlow(n uint32) flow.ID {
	id := key(4, packet.UDP, 1000, 2000).ID
	id.Source = netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)})
	return id
}

// accepted tells which of the flows the list takes now.
func (s *stand) accepted(t *testing.T, flows ...uint32) []bool {
	t.Helper()
	s.run = s.pair.Runner(t, s.engine, s.point.ID)
	for _, n := range flows {
		id := listedFlow(n)
		s.run.Run(t, packet.Spec{
			Source: netip.AddrPortFrom(id.Source, id.SourcePort), Destination: netip.AddrPortFrom(id.Destination, id.DestinationPort),
		}.Frame(), probetest.Arrival{})
	}
	out := make([]bool, len(flows))
	for _, r := range s.drain(t) {
		for i, n := range flows {
			if r.Key.ID == listedFlow(n) {
				out[i] = len(r.Policies) == 1
			}
		}
	}
	return out
}

// A list takes as many flows as a point may list, then one other, and grows
// from a short one.
func TestLongFlowLists(t *testing.T) {
	s := newStand(t, longList(10))
	probe := []uint32{0, 9, 10, 5000, plan.MaxListedFlows - 1}
	program := func() uint32 {
		all, err := s.engine.Programs()
		if err != nil {
			t.Fatal(err)
		}
		return all[0].ID
	}
	if got := s.accepted(t, probe...); !slices.Equal(got, []bool{true, true, false, false, false}) {
		t.Errorf("10 flows: %v", got)
	}
	before := program()
	s.apply(t, longList(11))
	if got := s.accepted(t, probe...); !slices.Equal(got, []bool{true, true, true, false, false}) || program() != before {
		t.Errorf("11 flows: %v, program %d after %d", got, program(), before)
	}
	s.apply(t, longList(plan.MaxListedFlows))
	if got := s.accepted(t, probe...); !slices.Equal(got, []bool{true, true, true, true, true}) {
		t.Errorf("all flows: %v", got)
	}
	before = program()
	other := longList(plan.MaxListedFlows)
	other.Flows = slices.Delete(other.Flows, 9, 11)
	s.apply(t, other)
	if got := s.accepted(t, probe...); !slices.Equal(got, []bool{true, false, false, true, true}) || program() != before {
		t.Errorf("two flows less: %v, program %d after %d", got, program(), before)
	}
}

// BenchmarkListChange adds a flow to a list of as many as possible, and takes
// it off again.
func BenchmarkListChange(b *testing.B) {
	pair := probetest.NewPair(b)
	engine := pair.Engine(b)
	long, longer := longList(plan.MaxListedFlows-1), longList(plan.MaxListedFlows)
	states := []plan.Plan{
		{MaxFlows: 64, Points: []plan.Point{pair.Quiet(b, longer)}},
		{MaxFlows: 64},
	}
	point := states[0].Points[0]
	point.Policies = []plan.Policy{long}
	states[1].Points = []plan.Point{point}
	pair.Apply(b, engine, states[0])
	for n := 1; b.Loop(); n++ {
		pair.Apply(b, engine, states[n%2])
	}
}

// BenchmarkListLoad loads a program with a list of as many flows as possible.
func BenchmarkListLoad(b *testing.B) {
	pair := probetest.NewPair(b)
	engine := pair.Engine(b)
	point := pair.Quiet(b, longList(plan.MaxListedFlows))
	for n := 0; b.Loop(); n++ {
		point.Stamp = n%2 == 0
		pair.Apply(b, engine, plan.Plan{MaxFlows: 64, Points: []plan.Point{point}})
	}
}
