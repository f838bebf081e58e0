package compile

import (
	"fmt"
	"maps"
	"slices"

	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/gen/yang"
)

// maxPostcards per second bounds what a node emits for marked packets, so
// that nobody can make it export by marking packets of his own.
const maxPostcards = 200_000

// node converts what belongs to no policy, and refuses what is not built of it.
func (p *problems) node(in *Input, r *Result) {
	tree := in.Tree
	p.refuseOthers("/ifit/domain", tree.GetDomain(), paths([]string{
		"config/name", "config/node-name", "config/observation-domain-id", "config/enterprise-number",
		"namespaces/namespace/config/id", "namespaces/namespace/config/node-id",
		"marks/mark/config/name", "marks/mark/config/field",
		"marks/mark/values/value/config/unmarked", "marks/mark/values/value/config/marked",
	}))
	p.refuseOthers("/ifit/limits", tree.GetLimits(), paths([]string{
		"config/max-policies", "config/max-flows-per-point", "config/max-events",
		"config/max-export-octets-per-second", "config/max-selected-packets-per-second",
		"config/max-cpu-percent", "config/max-map-bytes", "config/max-memory-bytes",
	}))
	domain := tree.GetDomain().GetConfig()
	r.Domain = Domain{
		NodeName:          domain.GetNodeName(),
		ObservationDomain: domain.GetObservationDomainId(),
		EnterpriseNumber:  domain.GetEnterpriseNumber(),
		NodeID:            p.nodeID(tree.GetDomain().GetNamespaces(), domain.GetObservationDomainId()),
	}
	p.limits(in, r)
	r.Plan.MaxFlows = tree.GetLimits().GetConfig().GetMaxFlowsPerPoint()
	r.Plan.MaxPostcards = maxPostcards
}

// nodeID is how records name this node: by its number in the default
// namespace (RFC 9197 section 4.3), else by its Observation Domain. Other
// namespaces have no user before IOAM.
func (p *problems) nodeID(in *yang.Domain_Namespaces, otherwise uint32) uint32 {
	if in == nil {
		return otherwise
	}
	for _, id := range slices.Sorted(maps.Keys(in.Namespace)) {
		if id != 0 {
			p.add(NotBuilt, fmt.Sprintf("/ifit/domain/namespaces/namespace[id=%d]", id), "namespaces other than 0 are %s", notBuilt)
		}
	}
	if c := in.Namespace[0].GetConfig(); c != nil && c.NodeId != nil {
		return *c.NodeId
	}
	return otherwise
}

// iface is an interface of the tree that the kernel has.
type iface struct {
	name    string
	index   uint32
	role    yang.InterfaceRole
	foreign plan.ForeignMark
}

// inDomain: marks and headers pass there.
func inDomain(role yang.InterfaceRole) bool {
	return role == yang.InterfaceRole_EDGE || role == yang.InterfaceRole_CORE
}

func (i *iface) inDomain() bool { return inDomain(i.role) }

// interfaces lists the configured interfaces that exist, sorted by name.
func (p *problems) interfaces(in *yang.Interfaces, links map[string]uint32) []iface {
	if in == nil {
		return nil
	}
	var out []iface
	for _, name := range slices.Sorted(maps.Keys(in.Interface)) {
		path := "/ifit/interfaces/interface[name=" + name + "]"
		p.refuseOthers(path, in.Interface[name], paths([]string{
			"config/name", "config/role", "config/foreign-mark-action",
		}))
		c := in.Interface[name].GetConfig()
		i := iface{name: name, role: c.GetRole()}
		switch c.GetForeignMarkAction() {
		case yang.ForeignMarkAction_DROP:
			i.foreign = plan.ForeignDrop
		case yang.ForeignMarkAction_PASS:
			i.foreign = plan.ForeignPass
		}
		if index, ok := links[name]; ok {
			i.index = index
			out = append(out, i)
		}
	}
	return out
}
