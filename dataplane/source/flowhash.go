package source

import (
	"encoding/binary"
	"unsafe"

	"github.com/openifit/openifit/gen/bpf/point"
)

// Constants of bpf/lib/flowhash.h.
const (
	hashMultiplier = 0x9ddfea08eb382d69
	hashIncrement  = 0x8ebc6af09c88c6e3
)

// hashWords is hash_words of bpf/lib/flowhash.h; octets are whole words.
func hashWords(octets []byte, seed uint64) uint64 {
	key, hash := seed, uint64(0)
	for ; len(octets) > 0; octets = octets[8:] {
		word := binary.NativeEndian.Uint64(octets)
		key = key*hashMultiplier + hashIncrement
		low, high := uint32(word)+uint32(key), uint32(word>>32)+uint32(key>>32)
		hash += uint64(low) * uint64(high)
	}
	hash = (hash ^ seed) * hashMultiplier
	hash = (hash ^ hash>>32) * hashMultiplier
	return hash ^ hash>>29
}

// hashFlow is hash_flow of bpf/lib/flowhash.h.
func hashFlow(id *point.BPFIfitFlowId, seed uint64) uint64 {
	octets := unsafe.Slice((*byte)(unsafe.Pointer(id)), unsafe.Sizeof(*id))
	return max(hashWords(octets, seed), 1)
}
