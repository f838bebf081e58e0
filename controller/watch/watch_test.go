package watch_test

import (
	"slices"
	"testing"

	"github.com/openifit/openifit/controller/watch"
)

func TestHub(t *testing.T) {
	var h watch.Hub[int]
	h.Publish(0)
	if h.Active() {
		t.Error("active without subscribers")
	}
	slow, fast := h.Subscribe(1), h.Subscribe(10)
	for i := range 5 {
		h.Publish(i)
	}
	if slow.Dropped() != 4 || fast.Dropped() != 0 || len(fast.C) != 5 || <-slow.C != 0 {
		t.Errorf("dropped %d and %d", slow.Dropped(), fast.Dropped())
	}
	slow.Close()
	slow.Close()
	h.Publish(9)
	if len(slow.C) != 0 || !h.Active() {
		t.Error("who has left is told")
	}
}

func TestRing(t *testing.T) {
	r := watch.NewRing[int](3)
	if got := slices.Collect(r.Newest()); got != nil {
		t.Errorf("values %v", got)
	}
	for i := range 5 {
		r.Add(i)
	}
	var newest, oldest []int
	for v := range r.Newest() {
		newest = append(newest, *v)
	}
	for v := range r.Oldest() {
		oldest = append(oldest, *v)
	}
	if !slices.Equal(newest, []int{4, 3, 2}) || !slices.Equal(oldest, []int{2, 3, 4}) || r.Len() != 3 {
		t.Errorf("newest %v, oldest %v", newest, oldest)
	}
}
