// Package notify turns what triggers reported into the events of the agent:
// numbered, with names instead of numbers, for gNMI and for IPFIX.
package notify

import (
	"sync"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/gen/yang"
)

// Policy names an EVENT_MONITOR policy and its triggers, in the order of its
// plan.
type Policy struct {
	flow.PolicyRef
	Name     string
	Triggers []string
}

// Event is an event with its number and its trigger's name.
type Event struct {
	flow.Event
	// Number grows and is never used twice on a node.
	Number uint64
	// PolicyName is the policy's name.
	PolicyName string
	// TriggerName is the trigger's name in its policy.
	TriggerName string
}

// Counts are the events of one policy.
type Counts struct{ Events uint64 }

// Notifier numbers and names events. Its methods may be called from several
// goroutines.
type Notifier struct {
	publish func(*yang.Event_State) uint64
	emit    func(*Event)

	mu         sync.Mutex
	policies   map[uint32]*known
	interfaces map[uint32]string
	unknown    uint64
}

// known is a policy and, for events under way when it changed, what its
// triggers were called before.
type known struct {
	Policy
	previous Policy
	events   uint64
}

// New returns a notifier that publishes each event with publish, which gives
// it its identifier, and then hands it to emit.
func New(publish func(*yang.Event_State) uint64, emit func(*Event)) *Notifier {
	return &Notifier{publish: publish, emit: emit, policies: make(map[uint32]*known)}
}

// Configure replaces the policies and the names of interfaces by ifindex.
// Policies that stay keep their counters.
func (n *Notifier) Configure(policies []Policy, interfaces map[uint32]string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	next := make(map[uint32]*known, len(policies))
	for _, p := range policies {
		k := n.policies[p.ID]
		switch {
		case k == nil:
			k = &known{previous: p}
		case k.Generation != p.Generation:
			k.previous = k.Policy
		}
		k.Policy = p
		next[p.ID] = k
	}
	n.policies, n.interfaces = next, interfaces
}

// Events takes what the kernel reported.
func (n *Notifier) Events(events []flow.Event) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for i := range events {
		ev := &events[i]
		k := n.policies[ev.Policy.ID]
		if k == nil {
			n.unknown++
			continue
		}
		k.events++
		out := Event{Event: *ev, PolicyName: k.Name, TriggerName: k.trigger(ev)}
		out.Number = n.publish(n.state(k.Name, &out))
		n.emit(&out)
	}
}

// trigger finds the name of the trigger under the event's generation.
func (k *known) trigger(ev *flow.Event) string {
	p := &k.Policy
	if ev.Policy.Generation == k.previous.Generation {
		p = &k.previous
	}
	if int(ev.Trigger) < len(p.Triggers) {
		return p.Triggers[ev.Trigger]
	}
	return ""
}

// Counts returns the counters of a policy.
func (n *Notifier) Counts(policy uint32) Counts {
	n.mu.Lock()
	defer n.mu.Unlock()
	if k := n.policies[policy]; k != nil {
		return Counts{Events: k.events}
	}
	return Counts{}
}

// Unknown counts events of policies that were gone when they arrived.
func (n *Notifier) Unknown() uint64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.unknown
}
