// Package policy is a policy of the domain: one entry of the YANG list
// /ifit/policies/policy, checked against the model.
package policy

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/openconfig/ygot/ygot"
	"github.com/openconfig/ygot/ytypes"

	"github.com/openifit/openifit/gen/yang"
)

// Operator owns the policies that name no owner.
const Operator = "operator"

// RaiseSuffix ends the name of a raise: the policy that a loop puts beside
// another one to measure more for a while.
const RaiseSuffix = ".raise"

// Policy is one policy. It is immutable: what changes it returns another one.
type Policy struct {
	tree *yang.Policy
	text json.RawMessage
}

// Parse reads a list entry in JSON (RFC 7951), as an object by itself or
// wrapped in its list. The error names the leaf and the reason.
func Parse(text []byte) (*Policy, error) {
	entry, err := unwrap(text)
	if err != nil {
		return nil, err
	}
	tree := &yang.Policy{}
	if err := yang.Unmarshal(entry, tree); err != nil {
		return nil, fmt.Errorf("policy does not follow the model: %w", err)
	}
	if tree.State != nil {
		return nil, errors.New("policy: state is not configuration")
	}
	if err := ygot.PruneConfigFalse(yang.SchemaTree[schemaName], tree); err != nil {
		return nil, fmt.Errorf("policy: leave state out: %w", err)
	}
	if err := name(tree); err != nil {
		return nil, err
	}
	return build(tree)
}

// unwrap takes the list off that surrounds an entry.
func unwrap(text []byte) ([]byte, error) {
	var list struct {
		Prefixed []json.RawMessage `json:"openifit-agent:policy"`
		Plain    []json.RawMessage `json:"policy"`
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(text, &object); err != nil {
		return nil, fmt.Errorf("policy is no JSON object: %w", err)
	}
	_, prefixed := object["openifit-agent:policy"]
	_, plain := object["policy"]
	if !prefixed && !plain {
		return text, nil
	}
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, fmt.Errorf("list of policies: %w", err)
	}
	entries := append(list.Prefixed, list.Plain...)
	if len(entries) != 1 {
		return nil, fmt.Errorf("list of policies has %d entries, want one", len(entries))
	}
	return entries[0], nil
}

// name makes the key and config/name agree, each standing in for the other.
func name(tree *yang.Policy) error {
	if tree.Config == nil {
		return errors.New("policy has no config")
	}
	key, inner := tree.GetName(), tree.Config.GetName()
	switch {
	case key == "" && inner == "":
		return errors.New("policy has no name")
	case key == "":
		key = inner
	case inner == "":
		inner = key
	}
	if key != inner {
		return fmt.Errorf("policy: name is %q and config/name is %q", key, inner)
	}
	tree.Name, tree.Config.Name = ygot.String(key), ygot.String(key)
	return nil
}

// build checks the tree and freezes it.
func build(tree *yang.Policy) (*Policy, error) {
	if tree.Config.Owner == nil {
		tree.Config.Owner = ygot.String(Operator)
	}
	who := "policy " + tree.GetName()
	if tree.Config.Technique == yang.TECHNIQUE_UNSET {
		return nil, fmt.Errorf("%s: config/technique is missing", who)
	}
	if err := validate(tree); err != nil {
		return nil, fmt.Errorf("%s: %w", who, err)
	}
	values, err := ygot.ConstructIETFJSON(tree, &ygot.RFC7951JSONConfig{})
	if err != nil {
		return nil, fmt.Errorf("%s: write as JSON: %w", who, err)
	}
	// Maps are marshalled in the order of their keys, so that equal policies
	// have equal text.
	text, err := json.Marshal(values)
	if err != nil {
		return nil, fmt.Errorf("%s: write as JSON: %w", who, err)
	}
	return &Policy{tree: tree, text: text}, nil
}

// validate checks types, ranges and patterns. References to interfaces,
// collectors and marks are each node's to check: they are configured there.
func validate(tree *yang.Policy) error {
	schema, ok := yang.SchemaTree[schemaName]
	if !ok {
		return errors.New("the model has no policies")
	}
	if errs := ytypes.Validate(schema, tree); len(errs) > 0 {
		return errors.Join(errs...)
	}
	return nil
}

// JSON is the list entry in JSON (RFC 7951); equal policies have equal text.
func (p *Policy) JSON() json.RawMessage { return p.text }

// Name is the key of the list.
func (p *Policy) Name() string { return p.tree.GetName() }

// Owner is who created the policy.
func (p *Policy) Owner() string { return p.tree.Config.GetOwner() }

// Technique is the name of the technique's identity, such as "PBT_M".
func (p *Policy) Technique() string { return p.tree.Config.Technique.String() }

// Enabled tells whether the policy measures.
func (p *Policy) Enabled() bool { return p.tree.Config.Enabled == nil || *p.tree.Config.Enabled }

// Lifetime is how long the policy lasts after a Set that names it; 0 is for
// ever.
func (p *Policy) Lifetime() time.Duration {
	return time.Duration(p.tree.Config.GetLifetime()) * time.Second
}

// OnPath tells whether the technique changes packets, so that a node without
// the policy would let changed packets pass.
func (p *Policy) OnPath() bool {
	switch p.tree.Config.Technique {
	case yang.TECHNIQUE_FLOW_METERING, yang.TECHNIQUE_FLOW_SKETCH, yang.TECHNIQUE_EVENT_MONITOR, yang.TECHNIQUE_CUSTOM_PROBE:
		return false
	}
	return true
}

// Probability is the share of packets that packet selection takes; ok is false
// when the algorithm has no such share.
func (p *Policy) Probability() (share float64, ok bool) {
	s := p.tree.GetPacketSelection().GetConfig()
	switch s.GetAlgorithm() {
	case yang.SelectionAlgorithm_UNSET, yang.SelectionAlgorithm_ALL:
		return 1, true
	case yang.SelectionAlgorithm_UNIFORM_PROBABILISTIC:
		return s.GetProbability(), true
	case yang.SelectionAlgorithm_SYSTEMATIC_COUNT:
		return float64(s.GetInterval()) / float64(s.GetInterval()+s.GetSpace()), true
	case yang.SelectionAlgorithm_RANDOM_N_OUT_OF_N:
		return float64(s.GetSize()) / float64(s.GetPopulation()), true
	}
	return 0, false
}

// clone copies the tree for a change.
func (p *Policy) clone() (*yang.Policy, error) {
	c, err := ygot.DeepCopy(p.tree)
	if err != nil {
		return nil, fmt.Errorf("policy %s: copy: %w", p.Name(), err)
	}
	return c.(*yang.Policy), nil
}

// FromTree takes a policy out of a node's tree; its state is left out.
func FromTree(tree *yang.Policy) (*Policy, error) {
	c, err := ygot.DeepCopy(tree)
	if err != nil {
		return nil, fmt.Errorf("policy %s: copy: %w", tree.GetName(), err)
	}
	own := c.(*yang.Policy)
	if err := ygot.PruneConfigFalse(yang.SchemaTree[schemaName], own); err != nil {
		return nil, fmt.Errorf("policy %s: leave state out: %w", tree.GetName(), err)
	}
	own.State = nil
	if err := name(own); err != nil {
		return nil, err
	}
	return build(own)
}
