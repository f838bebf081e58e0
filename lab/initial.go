//go:build linux

package lab

import "github.com/openifit/openifit/lab/topology"

// markName is the domain's one mark.
const markName = "ifit"

// markValues maps the default class, the class selectors and EF to code points
// of pool 2, which no standard will ever use (RFC 2474 section 6).
func markValues() []object {
	var values []object
	for _, v := range []struct{ unmarked, marked int }{
		{0, 3}, {8, 11}, {16, 19}, {24, 27}, {32, 35}, {40, 43}, {46, 47}, {48, 51}, {56, 59},
	} {
		values = append(values, object{
			"unmarked": v.unmarked, "config": object{"unmarked": v.unmarked, "marked": v.marked},
		})
	}
	return values
}

// object is a node of a JSON_IETF tree (RFC 7951).
type object map[string]any

// initial is the value of /ifit that an agent starts with when it has no
// configuration of its own: who it is, and what its interfaces are. The
// management interface has no role and is never measured.
func (o Options) initial(a topology.Node) object {
	var interfaces []object
	for _, i := range o.Topology.Interfaces(a.Name) {
		interfaces = append(interfaces, object{
			"name": i.Name, "config": object{"name": i.Name, "role": string(i.Role)},
		})
	}
	return object{
		"openifit-agent:domain": object{
			"config": object{
				"name": o.Topology.Name, "node-name": a.Name,
				"observation-domain-id": a.ID, "enterprise-number": EnterpriseNumber,
			},
			"namespaces": object{"namespace": []object{
				{"id": 0, "config": object{"id": 0, "node-id": a.ID}},
			}},
			"marks": object{"mark": []object{{
				"name":   markName,
				"config": object{"name": markName, "field": "DSCP"},
				"values": object{"value": markValues()},
			}}},
		},
		"openifit-agent:interfaces": object{"interface": interfaces},
	}
}
