package policy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"

	"github.com/openconfig/goyang/pkg/yang"

	generated "github.com/openifit/openifit/gen/yang"
)

// schemaName is the name of the list entry in the generated schema.
const schemaName = "OpenifitAgent_Ifit_Policies_Policy"

// Equivalent tells whether two policies mean the same: a node gives back the
// effective configuration, in which the model's defaults are written out.
func (p *Policy) Equivalent(q *Policy) bool {
	if p == nil || q == nil {
		return p == q
	}
	if string(p.text) == string(q.text) {
		return true
	}
	a, errA := p.effective()
	b, errB := q.effective()
	return errA == nil && errB == nil && maps.Equal(a, b)
}

// effective returns every leaf by its path, defaults included.
func (p *Policy) effective() (map[string]string, error) {
	decoder := json.NewDecoder(bytes.NewReader(p.text))
	decoder.UseNumber()
	var object map[string]any
	if err := decoder.Decode(&object); err != nil {
		return nil, fmt.Errorf("policy %s: %w", p.Name(), err)
	}
	leaves := make(map[string]string)
	collect(generated.SchemaTree[schemaName], object, "", leaves)
	return leaves, nil
}

func collect(schema *yang.Entry, object map[string]any, path string, leaves map[string]string) {
	for name, entry := range schema.Dir {
		at := path + "/" + name
		value, present := object[name]
		switch {
		case entry.ReadOnly():
		case entry.IsLeaf() && present:
			leaves[at] = fmt.Sprint(value)
		case entry.IsLeaf():
			if d, ok := entry.SingleDefaultValue(); ok {
				leaves[at] = d
			}
		case entry.IsLeafList():
			if present {
				leaves[at] = fmt.Sprint(value)
			}
		case entry.IsList():
			list, _ := value.([]any)
			for _, element := range list {
				inner, _ := element.(map[string]any)
				collect(entry, inner, at+"["+fmt.Sprint(inner[entry.Key])+"]", leaves)
			}
		case entry.IsContainer():
			inner, _ := value.(map[string]any)
			collect(entry, inner, at, leaves)
		}
	}
}
