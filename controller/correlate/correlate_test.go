package correlate_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openifit/openifit/controller/correlate"
	"github.com/openifit/openifit/controller/measure"
)

var (
	nodes = [...]string{"r0", "r1", "r2", "r3", "r4", "r5", "r6"}
	ports = [...]string{"to-r0", "to-r1", "to-r2", "to-r3", "to-r4", "to-r5", "to-r6"}
)

// line is r1 to r5 in a row with a detour r2-r6-r4. The interface towards a
// node has the number of that node; 100 and 101 are edges.
type line struct{ noPeers bool }

func (line) InterfaceName(_ string, ifindex uint32) string {
	switch ifindex {
	case 0:
		return ""
	case 100:
		return "in"
	case 101:
		return "out"
	}
	return ports[ifindex%uint32(len(ports))]
}

func (l line) Peer(_ string, ifindex uint32) string {
	if l.noPeers || ifindex == 0 || ifindex >= 100 {
		return ""
	}
	return nodes[ifindex%uint32(len(nodes))]
}

func (line) Edge(_ string, ifindex uint32) (edge, known bool) { return ifindex >= 100, true }

func (line) PolicyName(_ string, id uint32) string { return [...]string{7: "policy7", 10: ""}[id%8] }

var (
	direct = []int{1, 2, 3, 4, 5}
	detour = []int{1, 2, 6, 4, 5}
)

const (
	nodeDelay = 20_000
	linkDelay = 100_000
)

func flowN(n int) measure.Flow {
	return measure.Flow{
		Source: netip.AddrFrom4([4]byte{10, 0, byte(n >> 8), byte(n)}), Destination: netip.MustParseAddr("10.9.0.1"),
		SourcePort: 1000, DestinationPort: 80, Protocol: 17,
	}
}

// walk returns the postcards of one packet that takes the route at a time.
func walk(f measure.Flow, id uint64, route []int, at int64, offset map[int]int64) []measure.Postcard {
	var out []measure.Postcard
	for i, n := range route {
		in, eg := uint32(100), uint32(101)
		if i > 0 {
			in = uint32(route[i-1])
		}
		if i < len(route)-1 {
			eg = uint32(route[i+1])
		}
		out = append(out, measure.Postcard{
			Node: fmt.Sprintf("r%d", n), Flow: f, PacketID: id, PolicyID: 7, Generation: 1,
			Ingress: at + offset[n], Egress: at + nodeDelay + offset[n],
			IngressIfindex: in, EgressIfindex: eg, HopLimit: uint8(63 - i),
		})
		at += nodeDelay + linkDelay
	}
	return out
}

func names(route []int) string {
	var s []string
	for _, n := range route {
		s = append(s, fmt.Sprintf("r%d", n))
	}
	return strings.Join(s, " ")
}

func run(cfg correlate.Config, topo correlate.Topology, cards []measure.Postcard) ([]*correlate.Path, *correlate.Correlator) {
	var paths []*correlate.Path
	c := correlate.New(cfg, topo, func(p *correlate.Path) { paths = append(paths, p) })
	now := int64(0)
	for i := range cards {
		now += 1000
		c.Add(now, &cards[i])
	}
	c.Expire(now + int64(time.Hour))
	return paths, c
}

