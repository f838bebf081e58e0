package intent

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/openifit/openifit/agent/intent/schema"
	"github.com/openifit/openifit/gen/yang"
)

// Store is the configuration of one agent, in memory and on disk. Its methods
// may be called from any goroutine; proposals are made and published one at a
// time.
type Store struct {
	schema     *schema.Schema
	policyList *schema.Node
	probeList  *schema.Node
	disk       *disk
	now        func() time.Time

	mu      sync.Mutex
	current *version
	numbers *numbers
	broken  []error
}

// Open loads the configuration that was saved in a directory, which is made if
// need be. What cannot be loaded is left out and listed by Broken; an error
// means that nothing could be loaded or saved at all. now tells the time;
// lifetimes are measured by it.
func Open(dir string, sch *schema.Schema, now func() time.Time) (*Store, error) {
	d, err := openDisk(dir)
	if err != nil {
		return nil, err
	}
	return load(d, sch, now)
}

// Snapshot returns the current version.
func (s *Store) Snapshot() *Snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current.snapshot
}

// Broken lists what of the saved configuration could not be loaded, each error
// naming its file. The files stay where they are until a Set replaces them.
func (s *Store) Broken() []error { return s.broken }

func load(d *disk, sch *schema.Schema, now func() time.Time) (*Store, error) {
	s := &Store{schema: sch, disk: d, now: now}
	s.policyList = sch.Ifit.Child("policies").Child("policy")
	s.probeList = sch.Ifit.Child("probes").Child("probe")
	if err := d.replay(); err != nil {
		return nil, fmt.Errorf("finish an interrupted save: %w", err)
	}
	var err error
	if s.numbers, err = loadNumbers(d); err != nil {
		return nil, err
	}
	empty := &yang.Ifit{}
	s.current = &version{
		given: empty, index: newIndex(),
		snapshot: &Snapshot{Root: empty, Policies: map[string]*Policy{}},
	}
	if err := s.settleDefaults(); err != nil {
		return nil, err
	}
	if err := s.loadNode(); err != nil {
		s.broken = append(s.broken, fmt.Errorf("%s: %w", d.path(nodeFile), err))
	}
	if err := s.loadProbes(); err != nil {
		return nil, err
	}
	if err := s.loadPolicies(); err != nil {
		return nil, err
	}
	s.current.snapshot.Serial = 1
	s.current.snapshot.Changed = Everything(s.current.snapshot)
	return s, nil
}

// settleDefaults fills in the units that are always there.
func (s *Store) settleDefaults() error {
	d := s.schema.Edit(s.current.snapshot.Root)
	for _, unit := range s.schema.Singletons() {
		if _, err := d.Settle(s.current.given, unit); err != nil {
			return fmt.Errorf("the model's defaults contradict its rules: %w", err)
		}
	}
	s.current.snapshot.Root = d.Ifit()
	return nil
}

// loadNode loads everything but the probes and the policies.
func (s *Store) loadNode() error {
	text, err := s.disk.read(nodeFile)
	if err != nil || text == nil {
		return err
	}
	d := s.schema.Edit(s.current.given)
	if err := d.Update(schema.Path{Node: s.schema.Ifit}, jsonValue(text)); err != nil {
		return err
	}
	p, err := s.settle(d)
	if err != nil {
		return err
	}
	s.install(p.next)
	return nil
}

// loadProbes loads every uploaded probe that is whole.
func (s *Store) loadProbes() error {
	files, err := os.ReadDir(s.disk.path(probeDir))
	if err != nil {
		return fmt.Errorf("list the saved probes: %w", err)
	}
	for _, f := range files {
		name, ok := strings.CutSuffix(f.Name(), ".json")
		if !ok {
			continue
		}
		if err := s.loadProbe(name); err != nil {
			s.broken = append(s.broken, fmt.Errorf("%s: %w", s.disk.path(probeFile(name)), err))
		}
	}
	return nil
}

