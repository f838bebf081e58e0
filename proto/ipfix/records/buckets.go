package records

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
)

// Bucket is a range of values, both ends included, and how many there were.
type Bucket struct {
	Low, High uint64
	Count     uint64
}

// Layout of ifitHistogramBuckets: an octet with the version of the layout, an
// octet with the number of sub-bucket bits, then for each bucket that is not
// empty, upwards, the distance of its index from the one before (from -1 for
// the first) and its count, as varints of seven bits an octet with the low
// ones first.
//
// With b sub-bucket bits, values below 2^b have buckets of their own, and each
// further power of two is divided into 2^b buckets of one width: bucket i of
// at least 2^b begins at (2^b + i mod 2^b) << (i/2^b - 1).
const bucketLayout = 1

// MaxSubBucketBits bounds how finely a power of two is divided.
const MaxSubBucketBits = 8

// BucketIndex is the index of the bucket that a value falls into.
func BucketIndex(v uint64, subBits uint8) int {
	if v < 1<<subBits {
		return int(v)
	}
	shift := bits.Len64(v) - 1 - int(subBits)
	return shift<<subBits + int(v>>shift)
}

// BucketRange inverts BucketIndex: the least and the greatest value of a bucket.
func BucketRange(index int, subBits uint8) (low, high uint64) {
	if index < 1<<subBits {
		return uint64(index), uint64(index)
	}
	shift := index>>subBits - 1
	low = (1<<subBits + uint64(index)&(1<<subBits-1)) << shift
	return low, low + 1<<shift - 1
}

// EncodeBuckets writes the counts of buckets by index. Where they do not fit
// into limit octets, neighbouring buckets are put together until they do, so
// that the result has fewer sub-bucket bits.
func EncodeBuckets(counts []uint64, subBits uint8, limit int) []byte {
	for {
		out := []byte{bucketLayout, subBits}
		last := -1
		for i, n := range counts {
			if n == 0 {
				continue
			}
			out = binary.AppendUvarint(out, uint64(i-last))
			out = binary.AppendUvarint(out, n)
			last = i
		}
		if len(out) <= limit || subBits == 0 {
			return out
		}
		counts = coarsen(counts, subBits)
		subBits--
	}
}

// coarsen counts into buckets of twice the width.
func coarsen(counts []uint64, subBits uint8) []uint64 {
	out := make([]uint64, len(counts))
	for i, n := range counts {
		if n > 0 {
			low, _ := BucketRange(i, subBits)
			out[BucketIndex(low, subBits-1)] += n
		}
	}
	return out
}

var errBuckets = errors.New("histogram buckets")

// DecodeBuckets reads what EncodeBuckets wrote.
func DecodeBuckets(b []byte) ([]Bucket, error) {
	switch {
	case len(b) < 2:
		return nil, fmt.Errorf("%w: %d octets", errBuckets, len(b))
	case b[0] != bucketLayout:
		return nil, fmt.Errorf("%w: layout %d is unknown", errBuckets, b[0])
	case b[1] > MaxSubBucketBits:
		return nil, fmt.Errorf("%w: %d sub-bucket bits", errBuckets, b[1])
	}
	subBits, rest := b[1], b[2:]
	buckets := (64 - int(subBits) + 1) << subBits
	var out []Bucket
	for last := -1; len(rest) > 0; {
		distance, n := binary.Uvarint(rest)
		if n <= 0 || distance == 0 || distance > uint64(buckets-1-last) {
			return nil, fmt.Errorf("%w: bad index behind that of bucket %d", errBuckets, last)
		}
		rest = rest[n:]
		count, n := binary.Uvarint(rest)
		if n <= 0 {
			return nil, fmt.Errorf("%w: count of bucket %d is cut off", errBuckets, last+int(distance))
		}
		rest = rest[n:]
		last += int(distance)
		low, high := BucketRange(last, subBits)
		out = append(out, Bucket{low, high, count})
	}
	return out, nil
}
