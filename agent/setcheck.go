package agent

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/openifit/openifit/agent/compile"
)

// These are checks of what a Set changes. What was accepted once must not keep
// an agent from starting.

// asked tells whether a Set made the configuration, and not a restart or an
// interface.
func (c *change) asked() bool {
	return c.before != nil && c.before.snapshot.Serial != c.next.snapshot.Serial
}

// misnamed refuses to give the node another name than it was started with.
func (c *change) misnamed() error {
	name, own := c.next.result.Domain.NodeName, c.applier.node
	if name == "" || own == "" || name == own {
		return nil
	}
	const path = "/ifit/domain/config/node-name"
	switch {
	case c.before == nil:
		c.applier.log.Warn("the saved configuration names another node", "path", path, "saved", name)
		return nil
	case c.asked() && c.before.result.Domain.NodeName != name:
		return &compile.Error{Path: path, Code: compile.Invalid,
			Reason: fmt.Sprintf("%s is not this node: its agent was started as %s", name, own)}
	}
	return nil
}

// baseless refuses a raise of a policy that the node does not have. The base
// of a raise that runs may go: the raise ends by itself.
func (c *change) baseless() error {
	if !c.asked() {
		return nil
	}
	for i := range c.next.result.Policies {
		name := c.next.result.Policies[i].Name
		base, raises := strings.CutSuffix(name, compile.RaiseSuffix)
		if raises && c.next.snapshot.Policies[base] == nil && slices.Contains(c.next.snapshot.Changed.Policies, name) {
			return &compile.Error{Path: "/ifit/policies/policy[name=" + name + "]/config/name", Code: compile.Invalid,
				Reason: fmt.Sprintf("a raise needs the policy that it raises, and there is no policy %s", base)}
		}
	}
	return nil
}

// declined refuses a policy that this node does not admit. One that was there
// before admission changed stays configured and plays no role.
func (c *change) declined() error {
	if !c.asked() {
		return nil
	}
	var errs []error
	for i := range c.next.result.Policies {
		p := &c.next.result.Policies[i]
		if len(p.Declined) == 0 || !slices.Contains(c.next.snapshot.Changed.Policies, p.Name) {
			continue
		}
		for _, e := range p.Declined {
			errs = append(errs, e)
		}
	}
	return errors.Join(errs...)
}

// rerouted refuses marks that would send a packet another way than its flow.
func (c *change) rerouted() error {
	if !c.asked() || !hashesLabels() {
		return nil
	}
	for i := range c.next.result.Policies {
		p := &c.next.result.Policies[i]
		if p.LabelMark && slices.Contains(c.next.snapshot.Changed.Policies, p.Name) {
			return &compile.Error{Path: "/ifit/policies/policy[name=" + p.Name + "]/encapsulation/config/mark", Code: compile.Invalid,
				Reason: "this node chooses among equal paths by the flow label, so that marked packets could leave the path of their flow; " +
					"net.ipv6.fib_multipath_hash_policy 1 does not"}
		}
	}
	return nil
}