func TestPath(t *testing.T) {
	const start = 1_000_000_000
	f := flowN(1)
	full := walk(f, 1, direct, start, nil)
	without := func(drop ...int) []measure.Postcard {
		var out []measure.Postcard
		for i, pc := range full {
			if !slices.Contains(drop, i) {
				out = append(out, pc)
			}
		}
		return out
	}
	local := slices.Clone(full)
	local[4].EgressIfindex, local[4].HopLimit = 0, local[3].HopLimit
	own := slices.Clone(full)
	own[0].IngressIfindex, own[0].Ingress = 0, 0
	offset := walk(f, 1, direct, start, map[int]int64{3: -1_000_000})
	reversed := slices.Clone(full)
	slices.Reverse(reversed)
	bridged := slices.Clone(full)
	for i := 3; i < 5; i++ {
		bridged[i].HopLimit++
	}

	tests := []struct {
		name     string
		cards    []measure.Postcard
		topo     line
		want     string
		complete bool
		dups     uint32
		suspects string
	}{
		{name: "middle lost", cards: without(2), want: "r1 r2 (r3) r4 r5", suspects: ".-.-."},
		{name: "two in a row lost", cards: without(2, 3), want: "r1 r2 (r3) (r4) r5"},
		{name: "three in a row lost", cards: without(1, 2, 3), want: "r1 (r2) (?) (r4) r5"},
		{name: "head lost", cards: without(0), want: "(r1) r2 r3 r4 r5"},
		{name: "end lost", cards: without(4), want: "r1 r2 r3 r4 (r5)"},
		{name: "only one report", cards: without(0, 1, 3, 4), want: "(r2) r3 (r4)"},
		{name: "lost, links not known", cards: without(0, 2), topo: line{noPeers: true}, want: "(?) r2 (?) r4 r5"},
		{name: "clock behind", cards: offset, want: "r1 r2 r3 r4 r5", complete: true, suspects: "..!.."},
		{name: "duplicates", cards: append(slices.Clone(full[:4]), full[1], full[1], full[4]), want: "r1 r2 r3 r4 r5", complete: true, dups: 2},
		{name: "reordered", cards: reversed, want: "r1 r2 r3 r4 r5", complete: true},
		{name: "kept by the last node", cards: local, want: "r1 r2 r3 r4 r5", complete: true},
		{name: "kept, one lost", cards: slices.Delete(slices.Clone(local), 3, 4), want: "r1 r2 r3 (r4) r5"},
		{name: "sent by the first node", cards: own, want: "r1 r2 r3 r4 r5", complete: true},
		{name: "a node that does not decrement", cards: bridged, want: "r1 r2 r3 r4 r5", complete: true},
		{name: "whole", cards: full, want: "r1 r2 r3 r4 r5", complete: true, suspects: "....."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			paths, c := run(correlate.Config{}, tt.topo, tt.cards)
			if len(paths) != 1 {
				t.Fatalf("%d paths, want 1: %+v", len(paths), paths)
			}
			p := paths[0]
			if got := strings.Join(p.Names(), " "); got != tt.want {
				t.Errorf("path %q, want %q", got, tt.want)
			}
			if p.Complete != tt.complete || p.Duplicates != tt.dups {
				t.Errorf("complete %t, duplicates %d; want %t, %d", p.Complete, p.Duplicates, tt.complete, tt.dups)
			}
			if p.Policy != "policy7" || p.Generation != 1 {
				t.Errorf("policy %q generation %d", p.Policy, p.Generation)
			}
			var marks strings.Builder
			for i, h := range p.Hops {
				switch {
				case h.LinkDelay.Suspect:
					marks.WriteByte('!')
				case h.LinkDelay.Known && h.LinkDelay.Nanoseconds < 0:
					t.Errorf("hop %d: a negative delay passes as a delay", i)
				case i > 0 && !h.LinkDelay.Known:
					marks.WriteByte('-')
				default:
					marks.WriteByte('.')
				}
			}
			if tt.name == "clock behind" && p.Hops[3].LinkDelay.Nanoseconds != linkDelay+1_000_000 {
				t.Errorf("delay behind the wrong clock is %d", p.Hops[3].LinkDelay.Nanoseconds)
			}
			if tt.name == "whole" {
				if marks.String() != tt.suspects {
					t.Errorf("link delays %q, want %q", marks.String(), tt.suspects)
				}
				for i, h := range p.Hops {
					if h.NodeDelay.Nanoseconds != nodeDelay || i > 0 && h.LinkDelay.Nanoseconds != linkDelay {
						t.Errorf("hop %d: delays %+v %+v", i, h.NodeDelay, h.LinkDelay)
					}
				}
				if p.Delay.Nanoseconds != 4*(nodeDelay+linkDelay) || p.Delay.Suspect {
					t.Errorf("path delay %+v", p.Delay)
				}
			}
			if n := c.Counters(); n.Pending != 0 || n.Postcards != uint64(len(p.Hops))+n.Duplicates {
				t.Errorf("postcards are not accounted for: %+v", n)
			}
		})
	}
}

