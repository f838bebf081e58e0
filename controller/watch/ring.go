package watch

import "iter"

// Ring keeps the latest values. It is not safe for concurrent use.
type Ring[T any] struct {
	values []T
	first  int
	max    int
}

// NewRing returns a ring for max values.
func NewRing[T any](max int) *Ring[T] { return &Ring[T]{max: max} }

// Add appends a value, in the place of the oldest when the ring is full.
func (r *Ring[T]) Add(v T) {
	if len(r.values) < r.max {
		r.values = append(r.values, v)
		return
	}
	r.values[r.first] = v
	r.first = (r.first + 1) % r.max
}

// Len is the number of values.
func (r *Ring[T]) Len() int { return len(r.values) }

// Newest yields pointers to the values, the newest first.
func (r *Ring[T]) Newest() iter.Seq[*T] {
	return func(yield func(*T) bool) {
		for i := len(r.values) - 1; i >= 0; i-- {
			if !yield(&r.values[(r.first+i)%len(r.values)]) {
				return
			}
		}
	}
}

// Oldest yields pointers to the values, the oldest first.
func (r *Ring[T]) Oldest() iter.Seq[*T] {
	return func(yield func(*T) bool) {
		for i := range r.values {
			if !yield(&r.values[(r.first+i)%len(r.values)]) {
				return
			}
		}
	}
}
