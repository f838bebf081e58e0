package source

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/ringbuf"
)

// maxSamples is the number of samples that are handed on at once.
const maxSamples = 512

// ring reads samples of one kind out of a ring buffer.
type ring[T any] struct {
	reader *ringbuf.Reader
	clock  Clock
	// wait is how long samples may lie in the buffer when nothing wakes the
	// reader.
	wait time.Duration
	// size of a sample in octets.
	size int
	// decode writes one sample over out.
	decode func(sample []byte, clock *Clock, out *T)
	// idle is called whenever the reader has waited; nil for nothing.
	idle func()

	samples, malformed atomic.Uint64
}

func openRing[T any](m *ebpf.Map, r *ring[T]) (*ring[T], error) {
	var err error
	if r.reader, err = ringbuf.NewReader(m); err != nil {
		return nil, fmt.Errorf("open ring buffer: %w", err)
	}
	return r, nil
}

// run hands on batches until ctx ends; a batch is only valid during the call.
// What is in the buffer then stays there for the next reader.
func (r *ring[T]) run(ctx context.Context, deliver func([]T)) error {
	stop := context.AfterFunc(ctx, func() { r.reader.Close() })
	defer stop()
	batch := make([]T, maxSamples)
	var record ringbuf.Record
	for {
		if err := r.clock.Set(); err != nil {
			return err
		}
		r.reader.SetDeadline(time.Now().Add(r.wait))
		n, err := r.fill(batch, &record)
		if n > 0 {
			r.samples.Add(uint64(n))
			deliver(batch[:n])
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil:
		case errors.Is(err, os.ErrDeadlineExceeded):
			if r.idle != nil {
				r.idle()
			}
		default:
			return fmt.Errorf("read ring buffer: %w", err)
		}
	}
}

// fill reads until the batch is full or the buffer is empty; the latter is an
// error that matches os.ErrDeadlineExceeded.
func (r *ring[T]) fill(batch []T, record *ringbuf.Record) (n int, err error) {
	for n < len(batch) {
		if err := r.reader.ReadInto(record); err != nil {
			return n, err
		}
		if len(record.RawSample) != r.size {
			r.malformed.Add(1)
			continue
		}
		r.decode(record.RawSample, &r.clock, &batch[n])
		n++
	}
	return n, nil
}