func TestRepeatedPacketID(t *testing.T) {
	f := flowN(1)
	cards := append(walk(f, 1, direct, 1000, nil), walk(f, 1, direct, 900_000_000, nil)...)
	paths, c := run(correlate.Config{}, line{}, cards)
	if len(paths) != 2 || !paths[1].Repeated {
		t.Fatalf("paths %+v", paths)
	}
	for _, p := range paths {
		if !p.Complete {
			t.Errorf("path %v is not complete", p.Names())
		}
	}
	if c.Counters().Repeats != 1 {
		t.Errorf("counters %+v", c.Counters())
	}
}

func TestRouteChange(t *testing.T) {
	f := flowN(1)
	var cards []measure.Postcard
	for i := range 10 {
		cards = append(cards, walk(f, uint64(i), direct, int64(i+1)*1e6, nil)...)
	}
	for i := range 10 {
		cards = append(cards, walk(f, uint64(100+i), detour, int64(i+50)*1e6, nil)...)
	}
	// An old packet whose postcards come late is no change back.
	cards = append(cards, walk(f, 200, direct, 11e6, nil)...)
	// Nor is a packet of which a postcard is missing.
	cards = append(cards, walk(f, 201, direct, 90e6, nil)[1:]...)
	paths, c := run(correlate.Config{}, line{}, cards)
	fl := c.Flow(f)
	if fl.Changes != 1 || strings.Join(fl.Current.Names(), " ") != names(detour) || strings.Join(fl.Previous.Names(), " ") != names(direct) {
		t.Errorf("flow %+v", fl)
	}
	if fl.PacketsOnRoute != 10 || fl.Complete != 21 || fl.Incomplete != 1 {
		t.Errorf("packets on route %d, complete %d, incomplete %d", fl.PacketsOnRoute, fl.Complete, fl.Incomplete)
	}
	if got := fl.Hops[2].Node; got.Packets != 10 || got.Mean() != nodeDelay {
		t.Errorf("hop delays %+v", got)
	}
	if paths[0].Route == paths[10].Route {
		t.Error("two routes share an identifier")
	}
}

// TestDisturbed loses, copies and reorders postcards and sets clocks wrong,
// and compares every path with the truth.
func TestDisturbed(t *testing.T) {
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 1))
		offset := map[int]int64{}
		for n := 1; n <= 6; n++ {
			offset[n] = rng.Int64N(2e6) - 1e6
		}
		type truth struct {
			route []int
			sent  int
		}
		sent := map[uint64]*truth{}
		var cards []measure.Postcard
		copies := 0
		for id := range uint64(400) {
			route := direct
			if rng.IntN(2) == 0 {
				route = detour
			}
			tr := &truth{route: route}
			for _, pc := range walk(flowN(int(id%7)), id, route, 1e9+int64(id)*1e5, offset) {
				if rng.Float64() < 0.1 {
					continue
				}
				tr.sent++
				cards = append(cards, pc)
				for rng.Float64() < 0.05 {
					cards = append(cards, pc)
					copies++
				}
			}
			if tr.sent > 0 {
				sent[id] = tr
			}
		}
		// Everything arrives within the window, in any order.
		rng.Shuffle(len(cards), func(i, j int) { cards[i], cards[j] = cards[j], cards[i] })
		paths, c := run(correlate.Config{}, line{}, cards)
		if len(paths) != len(sent) {
			t.Fatalf("seed %d: %d paths, want %d", seed, len(paths), len(sent))
		}
		for _, p := range paths {
			tr := sent[p.PacketID]
			if len(p.Hops) != tr.sent || p.Complete != (tr.sent == 5) {
				t.Fatalf("seed %d: packet %d: %d hops, complete %t, want %d", seed, p.PacketID, len(p.Hops), p.Complete, tr.sent)
			}
			at := 0
			for _, h := range p.Hops {
				for at < 5 && fmt.Sprintf("r%d", tr.route[at]) != h.Node {
					at++
				}
				if at == 5 {
					t.Fatalf("seed %d: packet %d: %v is not in the order of %v", seed, p.PacketID, p.Names(), tr.route)
				}
				if d := h.LinkDelay; d.Known && !d.Suspect && d.Nanoseconds < 0 {
					t.Fatalf("seed %d: a negative delay passes as a delay", seed)
				}
			}
			if inner := strings.Join(p.Names(), " "); p.Complete && inner != names(tr.route) {
				t.Fatalf("seed %d: path %q, want %q", seed, inner, names(tr.route))
			}
		}
		n := c.Counters()
		if n.Duplicates != uint64(copies) || n.Complete+n.Incomplete != uint64(len(sent)) || n.Evicted != 0 || n.Pending != 0 {
			t.Fatalf("seed %d: counters %+v, copies %d", seed, n, copies)
		}
	}
}

