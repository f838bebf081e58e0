//go:build linux

package source

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/cilium/ebpf"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/dataplane/probe/probetest"
	"github.com/openifit/openifit/gen/bpf/point"
	"github.com/openifit/openifit/lab/packet"
)

// Both sides find the same cells: no flow has more octets than its cells
// allow, whether it is listed or not.
func TestCellsAreThoseOfTheKernel(t *testing.T) {
	pair := probetest.NewRouter(t)
	engine := pair.Engine(t)
	pair.Apply(t, engine, plan.Plan{MaxFlows: 64, Points: []plan.Point{pair.Ingress(plan.Policy{
		PolicyRef: flow.PolicyRef{ID: 1, Generation: 1}, Name: "sketch", Actions: plan.ActSketch,
		Keys: plan.Key5Tuple, Sketch: plan.Sketch{Parts: plan.SketchHeavy, TopK: 4, Epoch: time.Hour},
	})}})
	id := pair.Ingress().ID
	run := pair.Runner(t, engine, id)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	sent := make(map[point.BPFIfitFlowId]uint64)
	for i := range 3000 {
		s := probetest.UDP([]string{probetest.Beyond4, probetest.Beyond6}[i%2], 0)
		s.Source = netip.AddrPortFrom(s.Source.Addr(), uint16(random.Uint32()))
		s.Payload = make([]byte, 20+random.IntN(1000))
		run.Run(t, s.Frame(), probetest.Arrival{})
		key := point.BPFIfitFlowId{
			Sport: s.Source.Port(), Dport: s.Destination.Port(), Proto: packet.UDP, Family: 6,
		}
		if s.IPv4() {
			key.Family = 4
		}
		copy(key.Saddr[:], s.Source.Addr().AsSlice())
		copy(key.Daddr[:], s.Destination.Addr().AsSlice())
		sent[key] += uint64(len(s.Packet()))
	}
	sketches, err := engine.Sketches()
	if err != nil {
		t.Fatal(err)
	}
	err = engine.EndSketchEpoch(id, func(m *ebpf.Map) error {
		cpus, err := readSketch(m)
		if err != nil {
			return err
		}
		var excess, total uint64
		for key, octets := range sent {
			var bound uint64
			for cpu := range cpus {
				bound += atMost(&cpus[cpu], hashFlow(&key, sketches[0].Seed))
			}
			if bound < octets {
				t.Errorf("port %d: %d octets, at most %d", key.Sport, octets, bound)
			}
			excess += bound - octets
			total += octets
		}
		// Other cells would allow far more.
		if excess > total {
			t.Errorf("%d octets allow %d more", total, excess)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestTallyOfSeveralCPUs(t *testing.T) {
	const seed = 7
	cpus := make([]point.BPFIfitSketch, 3)
	big, small := point.BPFIfitFlowId{Sport: 1, Family: 4}, point.BPFIfitFlowId{Sport: 2, Family: 4}
	list := func(cpu, place int, id point.BPFIfitFlowId, octets, counted, packets uint64) {
		p := &cpus[cpu].Place[place]
		p.Tag, p.Id = hashFlow(&id, seed), id
		p.Octets, p.Counted, p.Packets = octets, counted, packets
	}
	cell := func(cpu int, id point.BPFIfitFlowId, octets uint32) {
		hash := hashFlow(&id, seed)
		step := uint32(hash>>32) | 1
		for row := range uint32(4) {
			cpus[cpu].Cell[row][(uint32(hash)+row*step)%2048] = octets
		}
	}
	// The first CPU counted the whole flow, the second half of it, the third
	// has it in its cells alone.
	list(0, 3, big, 1000, 1000, 10)
	list(1, 3, big, 1000, 500, 5)
	cell(2, big, 100)
	list(0, 9, small, 40, 40, 1)
	flows := merge(tally(cpus, seed, 2), tally(cpus[2:], seed, 2))
	got := rank(flows, 2, flow.PolicyRef{ID: 1}, 1, 2)
	if len(got) != 2 || got[0].ID.SourcePort != 1 || got[0].Octets != 2100 || got[0].Packets != 21 ||
		got[1].ID.SourcePort != 2 || got[1].Octets != 40 || got[1].Packets != 1 || got[1].Rank != 2 {
		t.Errorf("%+v", got)
	}
	if one := rank(flows, 1, flow.PolicyRef{}, 1, 2); len(one) != 1 || one[0].Octets != 2100 {
		t.Errorf("the largest one: %+v", one)
	}
}
