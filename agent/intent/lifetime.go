package intent

import (
	"maps"
	"slices"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
)

// NextExpiry returns when the next lifetime ends, zero if none does.
func (s *Snapshot) NextExpiry() time.Time {
	var next time.Time
	for _, p := range s.Policies {
		if !p.ExpiresAt.IsZero() && !p.Expired && (next.IsZero() || p.ExpiresAt.Before(next)) {
			next = p.ExpiresAt
		}
	}
	return next
}

// ProposeExpiry proposes to end the policies whose lifetime is over. They stay
// configured. The proposal is empty when there are none.
func (s *Store) ProposeExpiry() *Proposal {
	now := s.now()
	return s.mark(func(_ string, p *Policy) *Policy {
		if p.ExpiresAt.IsZero() || p.Expired || now.Before(p.ExpiresAt) {
			return p
		}
		ended := *p
		ended.Expired, ended.Reaction = true, Reaction{}
		return &ended
	})
}

// ProposeFailure proposes to go on without a policy, for a reason that its
// state will show, until a Set names it.
func (s *Store) ProposeFailure(name, reason string) *Proposal {
	return s.mark(func(n string, p *Policy) *Policy {
		if n != name || p.Failed != "" {
			return p
		}
		failed := *p
		failed.Failed = reason
		return &failed
	})
}

// mark proposes to replace policies by others with the same configuration.
func (s *Store) mark(edit func(string, *Policy) *Policy) *Proposal {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.current
	snap := *before.snapshot
	snap.Serial++
	snap.Changed = Changes{}
	snap.Policies = maps.Clone(snap.Policies)
	for name, p := range snap.Policies {
		if edited := edit(name, p); edited != p {
			snap.Policies[name] = edited
			snap.Changed.Policies = append(snap.Changed.Policies, name)
		}
	}
	slices.Sort(snap.Changed.Policies)
	if snap.Changed.Empty() {
		return &Proposal{store: s, base: before, next: before, empty: true}
	}
	next := *before
	next.snapshot = &snap
	return &Proposal{store: s, base: before, next: &next}
}

func policyElems(name string) []*gpb.PathElem {
	return []*gpb.PathElem{{Name: "ifit"}, {Name: "policies"}, {Name: "policy", Key: map[string]string{"name": name}}}
}