func TestBounded(t *testing.T) {
	var emitted int
	c := correlate.New(correlate.Config{MaxPackets: 8, MaxFlows: 4}, line{}, func(*correlate.Path) { emitted++ })
	for i := range 1000 {
		pc := walk(flowN(i), uint64(i), direct, int64(i), nil)[2]
		c.Add(int64(i), &pc)
	}
	n := c.Counters()
	if n.Pending != 8 || n.Evicted != 992 || emitted != 992 || n.ForgottenFlows != 988 {
		t.Errorf("counters %+v, emitted %d", n, emitted)
	}
	hops := 0
	c = correlate.New(correlate.Config{}, line{}, func(p *correlate.Path) { hops = len(p.Hops) + len(p.Missing) })
	for i := range 255 {
		pc := walk(flowN(1), 1, direct, 0, nil)[2]
		pc.HopLimit = uint8(i)
		c.Add(0, &pc)
	}
	c.Expire(int64(time.Hour))
	if got := c.Counters().Overflows; got != 255-32 || hops > 66 {
		t.Errorf("overflows %d, hops %d", got, hops)
	}
}

// FuzzAdd feeds any sequence of postcards of few packets, and asserts that
// every postcard is accounted for and nothing panics.
func FuzzAdd(f *testing.F) {
	f.Add([]byte{0, 1, 2, 63, 0, 0, 2, 3, 62, 1})
	f.Add([]byte{7, 7, 7, 255, 7, 7, 0, 0, 0, 7})
	// A report of another hop after the path was whole.
	f.Add([]byte("\axx00\a0010"))
	f.Fuzz(func(t *testing.T, data []byte) {
		hops, packets := uint64(0), uint64(0)
		c := correlate.New(correlate.Config{Window: 10, MaxPackets: 4, MaxFlows: 2}, line{}, func(p *correlate.Path) {
			hops += uint64(len(p.Hops))
			packets++
			if len(p.Names()) != len(p.Hops)+len(p.Missing) {
				t.Fatalf("names %v do not fit %d hops and %d missing", p.Names(), len(p.Hops), len(p.Missing))
			}
		})
		now := int64(0)
		for ; len(data) >= 5; data = data[5:] {
			now += int64(data[4] % 8)
			c.Add(now, &measure.Postcard{
				Node: fmt.Sprintf("r%d", data[0]%6), Flow: flowN(int(data[0] / 128)), PacketID: uint64(data[0]/32) % 4,
				IngressIfindex: uint32(data[1]), EgressIfindex: uint32(data[2]),
				HopLimit: data[3], Ingress: int64(data[1]), Egress: int64(data[4]),
			})
		}
		c.Expire(now + 1000)
		n := c.Counters()
		if n.Pending != 0 || n.Complete+n.Incomplete != packets || n.Postcards != hops+n.Duplicates+n.Overflows+n.Late {
			t.Fatalf("postcards are not accounted for: %+v, hops %d, packets %d", n, hops, packets)
		}
	})
}

func BenchmarkAdd(b *testing.B) {
	const batch = 1000
	var cards []measure.Postcard
	for i := range batch {
		cards = append(cards, walk(flowN(i%100), uint64(i), direct, 1e9, nil)...)
	}
	paths := 0
	c := correlate.New(correlate.Config{}, line{}, func(*correlate.Path) { paths++ })
	b.ReportAllocs()
	b.ResetTimer()
	round := uint64(0)
	for i := range b.N {
		j := i % len(cards)
		if j == 0 {
			round++
		}
		pc := cards[j]
		pc.PacketID += round * batch
		c.Add(int64(i)*3000, &pc)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "postcards/s")
}
