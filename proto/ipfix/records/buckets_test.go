package records_test

import (
	"math"
	"slices"
	"testing"

	"github.com/openifit/openifit/proto/ipfix/records"
)

func TestBadBuckets(t *testing.T) {
	for name, b := range map[string][]byte{
		"nothing": nil, "layout alone": {1}, "another layout": {2, 3}, "too fine": {1, 9},
		"no distance": {1, 3, 0, 1}, "no count": {1, 3, 1}, "count cut off": {1, 3, 1, 0x80},
		"beyond the last bucket": {1, 0, 66, 1}, "varint of eleven octets": {1, 3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 1},
	} {
		if got, err := records.DecodeBuckets(b); err == nil {
			t.Errorf("%s: read as %v", name, got)
		}
	}
}

// Every value lies in its bucket, buckets follow each other without a gap, and
// none is wider than an eighth of its least value.
func TestBucketRanges(t *testing.T) {
	const bits = 3
	next := uint64(0)
	for i := range 62 << bits {
		low, high := records.BucketRange(i, bits)
		if low != next || high < low || records.BucketIndex(low, bits) != i || records.BucketIndex(high, bits) != i {
			t.Fatalf("bucket %d holds %d to %d", i, low, high)
		}
		if width := high - low; low >= 8 && width > low/8 {
			t.Fatalf("bucket %d is %d wide at %d", i, width, low)
		}
		next = high + 1
	}
	if next != 0 {
		t.Errorf("the last bucket ends below %d", next)
	}
	if i := records.BucketIndex(math.MaxUint64, bits); i != 62<<bits-1 {
		t.Errorf("the greatest value is in bucket %d", i)
	}
}

func TestBucketsAreCoarsenedToFit(t *testing.T) {
	counts := make([]uint64, 304)
	var sum uint64
	for i := range counts {
		counts[i] = uint64(i) << 20
		sum += counts[i]
	}
	whole := records.EncodeBuckets(counts, 3, math.MaxInt)
	cut := records.EncodeBuckets(counts, 3, 400)
	if len(cut) > 400 || len(whole) <= 400 {
		t.Fatalf("%d octets, and %d where 400 are allowed", len(whole), len(cut))
	}
	for _, b := range [][]byte{whole, cut} {
		buckets, err := records.DecodeBuckets(b)
		if err != nil {
			t.Fatal(err)
		}
		var got uint64
		for i, bucket := range buckets {
			got += bucket.Count
			if i > 0 && bucket.Low <= buckets[i-1].High {
				t.Errorf("bucket %+v overlaps %+v", bucket, buckets[i-1])
			}
		}
		if got != sum {
			t.Errorf("%d values came back of %d", got, sum)
		}
	}
}

func FuzzBuckets(f *testing.F) {
	f.Add([]byte{1, 3, 1, 1})
	f.Add([]byte{1, 0, 64, 200, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		buckets, err := records.DecodeBuckets(b)
		if err != nil {
			return
		}
		counts := make([]uint64, (64+1)<<records.MaxSubBucketBits)
		for _, bucket := range buckets {
			counts[records.BucketIndex(bucket.Low, b[1])] = bucket.Count
		}
		again, err := records.DecodeBuckets(records.EncodeBuckets(counts, b[1], math.MaxInt))
		kept := slices.DeleteFunc(buckets, func(b records.Bucket) bool { return b.Count == 0 })
		if err != nil || !slices.Equal(again, kept) {
			t.Errorf("%v came back as %v, %v", kept, again, err)
		}
	})
}
