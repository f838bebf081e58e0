package source

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/cilium/ebpf"
)

// maxSamples is the number of samples that are handed on at once.
const maxSamples = 512

// ring reads samples of one kind out of a ring buffer, or of what stands in
// for one.
type ring[T any] struct {
	buffer buffer
	// wait is how long samples may lie in the buffer when nothing wakes the
	// reader.
	wait time.Duration
	// size of a sample in octets; some may have the larger size, 0 for none.
	size, larger int
	// decode writes one sample over out.
	decode func(sample []byte, clock *Clock, out *T)
	// idle is called whenever the reader has waited; nil for nothing.
	idle func()

	samples, malformed atomic.Uint64
}

func openRing[T any](m *ebpf.Map, r *ring[T]) (_ *ring[T], err error) {
	r.buffer, err = openBuffer(m)
	return r, err
}

// run hands on batches until ctx ends, and closes the ring buffer. A batch is
// only valid during the call. What is in the buffer at the end stays there for
// the next reader.
func (r *ring[T]) run(ctx context.Context, deliver func([]T)) (err error) {
	defer func() { err = errors.Join(err, r.buffer.close()) }()
	interrupted := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		r.buffer.interrupt()
		close(interrupted)
	})
	defer func() {
		if !stop() {
			<-interrupted
		}
	}()
	batch := make([]T, maxSamples)
	var clock Clock
	for ctx.Err() == nil {
		if err := clock.Set(); err != nil {
			return err
		}
		n := r.fill(batch, &clock)
		if n > 0 {
			r.samples.Add(uint64(n))
			deliver(batch[:n])
			continue
		}
		if err := r.buffer.wait(r.wait); err != nil {
			return err
		}
		if r.idle != nil {
			r.idle()
		}
	}
	return errors.Join(ctx.Err(), r.rest(batch, &clock, deliver))
}

// rest hands on what no later reader would find.
func (r *ring[T]) rest(batch []T, clock *Clock, deliver func([]T)) error {
	found, err := r.buffer.leave()
	if err != nil || !found {
		return err
	}
	if err := clock.Set(); err != nil {
		return err
	}
	for n := r.fill(batch, clock); n > 0; n = r.fill(batch, clock) {
		r.samples.Add(uint64(n))
		deliver(batch[:n])
	}
	return nil
}

// fill reads until the batch is full or there is nothing more.
func (r *ring[T]) fill(batch []T, clock *Clock) int {
	n := 0
	for n < len(batch) {
		sample := r.buffer.next()
		if sample == nil {
			// Samples of no use were passed: the kernel must know that before
			// the last look, or it wakes nobody for the next one.
			if n == 0 && r.buffer.release() {
				continue
			}
			break
		}
		if !padded(len(sample), r.size) && (r.larger == 0 || !padded(len(sample), r.larger)) {
			r.malformed.Add(1)
			continue
		}
		r.decode(sample, clock, &batch[n])
		n++
	}
	r.buffer.release()
	return n
}

// padded tells whether a sample has a size: perf buffers fill it up.
func padded(n, size int) bool { return n >= size && n < size+sampleHeader }
