package source

import (
	"errors"
	"fmt"
	"time"

	"github.com/cilium/ebpf"
)

// queueInterval is how often a queue is looked at: it wakes nobody.
const queueInterval = 10 * time.Millisecond

// queue is a map from which samples are taken one by one: it can be filled
// from any program, and outlives its reader.
type queue struct {
	m      *ebpf.Map
	sample []byte
	ahead  bool
	failed error
	// woken is closed by interrupt.
	woken chan struct{}
}

func openQueue(m *ebpf.Map) *queue {
	return &queue{m: m, sample: make([]byte, m.ValueSize()), woken: make(chan struct{})}
}

func (q *queue) next() []byte {
	if !q.ahead && !q.take() {
		return nil
	}
	q.ahead = false
	return q.sample
}

func (q *queue) take() bool {
	err := q.m.LookupAndDelete(nil, q.sample)
	if err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
		q.failed = fmt.Errorf("read queue: %w", err)
	}
	return err == nil
}

func (q *queue) release() bool { return false }

func (q *queue) wait(at time.Duration) error {
	end := time.NewTimer(at)
	defer end.Stop()
	look := time.NewTicker(min(queueInterval, at))
	defer look.Stop()
	for q.failed == nil && !q.ahead {
		select {
		case <-look.C:
			q.ahead = q.take()
		case <-end.C:
			return q.failed
		case <-q.woken:
			return q.failed
		}
	}
	return q.failed
}

func (q *queue) interrupt() { close(q.woken) }

func (q *queue) leave() (bool, error) { return false, nil }

func (q *queue) close() error { return nil }
