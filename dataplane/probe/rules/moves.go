package rules

import "github.com/openifit/openifit/gen/bpf/point"

// Moves say in six steps, each twice as far as the one before, which bits of
// a word go down to be together, or up the same way back.
type Moves [len(point.BPFIfitPoint{}.RuleSpread)]uint64

// gather makes the moves that bring the bits of mask to the low end: a bit
// must go down as many places as there are holes below it, and each step takes
// those bits for which that number has the step's power of two.
func gather(mask uint64) (moves Moves) {
	holes := ^mask << 1
	for i := range moves {
		odd := holes
		for shift := 1; shift < 64; shift *= 2 {
			odd ^= odd << shift
		}
		moves[i] = odd & mask
		mask = mask ^ moves[i] | moves[i]>>(1<<i)
		holes &^= odd
	}
	return moves
}
