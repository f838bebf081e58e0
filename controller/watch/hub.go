// Package watch tells many who follow something what happens to it, without
// ever waiting for one of them.
package watch

import (
	"sync"
	"sync/atomic"
)

// Hub passes values on to its subscribers. The zero Hub is ready. It is safe
// for concurrent use.
type Hub[T any] struct {
	mu          sync.Mutex
	subscribers map[*Subscription[T]]struct{}
}

// Subscription is one who follows.
type Subscription[T any] struct {
	// C gets the values.
	C       chan T
	hub     *Hub[T]
	dropped atomic.Uint64
}

// Subscribe begins to follow, with room for a number of values that wait.
func (h *Hub[T]) Subscribe(room int) *Subscription[T] {
	s := &Subscription[T]{C: make(chan T, room), hub: h}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.subscribers == nil {
		h.subscribers = make(map[*Subscription[T]]struct{})
	}
	h.subscribers[s] = struct{}{}
	return s
}

// Close ends the subscription; C stays open.
func (s *Subscription[T]) Close() {
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	delete(s.hub.subscribers, s)
}

// Dropped counts the values that found no room.
func (s *Subscription[T]) Dropped() uint64 { return s.dropped.Load() }

// Publish passes a value on.
func (h *Hub[T]) Publish(v T) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for s := range h.subscribers {
		select {
		case s.C <- v:
		default:
			s.dropped.Add(1)
		}
	}
}

// Active tells whether anybody follows, so that nothing is prepared in vain.
func (h *Hub[T]) Active() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.subscribers) > 0
}
