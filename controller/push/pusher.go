// Package push brings policies to the nodes over gNMI, in the order in which no
// packet carries what nobody removes, and keeps nodes that were away in step.
package push

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/openifit/openifit/controller/policy"
	"github.com/openifit/openifit/controller/target"
	"github.com/openifit/openifit/gen/yang"
)

// setTimeout bounds one Set: a node compiles and loads programs in it.
const setTimeout = 10 * time.Second

// Node is the gNMI server of one node.
type Node interface {
	Name() string
	// Set makes changes, all or none; its error matches target.ErrRefused or
	// target.ErrUnreachable.
	Set(ctx context.Context, changes []policy.Change) error
	Get(ctx context.Context, paths ...string) (*yang.Device, error)
}

// Documents keeps what shall be, across restarts.
type Documents interface {
	Put(name string, content []byte) error
	Delete(name string) error
	All() (map[string][]byte, error)
}

// Config is what a Pusher works with.
type Config struct {
	Nodes []Node
	// Order returns the names of the nodes in phases: a policy is installed
	// phase by phase, and removed the other way round.
	Order func() [][]string
	// Reachable tells whether a node answers at the moment; one that does not
	// is not tried, so that it holds up nobody.
	Reachable func(node string) bool
	// Base are the changes that every node gets before any policy: collector
	// and marks.
	Base []policy.Change
	// Owners are the loops: what they own on a node, and the controller does
	// not hold, is left over from a controller that died, and is removed.
	Owners    []string
	Documents Documents
	// Changed is called with the name of a policy whose state changed; it must
	// not block.
	Changed func(name string)
	Log     *slog.Logger
}

// Pusher holds the policies that shall be on the nodes. It is safe for
// concurrent use; pushes take place one after the other.
type Pusher struct {
	cfg   Config
	nodes map[string]Node

	// pushing is held during a push, mu whenever entries are touched.
	pushing sync.Mutex
	mu      sync.Mutex
	entries map[string]*entry
	// based are the nodes that have the base configuration, to which policies
	// refer.
	based map[string]bool
}

// entry is one policy.
type entry struct {
	// want is nil when the policy shall go and some nodes still have it.
	want *policy.Policy
	// meant names the nodes it is meant for; empty means all.
	meant   []string
	applied time.Time
	nodes   map[string]*onNode
}

// onNode is what is known of a policy on one node.
type onNode struct {
	// have is what the node acknowledged last; nil when it does not have the
	// policy, or when known is false.
	have  *policy.Policy
	known bool
	// refused and pending tell why the node does not have what it should.
	refused, pending bool
	err              string
	at               time.Time
}

// New returns a Pusher with the policies that were stored.
func New(cfg Config) (*Pusher, error) {
	p := &Pusher{cfg: cfg, nodes: make(map[string]Node), entries: make(map[string]*entry), based: make(map[string]bool)}
	for _, n := range cfg.Nodes {
		p.nodes[n.Name()] = n
	}
	if err := p.load(); err != nil {
		return nil, fmt.Errorf("load policies: %w", err)
	}
	return p, nil
}

// ErrUnknownNode means that a policy is meant for a node that does not exist.
var ErrUnknownNode = errors.New("there is no such node")

// ErrRolledBack means that a node refused a policy that changes packets, or
// every node any other policy, and that the controller and the nodes which had
// it already were set back to what was wanted before.
var ErrRolledBack = errors.New("policy was rolled back")

// Apply makes a policy the wanted one and pushes it, and answers when every
// node has answered or is known to be away. The results tell how each node
// answered; a node's refusal is an error only where it undid the whole push.
func (p *Pusher) Apply(ctx context.Context, want *policy.Policy, meant []string) ([]Result, error) {
	for _, name := range meant {
		if p.nodes[name] == nil {
			return nil, fmt.Errorf("policy %s: node %q: %w", want.Name(), name, ErrUnknownNode)
		}
	}
	p.pushing.Lock()
	defer p.pushing.Unlock()
	p.mu.Lock()
	e := p.entries[want.Name()]
	if e == nil {
		e = &entry{nodes: make(map[string]*onNode)}
		p.entries[want.Name()] = e
	}
	before := *e
	e.want, e.meant, e.applied = want, slices.Clone(meant), time.Now()
	p.mu.Unlock()
	if err := p.save(want.Name()); err != nil {
		p.mu.Lock()
		e.want, e.meant, e.applied = before.want, before.meant, before.applied
		if before.want == nil && len(e.nodes) == 0 {
			delete(p.entries, want.Name())
		}
		p.mu.Unlock()
		return nil, err
	}
	refusal := p.install(ctx, want.Name(), e, before.want)
	if refusal == nil {
		return p.Results(want.Name()), nil
	}
	results := p.Results(want.Name())
	err := p.rollBack(ctx, want.Name(), e, &before)
	return results, errors.Join(fmt.Errorf("policy %s: %w: %w", want.Name(), ErrRolledBack, refusal), err)
}

