//go:build linux

package lab

import "github.com/openifit/openifit/lab/topology"

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
		},
		"openifit-agent:interfaces": object{"interface": interfaces},
	}
}
