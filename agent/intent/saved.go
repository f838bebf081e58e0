package intent

import (
	"encoding/json"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"

	"github.com/openifit/openifit/agent/intent/schema"
	"github.com/openifit/openifit/gen/yang"
)

// savedPolicy is the content of a policy's file: the policy as it was given,
// without defaults, and what the node added.
type savedPolicy struct {
	ID         uint32          `json:"id"`
	Generation uint32          `json:"generation"`
	ExpiresAt  *time.Time      `json:"expires-at,omitempty"`
	Policy     json.RawMessage `json:"policy"`
}

func policyFile(name string) string { return policyDir + "/" + name + ".json" }

func probeFile(name string) string { return probeDir + "/" + name + ".json" }

// files returns the changes of the saved configuration that bring it from one
// version to the next, given the units that differ.
func (s *Store) files(next *version, touched []schema.Path) ([]fileChange, error) {
	var changes []fileChange
	node := false
	for _, unit := range touched {
		if unit.Node == s.probeList {
			change := fileChange{Name: probeFile(unit.Keys[0])}
			if s.schema.Configured(next.given, unit) {
				change.Content = s.json(next.given, unit)
			}
			changes = append(changes, change)
			continue
		}
		if unit.Node != s.policyList {
			node = true
			continue
		}
		name := unit.Keys[0]
		p := next.snapshot.Policies[name]
		if p == nil {
			changes = append(changes, fileChange{Name: policyFile(name)})
			continue
		}
		saved := savedPolicy{ID: p.ID, Generation: p.Generation, Policy: s.json(next.given, unit)}
		if !p.ExpiresAt.IsZero() {
			saved.ExpiresAt = &p.ExpiresAt
		}
		text, err := json.Marshal(saved)
		if err != nil {
			return nil, err
		}
		changes = append(changes, fileChange{policyFile(name), text})
	}
	if node {
		rest := *next.given
		rest.Policies, rest.Probes = nil, nil
		changes = append(changes, fileChange{nodeFile, s.json(&rest, schema.Path{Node: s.schema.Ifit})})
	}
	return changes, nil
}

// json returns what is configured at a path.
func (s *Store) json(given *yang.Ifit, p schema.Path) []byte {
	pattern := schema.Pattern{Node: p.Node}
	for _, k := range p.Keys {
		pattern.Keys = append(pattern.Keys, schema.Key{Value: k})
	}
	for _, l := range s.schema.Find(pattern, schema.View{Layers: []*yang.Ifit{given}}) {
		text, _ := l.AppendJSON(nil, schema.Config, true)
		return text
	}
	return []byte("{}")
}

func jsonValue(text []byte) *gpb.TypedValue {
	return &gpb.TypedValue{Value: &gpb.TypedValue_JsonIetfVal{JsonIetfVal: text}}
}
