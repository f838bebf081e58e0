package policy

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/openifit/openifit/gen/yang"
)

// Op is a gNMI Set operation.
type Op string

// Operations of a Set.
const (
	Update  Op = "UPDATE"
	Replace Op = "REPLACE"
	Delete  Op = "DELETE"
)

// Change is one operation of a gNMI Set.
type Change struct {
	Op   Op     `json:"op"`
	Path string `json:"path"`
	// Value is JSON_IETF; empty for a delete.
	Value json.RawMessage `json:"value,omitempty"`
}

// Path is the gNMI path of a policy. Names need no escapes: the model's
// pattern has no bracket or slash.
func Path(name string) string { return "/ifit/policies/policy[name=" + name + "]" }

// Diff returns the smallest Set that turns one policy into another of the same
// name: leaf updates where only the rate or the flow list differs, because
// those reach the kernel without a reload. A nil policy is one that is not
// there.
func Diff(before, after *Policy) []Change {
	switch {
	case before == nil && after == nil:
		return nil
	case after == nil:
		return []Change{{Op: Delete, Path: Path(before.Name())}}
	case before == nil:
		return []Change{{Op: Replace, Path: Path(after.Name()), Value: after.JSON()}}
	case string(before.text) == string(after.text):
		return nil
	case !sameBut(before, after):
		return []Change{{Op: Replace, Path: Path(after.Name()), Value: after.JSON()}}
	}
	changes := flowChanges(before, after)
	if was, is := before.rate(), after.rate(); was != is {
		changes = append(changes, Change{
			Op:    Update,
			Path:  Path(after.Name()) + "/packet-selection/config/probability",
			Value: json.RawMessage(fmt.Sprintf("%q", formatShare(is))),
		})
	}
	return changes
}

// Shrinks tells whether a change takes flows away and does nothing else.
func Shrinks(before, after *Policy) bool {
	changes := Diff(before, after)
	for _, c := range changes {
		if c.Op != Delete {
			return false
		}
	}
	return after != nil && len(changes) > 0
}

// Touch returns the Set that renews a policy's lifetime and changes nothing.
func (p *Policy) Touch() []Change {
	return []Change{{
		Op:    Update,
		Path:  Path(p.Name()) + "/config/lifetime",
		Value: json.RawMessage(fmt.Sprint(p.tree.Config.GetLifetime())),
	}}
}

// rate is the probability of uniform sampling, 0 with another algorithm.
func (p *Policy) rate() float64 {
	s := p.tree.GetPacketSelection().GetConfig()
	if s.GetAlgorithm() != yang.SelectionAlgorithm_UNIFORM_PROBABILISTIC {
		return 0
	}
	return s.GetProbability()
}

// formatShare writes a decimal64 with nine fraction digits.
func formatShare(v float64) string {
	text := fmt.Sprintf("%.9f", v)
	for text[len(text)-1] == '0' && text[len(text)-2] != '.' {
		text = text[:len(text)-1]
	}
	return text
}

// sameBut tells whether two policies differ in nothing but the probability of
// uniform sampling and the flow list.
func sameBut(a, b *Policy) bool {
	if (a.rate() == 0) != (b.rate() == 0) || a.HasFlowList() != b.HasFlowList() {
		return false
	}
	x, errX := a.skeleton()
	y, errY := b.skeleton()
	return errX == nil && errY == nil && string(x.text) == string(y.text)
}

// skeleton is the policy without rate and flow list.
func (p *Policy) skeleton() (*Policy, error) {
	tree, err := p.clone()
	if err != nil {
		return nil, err
	}
	if p.rate() != 0 {
		one := 1.0
		tree.PacketSelection.Config.Probability = &one
	}
	if p.HasFlowList() {
		tree.FlowSelection.Flows = nil
	}
	return build(tree)
}

// flowChanges deletes first, so that a full list has room for what comes.
func flowChanges(before, after *Policy) []Change {
	was, is := before.flowEntries(), after.flowEntries()
	var changes []Change
	for _, id := range sortedKeys(was) {
		if string(is[id]) != string(was[id]) {
			if _, stays := is[id]; !stays {
				changes = append(changes, Change{Op: Delete, Path: flowPath(after.Name(), id)})
			}
		}
	}
	for _, id := range sortedKeys(is) {
		if string(is[id]) != string(was[id]) {
			changes = append(changes, Change{Op: Replace, Path: flowPath(after.Name(), id), Value: is[id]})
		}
	}
	return changes
}

func flowPath(name, id string) string {
	return Path(name) + "/flow-selection/flows/flow[id=" + id + "]"
}

func sortedKeys(m map[string]json.RawMessage) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// flowEntries returns the entries of the flow list by their ids.
func (p *Policy) flowEntries() map[string]json.RawMessage {
	var object struct {
		Selection struct {
			Flows struct {
				Flow []json.RawMessage `json:"flow"`
			} `json:"flows"`
		} `json:"flow-selection"`
	}
	entries := make(map[string]json.RawMessage)
	if err := json.Unmarshal(p.text, &object); err != nil {
		return entries
	}
	for _, entry := range object.Selection.Flows.Flow {
		var key struct {
			ID string `json:"id"`
		}
		if err := json.Unmarshal(entry, &key); err == nil {
			entries[key.ID] = entry
		}
	}
	return entries
}

// MarshalJSON writes the list entry.
func (p *Policy) MarshalJSON() ([]byte, error) { return p.text, nil }

// UnmarshalJSON reads a list entry.
func (p *Policy) UnmarshalJSON(text []byte) error {
	q, err := Parse(text)
	if err != nil {
		return err
	}
	*p = *q
	return nil
}
