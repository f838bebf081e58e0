package source

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
)

// Differences of two words that cancelled out under every seed, when words
// were mixed one after the other without a secret in between.
func TestHashHasNoDifferenceForAllSeeds(t *testing.T) {
	differences := [][2]uint64{
		{1 << 63, 1<<63 | 1<<31}, {1 << 63, 1 << 63}, {1 << 31, 1 << 31}, {1, 1}, {1 << 32, 1 << 32}, {^uint64(0), ^uint64(0)},
	}
	const tries = 10_000
	random := rand.New(rand.NewPCG(rand.Uint64(), 0))
	for _, d := range differences {
		for word := range 4 {
			same := 0
			for range tries {
				a := make([]byte, 40)
				for i := 0; i < len(a); i += 8 {
					binary.NativeEndian.PutUint64(a[i:], random.Uint64())
				}
				b := append([]byte(nil), a...)
				for i, x := range d {
					at := b[8*(word+i):]
					binary.NativeEndian.PutUint64(at, binary.NativeEndian.Uint64(at)^x)
				}
				if seed := random.Uint64(); hashWords(a, seed) == hashWords(b, seed) {
					same++
				}
			}
			if same > 1 {
				t.Errorf("difference %x from word %d: %d of %d hashes are the same", d, word, same, tries)
			}
		}
	}
}
