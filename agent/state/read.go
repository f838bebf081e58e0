package state

import (
	"slices"

	"github.com/openifit/openifit/gen/yang"
)

// readers fill in what is pulled, by kind of object. Each may run in several
// goroutines at a time.
type readers struct {
	policy    []func(string, *yang.Policy)
	iface     []func(string, *yang.Interface)
	collector []func(string, *yang.Collector_State)
	probe     []func(string, *yang.Probe_State)
	node      []func(*yang.State)
}

// OnReadPolicy has fill called whenever a policy's state is read, with a
// private copy: of the policy rather than of its state container, because
// rules and flows have state of their own.
func (s *Store) OnReadPolicy(fill func(name string, p *yang.Policy)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.readers.policy = append(slices.Clone(s.readers.policy), fill)
}

// OnReadInterface has fill called whenever an interface's state is read, with
// a private copy.
func (s *Store) OnReadInterface(fill func(name string, i *yang.Interface)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.readers.iface = append(slices.Clone(s.readers.iface), fill)
}

// OnReadCollector has fill called whenever a collector's state is read, with a
// private copy.
func (s *Store) OnReadCollector(fill func(name string, c *yang.Collector_State)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.readers.collector = append(slices.Clone(s.readers.collector), fill)
}

// OnReadProbe has fill called whenever a probe's state is read, with a private
// copy.
func (s *Store) OnReadProbe(fill func(name string, p *yang.Probe_State)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.readers.probe = append(slices.Clone(s.readers.probe), fill)
}

// OnReadNode has fill called whenever the node's state is read, with a private
// copy.
func (s *Store) OnReadNode(fill func(*yang.State)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.readers.node = append(slices.Clone(s.readers.node), fill)
}

// Selection names objects of one kind.
type Selection struct {
	All  bool
	Keys []string
}

// Scope says which part of the state to read.
type Scope struct {
	Policies, Interfaces, Collectors, Probes Selection
	Events, Node                             bool
	// PushedOnly leaves out what readers would fill in.
	PushedOnly bool
}

// Everything is the scope of the whole state.
func Everything() Scope {
	all := Selection{All: true}
	return Scope{Policies: all, Interfaces: all, Collectors: all, Probes: all, Events: true, Node: true}
}

// Read returns the selected state, pulled values included. The result must not
// be modified. Readers run without the store's lock.
func (s *Store) Read(scope Scope) *yang.Ifit {
	s.mu.RLock()
	policies := pick(s.policies, scope.Policies)
	interfaces := pick(s.interfaces, scope.Interfaces)
	collectors := pick(s.collectors, scope.Collectors)
	probes := pick(s.probes, scope.Probes)
	node := s.node
	var events []*yang.Event
	if scope.Events {
		events = slices.Clone(s.events.events)
	}
	readers := s.readers
	s.mu.RUnlock()

	if scope.PushedOnly {
		readers.policy, readers.iface, readers.collector, readers.probe, readers.node = nil, nil, nil, nil, nil
	}
	fillAll(policies, readers.policy, clone)
	fillAll(interfaces, readers.iface, clone)
	for name, c := range collectors {
		collectors[name] = fillState(name, c, readers.collector, clone, (*yang.Collector).GetOrCreateState)
	}
	for name, p := range probes {
		probes[name] = fillState(name, p, readers.probe, clone, (*yang.Probe).GetOrCreateState)
	}

	root := &yang.Ifit{}
	if len(policies) > 0 {
		root.Policies = &yang.Policies{Policy: policies}
	}
	if len(interfaces) > 0 {
		root.Interfaces = &yang.Interfaces{Interface: interfaces}
	}
	if len(collectors) > 0 {
		root.Collectors = &yang.Collectors{Collector: collectors}
	}
	if len(probes) > 0 {
		root.Probes = &yang.Probes{Probe: probes}
	}
	if len(events) > 0 {
		m := make(map[uint64]*yang.Event, len(events))
		for _, e := range events {
			m[*e.Id] = e
		}
		root.Events = &yang.Events{Event: m}
	}
	if scope.Node && (node != nil || len(readers.node) > 0) {
		if len(readers.node) > 0 {
			node = clone(node)
			for _, fill := range readers.node {
				fill(node)
			}
		}
		root.State = node
	}
	return root
}

func pick[T any](from map[string]*T, sel Selection) map[string]*T {
	if sel.All {
		out := make(map[string]*T, len(from))
		for k, v := range from {
			out[k] = v
		}
		return out
	}
	out := make(map[string]*T, len(sel.Keys))
	for _, k := range sel.Keys {
		if v, ok := from[k]; ok {
			out[k] = v
		}
	}
	return out
}

// fillAll replaces each object by a copy that the readers filled in.
func fillAll[P any](objects map[string]P, fills []func(string, P), clone func(P) P) {
	if len(fills) == 0 {
		return
	}
	for name, o := range objects {
		c := clone(o)
		for _, fill := range fills {
			fill(name, c)
		}
		objects[name] = c
	}
}

// fillState does the same for one object whose readers see its state container
// only.
func fillState[P, S any](name string, o P, fills []func(string, S), clone func(P) P, state func(P) S) P {
	if len(fills) == 0 {
		return o
	}
	c := clone(o)
	for _, fill := range fills {
		fill(name, state(c))
	}
	return c
}
