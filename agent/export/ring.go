package export

// ring is a bounded queue that gives up its oldest record when a new one
// finds it full. It grows up to its bound as it is needed.
type ring[T any] struct {
	buf   []T
	head  int // of the oldest record
	n     int
	limit int
}

// push queues a record. When that cost the oldest one, it returns that and
// true.
func (r *ring[T]) push(v T) (lost T, dropped bool) {
	if r.n == len(r.buf) {
		if len(r.buf) < r.limit {
			r.grow()
		} else {
			lost, dropped = r.pop()
		}
	}
	r.buf[(r.head+r.n)%len(r.buf)] = v
	r.n++
	return lost, dropped
}

// pop takes the oldest record.
func (r *ring[T]) pop() (v T, ok bool) {
	if r.n == 0 {
		return v, false
	}
	var zero T
	v, r.buf[r.head] = r.buf[r.head], zero
	r.head = (r.head + 1) % len(r.buf)
	r.n--
	return v, true
}

func (r *ring[T]) grow() {
	bigger := make([]T, min(max(2*len(r.buf), 64), r.limit))
	for i := range r.n {
		bigger[i] = r.buf[(r.head+i)%len(r.buf)]
	}
	r.buf, r.head = bigger, 0
}
