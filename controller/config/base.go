package config

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/openifit/openifit/controller/policy"
)

// object is a node of a JSON_IETF tree (RFC 7951).
type object map[string]any

// Base returns the changes that every node gets before any policy: what
// policies refer to.
func (c Config) Base() ([]policy.Change, error) {
	trees := []struct {
		path  string
		value object
	}{
		{"/ifit/domain/config", object{"enterprise-number": c.EnterpriseNumber}},
		{"/ifit/collectors/collector[name=" + c.Collector.Name + "]", object{
			"name": c.Collector.Name,
			"config": object{
				"name": c.Collector.Name, "address": c.Collector.Address.String(), "port": c.Collector.Port, "transport": "UDP",
			},
		}},
	}
	for _, m := range c.Marks {
		var values []object
		for _, unmarked := range slices.Sorted(maps.Keys(m.Values)) {
			values = append(values, object{
				"unmarked": unmarked, "config": object{"unmarked": unmarked, "marked": m.Values[unmarked]},
			})
		}
		trees = append(trees, struct {
			path  string
			value object
		}{"/ifit/domain/marks/mark[name=" + m.Name + "]", object{
			"name": m.Name, "config": object{"name": m.Name, "field": m.Field}, "values": object{"value": values},
		}})
	}
	var changes []policy.Change
	for _, t := range trees {
		text, err := json.Marshal(t.value)
		if err != nil {
			return nil, fmt.Errorf("configuration of %s: %w", t.path, err)
		}
		changes = append(changes, policy.Change{Op: policy.Update, Path: t.path, Value: text})
	}
	return changes, nil
}
