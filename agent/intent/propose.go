package intent

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"

	"github.com/openifit/openifit/agent/intent/schema"
	"github.com/openifit/openifit/gen/yang"
)

// OpKind is the kind of an operation of a gNMI Set.
type OpKind uint8

// The kinds of operations.
const (
	Delete OpKind = iota
	Replace
	Update
)

// Op is one operation of a gNMI Set. Elems are those of prefix and path.
type Op struct {
	Kind  OpKind
	Elems []*gpb.PathElem
	Value *gpb.TypedValue
}

// ErrStale says that another proposal was published since this one was made.
var ErrStale = errors.New("the configuration has changed in the meantime")

// Proposal is a version of the configuration that has passed every check of
// the model but is not in force yet. It is used by one goroutine.
type Proposal struct {
	store *Store
	base  *version
	next  *version
	files []fileChange
	empty bool
}

// version is a snapshot with what the store needs to make the next one.
type version struct {
	given     *yang.Ifit // as the operators gave it, without defaults
	snapshot  *Snapshot
	index     *index
	reindexed map[string][]schema.Ref // uses that differ from the index, by unit
	units     []schema.Path           // the units of reindexed
}

// Snapshot returns the proposed version.
func (p *Proposal) Snapshot() *Snapshot { return p.next.snapshot }

// Empty reports whether the proposal changes neither the configuration nor a
// lifetime.
func (p *Proposal) Empty() bool { return p.empty }

// Propose applies the operations in their order to the current configuration
// and checks what they touched. The current version stays as it is, and its
// parts that are not touched are shared. An error that is the request's fault
// is a *schema.Error.
func (s *Store) Propose(ops []Op) (*Proposal, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.schema.Edit(s.current.given)
	for _, op := range ops {
		if err := s.apply(d, op); err != nil {
			return nil, err
		}
	}
	return s.settle(d)
}

func (s *Store) apply(d *schema.Draft, op Op) error {
	patterns, err := s.schema.Resolve(op.Elems)
	if err != nil {
		return err
	}
	if op.Kind == Delete {
		return d.Delete(patterns)
	}
	if slices.ContainsFunc(op.Elems, wild) {
		return &schema.Error{Code: schema.Malformed, Path: patterns[0].String(), Reason: "wildcards are for deletes only"}
	}
	path, ok := settable(patterns[0])
	if !ok {
		return &schema.Error{Code: schema.Malformed, Path: patterns[0].String(), Reason: "every list on the way needs its key"}
	}
	if op.Kind == Replace {
		return d.Replace(path, op.Value)
	}
	return d.Update(path, op.Value)
}

// wild reports whether a path element stands for several.
func wild(e *gpb.PathElem) bool {
	if e.GetName() == "*" || e.GetName() == "..." {
		return true
	}
	for _, v := range e.GetKey() {
		if v == "*" {
			return true
		}
	}
	return false
}

// settable returns the path that a pattern without wildcards stands for in a
// replace or update; only the last list may lack its key.
func settable(p schema.Pattern) (schema.Path, bool) {
	if n := len(p.Keys); p.Node.Kind == schema.List && p.Keys[n-1].Any {
		p.Keys = p.Keys[:n-1]
	}
	return p.Exact()
}

// settle makes a version of a draft of the current one.
func (s *Store) settle(d *schema.Draft) (*Proposal, error) {
	before, given := s.current, d.Ifit()
	p := &Proposal{store: s, base: before}
	touched := d.Touched(before.given)
	if len(touched) == 0 {
		p.next, p.empty = before, true
		return p, nil
	}
	effective := s.schema.Edit(before.snapshot.Root)
	refs := make(map[string][]schema.Ref, len(touched))
	for _, unit := range touched {
		used, err := effective.Settle(given, unit)
		if err != nil {
			return nil, err
		}
		refs[unit.ID()] = used
	}
	root := effective.Ifit()
	if err := s.dangling(before.snapshot.Root, root, touched, refs); err != nil {
		return nil, err
	}
	snap, err := s.snapshot(before.snapshot, root, touched)
	if err != nil {
		return nil, err
	}
	p.next = &version{given: given, snapshot: snap, index: before.index, reindexed: refs, units: touched}
	if p.files, err = s.files(p.next, touched); err != nil {
		return nil, fmt.Errorf("encode the configuration: %w", err)
	}
	return p, nil
}

// snapshot numbers the policies of a new effective configuration.
func (s *Store) snapshot(before *Snapshot, root *yang.Ifit, touched []schema.Path) (*Snapshot, error) {
	snap := &Snapshot{Serial: before.Serial, Root: root, Policies: before.Policies}
	cloned := false
	for _, unit := range touched {
		same := s.schema.Equal(before.Root, root, unit)
		if !same {
			snap.Changed.add(unit)
		}
		if unit.Node != s.policyList {
			continue
		}
		if !cloned {
			snap.Policies, cloned = maps.Clone(before.Policies), true
		}
		name := unit.Keys[0]
		cfg := root.GetPolicies().GetPolicy(name)
		if cfg == nil {
			delete(snap.Policies, name)
			continue
		}
		p, err := s.number(before.Policies[name], cfg, same)
		if err != nil {
			return nil, err
		}
		snap.Policies[name] = p
		if old := before.Policies[name]; same && old.Runs() != p.Runs() {
			snap.Changed.add(unit)
		}
	}
	if !snap.Changed.Empty() {
		snap.Serial++
	}
	if most := root.GetLimits().GetConfig().GetMaxPolicies(); len(snap.Policies) > int(most) && len(snap.Policies) > len(before.Policies) {
		return nil, &schema.Error{
			Code: schema.TooLarge, Path: "/ifit/policies",
			Reason: fmt.Sprintf("%d policies are more than /ifit/limits/config/max-policies (%d) allows", len(snap.Policies), most),
		}
	}
	return snap, nil
}

// number makes the next version of a policy, which a Set has named.
func (s *Store) number(old *Policy, cfg *yang.Policy, same bool) (*Policy, error) {
	p := &Policy{Config: cfg}
	var err error
	if old != nil {
		p.ID, p.Generation, p.Reaction = old.ID, old.Generation, old.Reaction
	} else if p.ID, err = s.numbers.nextID(); err != nil {
		return nil, err
	}
	if !same {
		if p.Generation, err = s.numbers.nextGeneration(); err != nil {
			return nil, err
		}
	}
	if lifetime := cfg.GetConfig().GetLifetime(); lifetime > 0 {
		p.ExpiresAt = s.now().Add(time.Duration(lifetime) * time.Second)
	}
	return p, nil
}

// Stage writes the proposal to disk where it does not count yet, so that
// Publish can hardly fail.
func (p *Proposal) Stage() error {
	if err := p.store.disk.stage(p.files); err != nil {
		return fmt.Errorf("save the configuration: %w", err)
	}
	return nil
}

// Publish makes the proposal the current version, on disk and in memory. When
// it fails, the version before it stays current. Stage comes first.
func (p *Proposal) Publish() error {
	s := p.store
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current != p.base {
		return ErrStale
	}
	if err := s.disk.publish(p.files); err != nil {
		return fmt.Errorf("save the configuration: %w", err)
	}
	s.install(p.next)
	return nil
}

// Discard removes what Stage left on disk.
func (p *Proposal) Discard() { p.store.disk.discard(p.files) }

func (s *Store) install(v *version) {
	for _, unit := range v.units {
		v.index.set(unit, v.reindexed[unit.ID()])
	}
	v.reindexed, v.units = nil, nil
	s.current = v
}
