package traffic

import (
	"slices"
	"testing"
)

func TestWindow(t *testing.T) {
	for _, c := range []struct {
		name string
		in   []uint64
		want []arrival
	}{
		{"in order", []uint64{0, 1, 2}, []arrival{inOrder, inOrder, inOrder}},
		{"doubled", []uint64{0, 0, 1, 0}, []arrival{inOrder, duplicate, inOrder, duplicate}},
		{"swapped", []uint64{1, 0, 0}, []arrival{inOrder, reordered, duplicate}},
		{"gap filled", []uint64{0, 5, 3, 3, 5}, []arrival{inOrder, inOrder, reordered, duplicate, duplicate}},
		{"first seen is late", []uint64{7, 6}, []arrival{inOrder, reordered}},
		{"edge of the window", []uint64{windowSize, 1, 0, 1}, []arrival{inOrder, reordered, stale, duplicate}},
		{"jump forgets", []uint64{3, 3 + 5*windowSize, 3 + 4*windowSize + 1, 3}, []arrival{inOrder, inOrder, reordered, stale}},
		{"no ghost of the last round", []uint64{1, windowSize + 2, windowSize + 1}, []arrival{inOrder, inOrder, reordered}},
		{"largest number", []uint64{1<<64 - 2, 1<<64 - 2, 0}, []arrival{inOrder, duplicate, stale}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var w window
			var got []arrival
			for _, s := range c.in {
				got = append(got, w.arrive(s))
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("%v: %v, want %v", c.in, got, c.want)
			}
		})
	}
}
