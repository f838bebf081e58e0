package main

import (
	"errors"
	"flag"
	"fmt"
	"slices"
	"testing"
)

// rounds of a comparison, odd so that the median is one of them.
const rounds = 7

// comparison is what one piece of code costs beside the floor.
type comparison struct {
	nanoseconds, floor float64 // medians per operation
	allocs             float64 // most of any round, per operation
}

// compare runs subject and floor in turns, so that both meet the same machine,
// however busy it is.
func compare(subject, floor func(*testing.B)) (comparison, error) {
	if err := flag.Set("test.benchtime", "200ms"); err != nil {
		return comparison{}, fmt.Errorf("set time per round: %w", err)
	}
	var c comparison
	var own, least []float64
	for range rounds {
		r, f := testing.Benchmark(subject), testing.Benchmark(floor)
		if r.N == 0 || f.N == 0 {
			return comparison{}, errors.New("the measured code failed")
		}
		own = append(own, perOperation(r))
		least = append(least, perOperation(f))
		c.allocs = max(c.allocs, float64(r.AllocsPerOp()))
	}
	c.nanoseconds, c.floor = median(own), median(least)
	return c, nil
}

func perOperation(r testing.BenchmarkResult) float64 {
	return float64(r.T.Nanoseconds()) / float64(r.N)
}

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}
