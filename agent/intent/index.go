package intent

import (
	"fmt"
	"maps"
	"slices"

	"github.com/openifit/openifit/agent/intent/schema"
	"github.com/openifit/openifit/gen/yang"
)

// index knows which units use which list entries by leafref, so that a Set
// need not look at units that it does not touch. An index is never modified
// once a version holds it; what a Set changes is kept in a delta until then.
type index struct {
	uses  map[string][]schema.Ref           // by the unit that uses
	users map[string]map[string]schema.Path // by the entry that is used: units by their ID
}

func newIndex() *index {
	return &index{map[string][]schema.Ref{}, map[string]map[string]schema.Path{}}
}

func target(r schema.Ref) string {
	return schema.Path{Node: r.List, Keys: []string{r.Key}}.ID()
}

// set records all that a unit uses.
func (x *index) set(unit schema.Path, refs []schema.Ref) {
	id := unit.ID()
	for _, old := range x.uses[id] {
		t := target(old)
		delete(x.users[t], id)
		if len(x.users[t]) == 0 {
			delete(x.users, t)
		}
	}
	if len(refs) == 0 {
		delete(x.uses, id)
		return
	}
	x.uses[id] = refs
	for _, r := range refs {
		t := target(r)
		if x.users[t] == nil {
			x.users[t] = map[string]schema.Path{}
		}
		x.users[t][id] = unit
	}
}

// dangling finds a leafref that would lead nowhere: from a touched unit, or
// from another one to an entry that goes.
func (s *Store) dangling(before, after *yang.Ifit, touched []schema.Path, refs map[string][]schema.Ref) error {
	for _, unit := range touched {
		for _, r := range refs[unit.ID()] {
			if !s.schema.Exists(after, r) {
				return &schema.Error{
					Code: schema.BadValue, Path: r.From.String(),
					Reason: fmt.Sprintf("there is no %s named %q", r.List.Name, r.Key),
				}
			}
		}
	}
	for _, unit := range touched {
		for _, entry := range s.schema.Entries(before, unit) {
			if s.schema.Exists(after, entry) {
				continue
			}
			users := s.current.index.users[target(entry)]
			for _, id := range slices.Sorted(maps.Keys(users)) {
				if _, again := refs[id]; again {
					continue
				}
				gone := schema.Path{Node: entry.List, Keys: []string{entry.Key}}
				return &schema.Error{
					Code: schema.BadValue, Path: gone.String(),
					Reason: fmt.Sprintf("cannot be deleted: %v still refers to it", users[id]),
				}
			}
		}
	}
	return nil
}
