package export

import (
	"slices"
	"testing"
)

func TestRingGivesUpTheOldest(t *testing.T) {
	r := ring[int]{limit: 100}
	if _, ok := r.pop(); ok {
		t.Fatal("an empty ring gave something")
	}
	var lost, got []int
	for i := range 250 {
		if v, dropped := r.push(i); dropped {
			lost = append(lost, v)
		}
		if i == 120 {
			for range 30 {
				v, _ := r.pop()
				got = append(got, v)
			}
		}
	}
	for {
		v, ok := r.pop()
		if !ok {
			break
		}
		got = append(got, v)
	}
	if len(r.buf) > 100 {
		t.Errorf("ring of 100 grew to %d", len(r.buf))
	}
	if !slices.IsSorted(got) || !slices.IsSorted(lost) || len(got)+len(lost) != 250 || got[len(got)-1] != 249 {
		t.Errorf("%d delivered, %d lost: %v / %v", len(got), len(lost), got, lost)
	}
}
