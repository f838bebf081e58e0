// Package events numbers the nodes' events, and keeps the latest of them in
// memory and all of them in a log.
package events

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"

	"github.com/openifit/openifit/controller/measure"
	"github.com/openifit/openifit/controller/watch"
)

// kept is the number of events in memory.
const kept = 4096

// Log takes values and gives them back.
type Log interface {
	Append(value any) error
	Read(fn func(line []byte) error) error
}

// Events holds the latest events. It is safe for concurrent use.
type Events struct {
	// Hub passes on each new event.
	Hub watch.Hub[measure.Event]

	log  Log
	slog *slog.Logger

	mu     sync.Mutex
	latest *watch.Ring[measure.Event]
	lastID uint64
	// seen is the newest event of each node: a node replays its events
	// whenever a session begins.
	seen   map[string]mark
	failed uint64
}

type mark struct {
	id   uint64
	time int64
}

// New returns the events of the log.
func New(log Log, logger *slog.Logger) (*Events, error) {
	e := &Events{log: log, slog: logger, latest: watch.NewRing[measure.Event](kept), seen: make(map[string]mark)}
	err := log.Read(func(line []byte) error {
		var event measure.Event
		if err := json.Unmarshal(line, &event); err != nil {
			return fmt.Errorf("event log: %w", err)
		}
		e.remember(event)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return e, nil
}

func (e *Events) remember(event measure.Event) {
	e.lastID = max(e.lastID, event.ID)
	e.latest.Add(event)
	if m := e.seen[event.Node]; event.NodeID > m.id || event.Time > m.time {
		e.seen[event.Node] = mark{event.NodeID, event.Time}
	}
}

// Add numbers an event and keeps it. It reports whether the event is new: one
// that a node tells again gets the number that it had.
func (e *Events) Add(event *measure.Event) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if m := e.seen[event.Node]; event.NodeID <= m.id && event.Time <= m.time {
		for known := range e.latest.Newest() {
			if known.Node == event.Node && known.NodeID == event.NodeID {
				event.ID = known.ID
				break
			}
		}
		return false
	}
	e.lastID++
	event.ID = e.lastID
	e.remember(*event)
	if err := e.log.Append(event); err != nil {
		e.failed++
		e.slog.Error("cannot log an event", "node", event.Node, "error", err)
	}
	e.Hub.Publish(*event)
	return true
}

// List returns the events that match, newest first.
func (e *Events) List(match func(*measure.Event) bool) []measure.Event {
	e.mu.Lock()
	defer e.mu.Unlock()
	var out []measure.Event
	for event := range e.latest.Newest() {
		if match(event) {
			out = append(out, *event)
		}
	}
	return out
}

// Failed counts the events that could not be logged.
func (e *Events) Failed() uint64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.failed
}