// rollBack sets the nodes back to what was wanted before.
func (p *Pusher) rollBack(ctx context.Context, name string, e, before *entry) error {
	p.mu.Lock()
	e.want, e.meant, e.applied = before.want, before.meant, before.applied
	p.mu.Unlock()
	err := p.save(name)
	if before.want == nil {
		p.uninstall(ctx, name, e)
	} else if refusal := p.install(ctx, name, e, nil); refusal != nil {
		err = errors.Join(err, fmt.Errorf("set back: %w", refusal))
	}
	return err
}

// ErrUnknownPolicy means that the controller holds no policy of that name.
var ErrUnknownPolicy = errors.New("there is no such policy")

// Remove takes a policy off the nodes, head nodes first. The results are those
// of the nodes that still have it.
func (p *Pusher) Remove(ctx context.Context, name string) ([]Result, error) {
	p.pushing.Lock()
	defer p.pushing.Unlock()
	p.mu.Lock()
	e := p.entries[name]
	if e == nil || e.want == nil {
		p.mu.Unlock()
		return nil, fmt.Errorf("policy %s: %w", name, ErrUnknownPolicy)
	}
	before := e.want
	e.want = nil
	p.mu.Unlock()
	if err := p.save(name); err != nil {
		// It would be back after a restart: it stays, and can be removed again.
		p.mu.Lock()
		e.want = before
		p.mu.Unlock()
		return nil, err
	}
	p.uninstall(ctx, name, e)
	return p.Results(name), nil
}

// Renew starts the lifetime of a policy anew on the nodes that have it, and
// installs it on those that have lost it.
func (p *Pusher) Renew(ctx context.Context, name string) ([]Result, error) {
	p.pushing.Lock()
	defer p.pushing.Unlock()
	p.mu.Lock()
	e := p.entries[name]
	if e == nil || e.want == nil {
		p.mu.Unlock()
		return nil, fmt.Errorf("policy %s: %w", name, ErrUnknownPolicy)
	}
	e.applied = time.Now()
	p.mu.Unlock()
	p.each([][]string{slices.Concat(p.cfg.Order()...)}, func(node string) {
		p.change(ctx, name, e, node, func(have, want *policy.Policy) []policy.Change {
			if changes := policy.Diff(have, want); len(changes) > 0 {
				return changes
			}
			return want.Touch()
		})
	}, e)
	return p.Results(name), nil
}

// Policies returns the names of the wanted policies in their order.
func (p *Pusher) Policies() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.expire(time.Now())
	var names []string
	for name, e := range p.entries {
		if e.want != nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Policy returns a wanted policy and the nodes it is meant for; nil when there
// is none of that name.
func (p *Pusher) Policy(name string) (want *policy.Policy, meant []string, applied time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.expire(time.Now())
	e := p.entries[name]
	if e == nil || e.want == nil {
		return nil, nil, time.Time{}
	}
	return e.want, slices.Clone(e.meant), e.applied
}

// expire forgets policies whose lifetime is over: the nodes have ended them by
// themselves. What they keep configured is removed with the next look at what
// is lacking, or it would fill them up. A push that is under way has its entry
// for itself. The caller holds mu.
func (p *Pusher) expire(now time.Time) {
	for name, e := range p.entries {
		if e.want == nil || e.want.Lifetime() <= 0 || now.Sub(e.applied) <= e.want.Lifetime() {
			continue
		}
		delete(p.entries, name)
		over := &entry{applied: e.applied, nodes: make(map[string]*onNode)}
		for node, n := range e.nodes {
			if n.have != nil {
				over.nodes[node] = &onNode{pending: true, err: "its lifetime is over", at: n.at}
			}
		}
		if len(over.nodes) > 0 {
			p.entries[name] = over
		}
	}
}

var _ Node = (*target.Target)(nil)
