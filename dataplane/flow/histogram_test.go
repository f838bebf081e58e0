package flow_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/proto/ipfix/records"
)

// Quantiles are within 6.25 % of the exact ones, whatever the distribution;
// histograms of parts add up to that of the whole.
func TestQuantiles(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for name, draw := range map[string]func() uint64{
		"one value":   func() uint64 { return 5000 },
		"small":       func() uint64 { return r.Uint64N(12) },
		"uniform":     func() uint64 { return r.Uint64N(1e9) },
		"exponential": func() uint64 { return uint64(r.ExpFloat64() * 1e6) },
		"heavy tail":  func() uint64 { return uint64(1000/math.Pow(r.Float64(), 2)) % (1 << 39) },
	} {
		var whole flow.Histogram
		var exact []uint64
		for range 20 {
			part := flow.Histogram{Buckets: make([]uint64, 304), Min: math.MaxUint64}
			for range 1000 {
				v := draw()
				exact = append(exact, v)
				part.Buckets[records.BucketIndex(v, flow.HistogramSubBits)]++
				part.Packets++
				part.Sum += v
				part.Min, part.Max = min(part.Min, v), max(part.Max, v)
			}
			whole.Add(&part)
		}
		slices.Sort(exact)
		for _, q := range []float64{0, 0.5, 0.9, 0.99, 0.999, 1} {
			want := exact[max(int(math.Ceil(q*float64(len(exact)))), 1)-1]
			if got := whole.Quantile(q); math.Abs(float64(got)-float64(want)) > 0.0625*float64(want) {
				t.Errorf("%s: quantile %v is %d, exactly %d", name, q, got, want)
			}
		}
		if whole.Min != exact[0] || whole.Max != exact[len(exact)-1] || whole.Packets != uint64(len(exact)) {
			t.Errorf("%s: %d packets from %d to %d", name, whole.Packets, whole.Min, whole.Max)
		}
	}
	if none := (&flow.Histogram{}); none.Quantile(0.5) != 0 || none.Mean() != 0 {
		t.Error("something comes of nothing")
	}
}
