// Package intent holds the validated configuration of an agent: what the
// operator asked for, immutable once published.
package intent

import (
	"maps"
	"slices"
	"time"

	"github.com/openifit/openifit/agent/intent/schema"
	"github.com/openifit/openifit/gen/yang"
)

// Snapshot is one version of the configuration. Nothing in it may be modified:
// later versions share whatever did not change.
type Snapshot struct {
	// Serial counts the versions since the agent started; one that only renews
	// lifetimes does not count.
	Serial uint64
	// Root is the effective configuration: defaults are filled in, state
	// containers are absent.
	Root *yang.Ifit
	// Policies are the configured policies by name.
	Policies map[string]*Policy
	// Changed names what differs from the version before.
	Changed Changes
}

// Policy is a configured policy with the numbers that the node gave it.
type Policy struct {
	// Config is the effective configuration; also found in Snapshot.Root.
	Config *yang.Policy
	// ID identifies the policy on this node as long as it exists, and is
	// never given to another one.
	ID uint32
	// Generation grows whenever Config changes. It is unique on the node and
	// never used again, not even after a restart.
	Generation uint32
	// ExpiresAt is the end of the policy's lifetime, zero without one. It
	// starts anew with each Set that names the policy.
	ExpiresAt time.Time
	// Expired says that the lifetime is over: the policy must not run.
	Expired bool
	// Failed is the reason why the policy could not be put back into force
	// when the agent started, empty for all others: it must not run.
	Failed string
	// Reaction is what triggers of this node make of the policy for now. It is
	// not saved: an agent that starts has seen no condition yet.
	Reaction Reaction
}

// Runs reports whether the policy is to be in force.
func (p *Policy) Runs() bool { return !p.Expired && p.Failed == "" }

// Changes names the objects that differ between two versions, in sorted
// order. An object that is gone is named too.
type Changes struct {
	Policies   []string
	Interfaces []string
	Collectors []string
	Probes     []string
	Domain     bool
	Admission  bool
	Limits     bool
}

// Empty reports whether nothing changed.
func (c Changes) Empty() bool {
	return len(c.Policies)+len(c.Interfaces)+len(c.Collectors)+len(c.Probes) == 0 &&
		!c.Domain && !c.Admission && !c.Limits
}

// Everything returns the changes that make a snapshot from nothing.
func Everything(s *Snapshot) Changes {
	c := Changes{Domain: true, Admission: true, Limits: true}
	c.Policies = slices.Sorted(maps.Keys(s.Policies))
	if x := s.Root.GetInterfaces(); x != nil {
		c.Interfaces = slices.Sorted(maps.Keys(x.Interface))
	}
	if x := s.Root.GetCollectors(); x != nil {
		c.Collectors = slices.Sorted(maps.Keys(x.Collector))
	}
	if x := s.Root.GetProbes(); x != nil {
		c.Probes = slices.Sorted(maps.Keys(x.Probe))
	}
	return c
}

// add names a unit that changed. Units come in ascending order.
func (c *Changes) add(unit schema.Path) {
	switch unit.Node.Name {
	case "policy":
		c.Policies = append(c.Policies, unit.Keys[0])
	case "interface":
		c.Interfaces = append(c.Interfaces, unit.Keys[0])
	case "collector":
		c.Collectors = append(c.Collectors, unit.Keys[0])
	case "probe":
		c.Probes = append(c.Probes, unit.Keys[0])
	case "domain":
		c.Domain = true
	case "admission":
		c.Admission = true
	case "limits":
		c.Limits = true
	}
}

// Units returns the paths of what changed.
func (c Changes) Units(s *schema.Schema) []schema.Path {
	var units []schema.Path
	list := func(section string, names []string) {
		n := s.Ifit.Child(section).Children[0]
		for _, name := range names {
			units = append(units, schema.Path{Node: n, Keys: []string{name}})
		}
	}
	one := func(section string, changed bool) {
		if changed {
			units = append(units, schema.Path{Node: s.Ifit.Child(section)})
		}
	}
	one("admission", c.Admission)
	list("collectors", c.Collectors)
	one("domain", c.Domain)
	list("interfaces", c.Interfaces)
	one("limits", c.Limits)
	list("policies", c.Policies)
	list("probes", c.Probes)
	return units
}
