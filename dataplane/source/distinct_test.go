package source

import (
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"testing"
)

// fill shows n random values to registers, as bpf/lib/distinct.h does.
func fill(r *rand.Rand, registers []uint8, n int) {
	for range n {
		hash := r.Uint64()
		rank := uint8(min(bits.TrailingZeros32(uint32(hash>>32)), 32)) + 1
		at := hash % uint64(len(registers))
		registers[at] = max(registers[at], rank)
	}
}

func TestEstimate(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for _, size := range []int{64, 4096} {
		for _, n := range []int{0, 1, 10, 100, 1000, 10_000, 100_000, 1_000_000} {
			t.Run(fmt.Sprintf("%d in %d registers", n, size), func(t *testing.T) {
				registers := make([]uint8, size)
				fill(r, registers, n)
				// Six standard errors, and what rounding makes of few values.
				allowed := 6*1.04/math.Sqrt(float64(size))*float64(n) + 0.5
				if got := estimate(registers); math.Abs(got-float64(n)) > allowed {
					t.Errorf("estimated as %.0f", got)
				}
			})
		}
	}
}

func TestFullRegistersAreNoPanic(t *testing.T) {
	registers := make([]uint8, 64)
	for i := range registers {
		registers[i] = 255
	}
	if got := estimate(registers); got < 1e9 {
		t.Errorf("registers that cannot count higher are estimated as %.0f", got)
	}
}
