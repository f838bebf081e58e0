package state

import (
	"time"

	"github.com/openifit/openifit/gen/yang"
)

// ring keeps the latest events, oldest first.
type ring struct {
	events []*yang.Event
	max    int
	next   uint64
}

// eventsPerSecond bounds the mean rate of events over the life of an agent
// below which a restart cannot reuse an identifier: 2^20 per second.
const eventsPerSecond = 1 << 20

func newRing(start time.Time, limit int) ring {
	return ring{max: max(limit, 1), next: uint64(start.Unix()) * eventsPerSecond}
}

// append adds an event, and returns it with the one that had to go, if any.
func (r *ring) append(ev *yang.Event_State) (added, gone *yang.Event) {
	id := r.next
	r.next++
	ev.Id = &id
	added = &yang.Event{Id: &id, State: ev}
	if len(r.events) >= r.max {
		gone = r.events[0]
		r.events[0] = nil
		r.events = r.events[1:]
	}
	r.events = append(r.events, added)
	return added, gone
}

// resize changes the bound and returns the events that had to go.
func (r *ring) resize(limit int) []*yang.Event {
	r.max = max(limit, 1)
	if len(r.events) <= r.max {
		return nil
	}
	cut := len(r.events) - r.max
	gone := r.events[:cut]
	r.events = append([]*yang.Event(nil), r.events[cut:]...)
	return gone
}
