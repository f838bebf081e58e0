package events_test

import (
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/openifit/openifit/controller/events"
	"github.com/openifit/openifit/controller/measure"
	"github.com/openifit/openifit/controller/store"
)

func TestEvents(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events")
	open := func() *events.Events {
		log, err := store.OpenLog(path, store.LogConfig{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = log.Close() })
		e, err := events.New(log, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	e := open()
	follow := e.Hub.Subscribe(10)
	add := func(node string, id uint64, time int64) (bool, uint64) {
		event := measure.Event{Node: node, NodeID: id, Time: time}
		return e.Add(&event), event.ID
	}
	for i, c := range []struct {
		node string
		id   uint64
		time int64
		want bool
		as   uint64
	}{
		{"r1", 1, 10, true, 1}, {"r1", 2, 11, true, 2}, {"r1", 1, 10, false, 1}, {"r1", 2, 11, false, 2},
		{"r2", 1, 10, true, 3}, {"r2", 7, 12, true, 4},
		// An agent that lost its state numbers anew, at a later time.
		{"r2", 1, 20, true, 5},
	} {
		if fresh, as := add(c.node, c.id, c.time); fresh != c.want || as != c.as {
			t.Errorf("%d: new %t, number %d", i, fresh, as)
		}
	}
	if len(follow.C) != 5 {
		t.Errorf("%d events were told", len(follow.C))
	}
	e = open()
	if fresh, as := add("r2", 1, 20); fresh || as != 5 {
		t.Errorf("after a restart: new %t, number %d", fresh, as)
	}
	if fresh, as := add("r2", 2, 21); !fresh || as != 6 {
		t.Errorf("after a restart: new %t, number %d", fresh, as)
	}
	got := e.List(func(event *measure.Event) bool { return event.Node == "r2" })
	if len(got) != 4 || got[0].ID != 6 || got[3].ID != 3 {
		t.Errorf("events %+v", got)
	}
}