func (s *Store) loadProbe(name string) error {
	text, err := s.disk.read(probeFile(name))
	if err != nil {
		return err
	}
	d := s.schema.Edit(s.current.given)
	if err := d.Update(schema.Path{Node: s.probeList, Keys: []string{name}}, jsonValue(text)); err != nil {
		return err
	}
	p, err := s.settle(d)
	if err != nil {
		return err
	}
	s.install(p.next)
	return nil
}

// loadPolicies loads every policy that is whole and whose references lead
// somewhere.
func (s *Store) loadPolicies() error {
	files, err := os.ReadDir(s.disk.path(policyDir))
	if err != nil {
		return fmt.Errorf("list the saved policies: %w", err)
	}
	saved := map[string]savedPolicy{}
	waiting := map[string]error{}
	for _, f := range files {
		name, ok := strings.CutSuffix(f.Name(), ".json")
		if !ok {
			continue
		}
		p, err := s.readPolicy(f)
		if err != nil {
			s.broken = append(s.broken, fmt.Errorf("%s: %w", s.disk.path(policyFile(name)), err))
			continue
		}
		s.numbers.used(p.ID, p.Generation)
		saved[name], waiting[name] = p, nil
	}
	// A policy may refer to one that comes later, so go round until nothing
	// moves any more.
	for moved := true; moved; {
		moved = false
		for _, name := range sortedKeys(waiting) {
			if waiting[name] = s.loadPolicy(name, saved[name]); waiting[name] == nil {
				delete(waiting, name)
				moved = true
			}
		}
	}
	for _, name := range sortedKeys(waiting) {
		s.broken = append(s.broken, fmt.Errorf("%s: %w", s.disk.path(policyFile(name)), waiting[name]))
	}
	return nil
}

func (s *Store) readPolicy(f fs.DirEntry) (savedPolicy, error) {
	var p savedPolicy
	text, err := os.ReadFile(filepath.Join(s.disk.path(policyDir), f.Name()))
	if err != nil {
		return p, err
	}
	if err := json.Unmarshal(text, &p); err != nil {
		return p, err
	}
	if p.ID == 0 || p.Generation == 0 || p.Policy == nil {
		return p, errors.New("id, generation or policy is missing")
	}
	return p, nil
}

// loadPolicy puts a saved policy into the current version, with the numbers
// that it had.
func (s *Store) loadPolicy(name string, saved savedPolicy) error {
	patterns, err := s.schema.Resolve(policyElems(name))
	if err != nil {
		return err
	}
	path, _ := patterns[0].Exact()
	d := s.schema.Edit(s.current.given)
	if err := d.Update(path, jsonValue(saved.Policy)); err != nil {
		return err
	}
	effective := s.schema.Edit(s.current.snapshot.Root)
	refs, err := effective.Settle(d.Ifit(), path)
	if err != nil {
		return err
	}
	touched := []schema.Path{path}
	byUnit := map[string][]schema.Ref{path.ID(): refs}
	if err := s.dangling(s.current.snapshot.Root, effective.Ifit(), touched, byUnit); err != nil {
		return err
	}
	p := &Policy{ID: saved.ID, Generation: saved.Generation, Config: effective.Ifit().Policies.Policy[name]}
	if saved.ExpiresAt != nil {
		now := s.now()
		p.ExpiresAt = *saved.ExpiresAt
		// A clock that was set back while the agent was down must not prolong
		// what is left of a lifetime beyond the whole of it.
		whole := time.Duration(p.Config.GetConfig().GetLifetime()) * time.Second
		if latest := now.Add(whole); p.ExpiresAt.After(latest) {
			p.ExpiresAt = latest
		}
		p.Expired = !now.Before(p.ExpiresAt)
	}
	snap := *s.current.snapshot
	snap.Root = effective.Ifit()
	snap.Policies[name] = p
	s.install(&version{given: d.Ifit(), snapshot: &snap, index: s.current.index, reindexed: byUnit, units: touched})
	return nil
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
