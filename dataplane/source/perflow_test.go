//go:build linux

package source_test

import (
	"encoding/binary"
	"math"
	"net/netip"
	"testing"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/flow/packetid"
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/dataplane/probe/probetest"
	"github.com/openifit/openifit/lab/packet"
)

// fromPort is a packet of one flow among many.
func fromPort(family int, port uint16) packet.Spec {
	p := v4(packet.UDP)
	if family == 6 {
		p = v6(packet.UDP)
	}
	p.Source = netip.AddrPortFrom(p.Source.Addr(), port)
	return p
}

// perFlow sums up selected packets by source port.
func perFlow(records []flow.Record) map[uint16]uint64 {
	out := make(map[uint16]uint64)
	for _, r := range records {
		if r.Sampled {
			out[r.Key.SourcePort] += r.Packets
		}
	}
	return out
}

// Each flow has its own count, however its packets mix with others.
func TestCountsOfFlows(t *testing.T) {
	for _, c := range []struct {
		name   string
		choose plan.Selection
		want   uint64 // of each 20 packets
	}{
		{"systematic", plan.Selection{Algorithm: plan.SelectSystematicCount, Interval: 3, Space: 7}, 6},
		{"random", plan.Selection{Algorithm: plan.SelectRandom, Size: 2, Population: 5}, 8},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.choose.PerFlow = true
			// Another policy's keys make finer records, not other flows.
			finer := selecting(2, 1, plan.Selection{})
			finer.Keys |= plan.KeyDSCP
			s := newStand(t, selecting(1, 1, c.choose), finer)
			for i := range 20 {
				for port := uint16(1); port <= 30; port++ {
					p := fromPort(4+2*int(port&1), port)
					p.DSCP = uint8(i)
					s.run.Run(t, p.Frame(), probetest.Arrival{})
				}
			}
			super := with(v4(packet.TCP), func(s *packet.Spec) { s.Payload = make([]byte, 1000) }).Frame()
			for range 2 {
				s.run.Run(t, super, probetest.Arrival{Segments: 10, SegmentSize: 100})
			}
			got := perFlow(s.drain(t))
			if len(got) != 31 {
				t.Fatalf("%d flows: %v", len(got), got)
			}
			for port, n := range got {
				if n != c.want {
					t.Errorf("flow from port %d: %d packets selected, want %d", port, n, c.want)
				}
			}
		})
	}
}

// A count goes on through reloads and generations, and begins anew with other
// parameters, also when these were in force before.
func TestCountsOfFlowsThroughChanges(t *testing.T) {
	every := func(generation, space uint32) plan.Policy {
		return selecting(1, generation, plan.Selection{Algorithm: plan.SelectSystematicCount, PerFlow: true, Interval: 1, Space: space})
	}
	s := newStand(t, every(1, 9))
	frame := v4(packet.UDP).Frame()
	send := func(n uint32) uint64 {
		t.Helper()
		before := s.policyCounters(t, 1).Selected
		s.run.Repeat(t, frame, probetest.Arrival{}, n)
		return s.policyCounters(t, 1).Selected - before
	}
	steps := []struct {
		name     string
		policies []plan.Policy
		n        uint32
		want     uint64
	}{
		{"at first", []plan.Policy{every(1, 9)}, 15, 2},
		{"reloaded", []plan.Policy{every(1, 9), probetest.Metering(2, 1)}, 15, 1},
		{"next generation", []plan.Policy{every(2, 9), probetest.Metering(2, 1)}, 15, 2},
		{"other parameters", []plan.Policy{every(3, 4), probetest.Metering(2, 1)}, 6, 2},
		{"as at first", []plan.Policy{every(4, 9), probetest.Metering(2, 1)}, 5, 1},
	}
	for _, step := range steps {
		s.apply(t, step.policies...)
		if got := send(step.n); got != step.want {
			t.Errorf("%s: %d of %d packets, want %d", step.name, got, step.n, step.want)
		}
	}
}

// flowHash is BOB over the flow key as the program lays it out.
func flowHash(p packet.Spec, initialiser uint32) uint32 {
	var key [72]byte
	copy(key[0:], p.Source.Addr().AsSlice())
	copy(key[16:], p.Destination.Addr().AsSlice())
	binary.LittleEndian.PutUint16(key[32:], p.Source.Port())
	binary.LittleEndian.PutUint16(key[34:], p.Destination.Port())
	key[36], key[37] = p.Protocol, 6
	if p.IPv4() {
		key[37] = 4
	}
	return packetid.BOB(key[:], initialiser)
}

// Whole flows are taken or left, the same ones wherever the initialiser is the
// same, and about as many as asked for.
func TestUniformSelectionOfFlows(t *testing.T) {
	const flows, initialiser = 1500, 99
	threshold, _ := plan.Threshold(0.25)
	sel := plan.Selection{Algorithm: plan.SelectUniform, PerFlow: true, Threshold: threshold, Initialiser: initialiser}
	s := newStand(t, selecting(1, 1, sel))
	s.pair.Apply(t, s.engine, plan.Plan{MaxFlows: 1 << 13, Points: []plan.Point{s.point}})
	s.run = s.pair.Runner(t, s.engine, s.point.ID)
	for port := range uint16(flows) {
		s.run.Repeat(t, fromPort(4+2*int(port&1), port+1).Frame(), probetest.Arrival{}, 3)
	}
	got := perFlow(s.drain(t))
	for port := range uint16(flows) {
		want := uint64(0)
		if flowHash(fromPort(4+2*int(port&1), port+1), initialiser) < threshold {
			want = 3
		}
		if got[port+1] != want {
			t.Errorf("flow from port %d: %d of 3 packets, want %d", port+1, got[port+1], want)
		}
	}
	// The same packets always: this cannot fail by chance.
	if off := math.Abs(float64(len(got)) - flows*0.25); off > 6*math.Sqrt(flows*0.25*0.75) {
		t.Errorf("%d of %d flows selected", len(got), flows)
	}
	sel.Threshold = math.MaxUint32
	s.apply(t, selecting(1, 2, sel))
	s.run.Repeat(t, v4(packet.UDP).Frame(), probetest.Arrival{}, 10)
	if n := sampled(s.drain(t))[flow.PolicyRef{ID: 1, Generation: 2}]; n != 10 {
		t.Errorf("%d of 10 packets with probability 1", n)
	}
}
