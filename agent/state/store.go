// Package state is the operational snapshot of an agent: what its parts say of
// themselves, kept by object until somebody reads or subscribes to it.
//
// Values that change rarely (oper-status, last-error, programs) are pushed with
// the Set methods, and watchers hear of them. Values that move all the time
// (counters, rates, heavy flows) are pulled: a reader registered with one of
// the OnRead methods fills them in when somebody asks, so that they cost
// nothing otherwise.
package state

import (
	"sync"
	"time"

	"github.com/openconfig/ygot/ygot"

	"github.com/openifit/openifit/gen/yang"
)

// Store holds the state of one agent. Its methods may be called from any
// goroutine.
type Store struct {
	mu sync.RWMutex

	// Values are immutable: a change puts a changed copy in their place.
	policies   map[string]*yang.Policy
	interfaces map[string]*yang.Interface
	collectors map[string]*yang.Collector
	probes     map[string]*yang.Probe
	node       *yang.State
	events     ring

	readers readers
	watch   func(Change)
}

// Change is one change of the pushed state. Before and After hold the changed
// object alone, and are nil where it does not exist.
type Change struct {
	Before, After *yang.Ifit
}

// New returns an empty store that keeps maxEvents events. Events are numbered
// upwards from a value derived from start, so that a restarted agent does not
// use a number twice.
func New(start time.Time, maxEvents int) *Store {
	return &Store{
		policies:   map[string]*yang.Policy{},
		interfaces: map[string]*yang.Interface{},
		collectors: map[string]*yang.Collector{},
		probes:     map[string]*yang.Probe{},
		events:     newRing(start, maxEvents),
	}
}

// Watch has f called on every later change of the pushed state, in order. f
// runs under the store's lock: it must not call the store. There is one
// watcher; a second call replaces it.
func (s *Store) Watch(f func(Change)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watch = f
}

// SetPolicy edits the state of a policy, which begins to exist with it.
// edit gets a private copy.
func (s *Store) SetPolicy(name string, edit func(*yang.Policy_State)) {
	change(s, s.policies, name, treeOfPolicy, func(o *yang.Policy) {
		o.Name = &name
		edit(o.GetOrCreateState())
	})
}

// DeletePolicy forgets a policy.
func (s *Store) DeletePolicy(name string) { drop(s, s.policies, name, treeOfPolicy) }

// SetInterface edits the state of an interface, which begins to exist with it.
// edit gets a private copy.
func (s *Store) SetInterface(name string, edit func(*yang.Interface_State)) {
	change(s, s.interfaces, name, treeOfInterface, func(o *yang.Interface) {
		o.Name = &name
		edit(o.GetOrCreateState())
	})
}

// DeleteInterface forgets an interface.
func (s *Store) DeleteInterface(name string) { drop(s, s.interfaces, name, treeOfInterface) }

// SetCollector edits the state of a collector, which begins to exist with it.
// edit gets a private copy.
func (s *Store) SetCollector(name string, edit func(*yang.Collector_State)) {
	change(s, s.collectors, name, treeOfCollector, func(o *yang.Collector) {
		o.Name = &name
		edit(o.GetOrCreateState())
	})
}

// DeleteCollector forgets a collector.
func (s *Store) DeleteCollector(name string) { drop(s, s.collectors, name, treeOfCollector) }

// SetProbe edits the state of a dynamic network probe, which begins to exist with it.
// edit gets a private copy.
func (s *Store) SetProbe(name string, edit func(*yang.Probe_State)) {
	change(s, s.probes, name, treeOfProbe, func(o *yang.Probe) {
		o.Name = &name
		edit(o.GetOrCreateState())
	})
}

// DeleteProbe forgets a dynamic network probe.
func (s *Store) DeleteProbe(name string) { drop(s, s.probes, name, treeOfProbe) }

// SetNode edits the state of the node as a whole. edit gets a private copy.
func (s *Store) SetNode(edit func(*yang.State)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.node
	after := clone(before)
	edit(after)
	s.node = after
	s.notify(treeOfNode(before), treeOfNode(after))
}

// AppendEvent adds an event to the ring and returns the identifier that it was
// given. The oldest event makes room for it when the ring is full. The store
// keeps ev; the caller must not touch it any more.
func (s *Store) AppendEvent(ev *yang.Event_State) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	added, gone := s.events.append(ev)
	if gone != nil {
		s.notify(treeOfEvent(gone), nil)
	}
	s.notify(nil, treeOfEvent(added))
	return *added.Id
}

// SetMaxEvents changes how many events are kept; the oldest ones go when there
// are more.
func (s *Store) SetMaxEvents(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, gone := range s.events.resize(n) {
		s.notify(treeOfEvent(gone), nil)
	}
}

func (s *Store) notify(before, after *yang.Ifit) {
	if s.watch != nil {
		s.watch(Change{Before: before, After: after})
	}
}

// object is a pointer to a generated struct.
type object[T any] interface {
	*T
	ygot.GoStruct
}

// change replaces an object by an edited copy.
func change[T any, P object[T]](s *Store, in map[string]P, name string, tree func(P) *yang.Ifit, edit func(P)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := in[name]
	after := clone(before)
	edit(after)
	in[name] = after
	s.notify(tree(before), tree(after))
}

// drop removes an object.
func drop[T any, P object[T]](s *Store, from map[string]P, name string, tree func(P) *yang.Ifit) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if before := from[name]; before != nil {
		delete(from, name)
		s.notify(tree(before), nil)
	}
}

// clone returns a deep copy of a generated struct, or a new one for nil.
func clone[T any, P object[T]](old P) P {
	if old == nil {
		return P(new(T))
	}
	c, err := ygot.DeepCopy(old)
	if err != nil {
		// DeepCopy fails only for types that ygot does not generate.
		panic("copy of generated struct: " + err.Error())
	}
	return c.(P)
}
