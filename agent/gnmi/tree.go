package gnmi

import (
	"sync"
	"time"

	"github.com/openifit/openifit/agent/intent"
	"github.com/openifit/openifit/agent/intent/schema"
	"github.com/openifit/openifit/agent/state"
	"github.com/openifit/openifit/gen/yang"
)

// tree is configuration and state as clients see them: one tree that can be
// read, and whose changes reach those who subscribed.
type tree struct {
	schema *schema.Schema
	state  *state.Store
	now    func() time.Time

	mu   sync.RWMutex
	snap *intent.Snapshot
	subs map[*subscriber]struct{}
}

func newTree(sch *schema.Schema, st *state.Store, snap *intent.Snapshot, now func() time.Time) *tree {
	return &tree{schema: sch, state: st, snap: snap, now: now, subs: map[*subscriber]struct{}{}}
}

func (t *tree) snapshot() *intent.Snapshot {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.snap
}

// view returns what the patterns need to be read, pulled state included if
// asked for.
func (t *tree) view(patterns []schema.Pattern, pull bool) schema.View {
	scope := scopeOf(patterns)
	scope.PushedOnly = !pull
	return schema.View{Layers: []*yang.Ifit{t.snapshot().Root, t.state.Read(scope)}}
}

// scopeOf returns the part of the state that patterns reach.
func scopeOf(patterns []schema.Pattern) state.Scope {
	var scope state.Scope
	for _, p := range patterns {
		section := p.Node.Section()
		if section == nil {
			return state.Everything()
		}
		key := schema.Key{Any: true}
		if len(p.Keys) > 0 {
			key = p.Keys[0]
		}
		switch section.Name {
		case "policies":
			choose(&scope.Policies, key)
		case "interfaces":
			choose(&scope.Interfaces, key)
		case "collectors":
			choose(&scope.Collectors, key)
		case "probes":
			choose(&scope.Probes, key)
		case "events":
			scope.Events = true
		case "state":
			scope.Node = true
		}
	}
	return scope
}

func choose(sel *state.Selection, key schema.Key) {
	if key.Any {
		sel.All = true
		return
	}
	sel.Keys = append(sel.Keys, key.Value)
}

// publish makes a version the current one and tells the subscribers what
// differs.
func (t *tree) publish(next *intent.Snapshot) {
	units := next.Changed.Units(t.schema)
	patterns := make([]schema.Pattern, len(units))
	for i, u := range units {
		patterns[i] = schema.ExactPattern(u)
	}
	var st *yang.Ifit
	if len(units) > 0 {
		// Only to know what exists: a change of the state meanwhile is
		// reported by itself.
		scope := scopeOf(patterns)
		scope.PushedOnly = true
		st = t.state.Read(scope)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	before := t.snap
	t.snap = next
	if len(t.subs) == 0 {
		return
	}
	for i, u := range units {
		after := schema.View{Layers: []*yang.Ifit{next.Root, st}}
		if !stays(u) && !t.schema.Configured(next.Root, u) {
			// Its state goes too, in a moment: one delete says it all.
			after.Layers = nil
		}
		t.announce(u, patterns[i], schema.View{Layers: []*yang.Ifit{before.Root, st}}, after)
	}
}

// stays reports whether a unit exists without being configured.
func stays(unit schema.Path) bool {
	return unit.Node.Kind != schema.List || unit.Node.Name == "interface" || unit.Node.Name == "probe"
}

// stateChanged tells the subscribers of a change of the pushed state. It runs
// under the state store's lock.
func (t *tree) stateChanged(c state.Change) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.subs) == 0 {
		return
	}
	for _, u := range t.schema.Units(c.Before, c.After) {
		t.announce(u, schema.ExactPattern(u),
			schema.View{Layers: []*yang.Ifit{t.snap.Root, c.Before}},
			schema.View{Layers: []*yang.Ifit{t.snap.Root, c.After}})
	}
}

// announce works out what differs in one unit and hands it to those who
// subscribed to it. The caller holds t.mu.
func (t *tree) announce(unit schema.Path, p schema.Pattern, before, after schema.View) {
	interested := false
	for s := range t.subs {
		interested = interested || s.wants(unit)
	}
	if !interested {
		return
	}
	d := t.schema.Diff(p, before, after)
	if d.Empty() {
		return
	}
	at := t.now().UnixNano()
	for s := range t.subs {
		if s.wants(unit) {
			s.notify(unit, d, at)
		}
	}
}

func (t *tree) subscribe(s *subscriber) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.subs[s] = struct{}{}
}

func (t *tree) unsubscribe(s *subscriber) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.subs, s)
}
