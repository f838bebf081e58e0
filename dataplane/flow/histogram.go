package flow

import "math"

// HistogramSubBits: each power of two of a histogram is divided into
// 2^HistogramSubBits buckets, and values below that have one each.
const HistogramSubBits = 3

// Histogram tells how a value was distributed over packets of one policy that
// share its Flow Keys.
type Histogram struct {
	Policy PolicyRef
	// Metric is MetricTransitDelay, in nanoseconds and the egress queue
	// included, or MetricQueueDepth, in octets.
	Metric Metric
	// Family is 4 or 6. A field of Key that is no Flow Key is zero, and so are
	// the interfaces.
	Family                        uint8
	Key                           Key
	IngressIfindex, EgressIfindex uint32
	// First and Last are when the first and last packet left, UNIX times in
	// nanoseconds.
	First, Last int64
	// Packets were measured; Sum, Min and Max are exact.
	Packets, Sum, Min, Max uint64
	// Buckets are counts of packets. The last one holds all greater values.
	Buckets []uint64
}

// Mean is the arithmetic mean, 0 without packets.
func (h *Histogram) Mean() uint64 {
	if h.Packets == 0 {
		return 0
	}
	return h.Sum / h.Packets
}

// Quantile returns the value that a share q of the packets does not exceed, q
// between 0 and 1: the middle of the bucket that holds it, which is within
// 6.25 % of it. It is 0 without packets.
func (h *Histogram) Quantile(q float64) uint64 {
	rank := uint64(math.Ceil(q * float64(h.Packets)))
	rank = max(min(rank, h.Packets), 1)
	var seen uint64
	for i, n := range h.Buckets {
		if seen += n; seen < rank {
			continue
		}
		if i == len(h.Buckets)-1 {
			// It has no end: the greatest value is the best that is known.
			return h.Max
		}
		low, width := bucket(i)
		return max(min(low+width/2, h.Max), h.Min)
	}
	return 0
}

// bucket returns the least value of a bucket and how many it holds.
func bucket(index int) (low, width uint64) {
	const whole = 1 << HistogramSubBits
	if index < whole {
		return uint64(index), 1
	}
	shift := index/whole - 1
	return uint64(whole+index%whole) << shift, 1 << shift
}

// Add adds the packets of another histogram of the same metric.
func (h *Histogram) Add(o *Histogram) {
	if o.Packets == 0 {
		return
	}
	if h.Packets == 0 || o.Min < h.Min {
		h.Min = o.Min
	}
	if h.Packets == 0 || o.First < h.First {
		h.First = o.First
	}
	h.Max, h.Last = max(h.Max, o.Max), max(h.Last, o.Last)
	h.Packets += o.Packets
	h.Sum += o.Sum
	if len(h.Buckets) < len(o.Buckets) {
		h.Buckets = append(h.Buckets, make([]uint64, len(o.Buckets)-len(h.Buckets))...)
	}
	for i, n := range o.Buckets {
		h.Buckets[i] += n
	}
}
