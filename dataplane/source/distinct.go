package source

import (
	"cmp"
	"math"
	"net/netip"
	"slices"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/gen/bpf/point"
)

// highestRank is what rank_of of bpf/lib/distinct.h yields at most.
const highestRank = 33

// estimate tells how many different values the registers have seen, by the
// improved raw estimator of O. Ertl, "New cardinality estimation algorithms
// for HyperLogLog sketches" (2017), which needs no correction for small or
// large numbers.
func estimate(registers []uint8) float64 {
	var count [highestRank + 1]float64
	for _, r := range registers {
		count[min(r, highestRank)]++
	}
	m := float64(len(registers))
	z := m * tau(1-count[highestRank]/m)
	for k := highestRank - 1; k >= 1; k-- {
		z = (z + count[k]) / 2
	}
	z += m * sigma(count[0]/m)
	return m * m / (2 * math.Ln2 * z)
}

// sigma sums x + x^2 + 2 x^4 + 4 x^8 + ...
func sigma(x float64) float64 {
	if x == 1 {
		return math.Inf(1)
	}
	y, z := 1.0, x
	for before := math.NaN(); z != before; y += y {
		x *= x
		before = z
		z += x * y
	}
	return z
}

// tau sums (1 - x - (1-x^(1/2))^2/2 - (1-x^(1/4))^2/4 - ...) / 3.
func tau(x float64) float64 {
	if x == 0 || x == 1 {
		return 0
	}
	y, z := 1.0, 1-x
	for before := math.NaN(); z != before; {
		x = math.Sqrt(x)
		before = z
		y /= 2
		z -= (1 - x) * (1 - x) * y
	}
	return z / 3
}

// union keeps the higher of each two registers: what either has seen.
func union(all, more []uint8) {
	for i, r := range more {
		all[i] = max(all[i], r)
	}
}

// joint is what the CPUs and points of one policy have seen together.
type joint struct {
	// seen by no CPU yet when nil.
	sum *point.BPFIfitSketch
	// sources are those that some bucket of some CPU has named.
	sources map[netip.Addr]bool
	seed    uint64
}

func (j *joint) add(cpus []point.BPFIfitSketch, seed uint64) {
	if j.sum == nil {
		j.sum, j.sources, j.seed = new(point.BPFIfitSketch), make(map[netip.Addr]bool), seed
	}
	for cpu := range cpus {
		c := &cpus[cpu]
		union(j.sum.Flows[:], c.Flows[:])
		union(j.sum.Sources[:], c.Sources[:])
		union(j.sum.Destinations[:], c.Destinations[:])
		for row := range c.Spread {
			for i := range c.Spread[row] {
				bucket := &c.Spread[row][i]
				union(j.sum.Spread[row][i].Reg[:], bucket.Reg[:])
				switch bucket.Family {
				case 4:
					j.sources[netip.AddrFrom4([4]byte(bucket.Source[:4]))] = true
				case 6:
					j.sources[netip.AddrFrom16(bucket.Source)] = true
				}
			}
		}
	}
}

func (j *joint) distinct() *flow.Distinct {
	round := func(registers []uint8) uint64 { return uint64(math.Round(estimate(registers))) }
	return &flow.Distinct{
		Flows: round(j.sum.Flows[:]), Sources: round(j.sum.Sources[:]), Destinations: round(j.sum.Destinations[:]),
	}
}

// spreaders ranks the sources that stand out from those that share their
// buckets. What all buckets of a row have in common is not the source's own.
func (j *joint) spreaders(k int, least uint64) []flow.Spreader {
	rows := make([][]float64, len(j.sum.Spread))
	common := make([]float64, len(rows))
	for row := range rows {
		rows[row] = make([]float64, len(j.sum.Spread[row]))
		for i := range rows[row] {
			rows[row][i] = estimate(j.sum.Spread[row][i].Reg[:])
		}
		common[row] = slices.Sorted(slices.Values(rows[row]))[len(rows[row])/2]
	}
	var out []flow.Spreader
	for source := range j.sources {
		own := math.Inf(1)
		for row, i := range buckets(source, j.seed) {
			own = min(own, rows[row][i]-common[row])
		}
		if own >= float64(least) {
			out = append(out, flow.Spreader{Source: source, Destinations: uint64(math.Round(own))})
		}
	}
	slices.SortFunc(out, func(a, b flow.Spreader) int {
		return cmp.Or(cmp.Compare(b.Destinations, a.Destinations), a.Source.Compare(b.Source))
	})
	out = out[:min(k, len(out))]
	for i := range out {
		out[i].Rank = uint32(i) + 1
	}
	return out
}

// buckets are those of a source, one in each row: see_spread of
// bpf/lib/distinct.h.
func buckets(source netip.Addr, seed uint64) [len(point.BPFIfitSketch{}.Spread)]uint32 {
	var octets [16]byte
	family := uint64(6)
	if source.Is4() {
		family = 4
		v4 := source.As4()
		copy(octets[:], v4[:])
	} else {
		octets = source.As16()
	}
	hash := hashWords(octets[:], seed^family)
	step := uint32(hash>>spreadStep) | 1
	var out [len(point.BPFIfitSketch{}.Spread)]uint32
	for row := range out {
		out[row] = (uint32(hash) + uint32(row)*step) % uint32(len(point.BPFIfitSketch{}.Spread[0]))
	}
	return out
}

// spreadStep is SPREAD_STEP of bpf/lib/distinct.h.
const spreadStep = 20
