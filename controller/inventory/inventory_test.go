package inventory_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/openconfig/ygot/ygot"

	"github.com/openifit/openifit/controller/correlate"
	"github.com/openifit/openifit/controller/inventory"
	"github.com/openifit/openifit/gen/yang"
)

var _ correlate.Topology = (*inventory.Snapshot)(nil)

func config() inventory.Config {
	return inventory.Config{
		Nodes: []inventory.NodeConfig{
			{"r1", "198.18.0.11:9339", inventory.Head},
			{"r2", "198.18.0.12:9339", inventory.Path},
			{"r3", "198.18.0.13:9339", inventory.End},
		},
		Links: []inventory.Link{{inventory.LinkEnd{"r1", "to-r2"}, inventory.LinkEnd{"r2", "to-r1"}}},
	}
}

func TestValidate(t *testing.T) {
	tests := []struct {
		name   string
		change func(*inventory.Config)
		want   string
	}{
		{"no name", func(c *inventory.Config) { c.Nodes[0].Name = "" }, "nodes[0].name"},
		{"two of a name", func(c *inventory.Config) { c.Nodes[1].Name = "r1" }, `"r1" occurs twice`},
		{"two of an address", func(c *inventory.Config) { c.Nodes[1].Address = c.Nodes[0].Address }, "also that of r1"},
		{"no port", func(c *inventory.Config) { c.Nodes[1].Address = "198.18.0.1" }, "nodes[1].address"},
		{"no role", func(c *inventory.Config) { c.Nodes[2].Role = "" }, "nodes[2].role"},
		{"link to nowhere", func(c *inventory.Config) { c.Links[0].A.Node = "r9" }, `links[0].a.node: there is no node "r9"`},
		{"link without interface", func(c *inventory.Config) { c.Links[0].B.Interface = "" }, "links[0].b.interface is missing"},
		{"interface in two links", func(c *inventory.Config) { c.Links = append(c.Links, c.Links[0]) }, "in another link already"},
		{"sound", func(*inventory.Config) {}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := config()
			tt.change(&c)
			err := c.Validate()
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}

func device(domain uint32, role yang.InterfaceRole) *yang.Device {
	d := &yang.Device{}
	ifit := d.GetOrCreateIfit()
	ifit.GetOrCreateDomain().GetOrCreateState().ObservationDomainId = ygot.Uint32(domain)
	for i, name := range []string{"to-r2", "to-h1"} {
		s := &yang.Interface_State{Ifindex: ygot.Uint32(uint32(2 + i)), OperStatus: yang.InterfaceOperStatus_UP}
		if i == 1 {
			s.Role = role
		}
		ifit.GetOrCreateInterfaces().Interface = merge(ifit.GetInterfaces().Interface, name, &yang.Interface{Name: ygot.String(name), State: s})
	}
	ifit.GetOrCreateState().AgentVersion = ygot.String("1")
	ifit.GetState().GetOrCreateCapabilities().Technique = []yang.TECHNIQUE{yang.TECHNIQUE_PBT_M, yang.TECHNIQUE_FLOW_METERING}
	return d
}

func merge[V any](m map[string]V, k string, v V) map[string]V {
	if m == nil {
		m = make(map[string]V)
	}
	m[k] = v
	return m
}

func policyState(name string, s *yang.Policy_State) *yang.Device {
	d := &yang.Device{}
	d.GetOrCreateIfit().GetOrCreatePolicies().Policy = map[string]*yang.Policy{name: {Name: ygot.String(name), State: s}}
	return d
}

func TestObserve(t *testing.T) {
	told := 0
	inv, err := inventory.New(config(), func(inventory.Node) { told++ })
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1000, 0)
	before := inv.Snapshot()
	inv.Observe("r9", device(9, 0), now)
	inv.Observe("r1", device(1, yang.InterfaceRole_UNSET), now)
	if told != 1 {
		t.Errorf("told %d changes", told)
	}
	inv.Observe("r1", device(1, yang.InterfaceRole_UNSET), now)
	if told != 1 {
		t.Error("told a change that was none")
	}
	s := inv.Snapshot()
	if before.NodeOfDomain(1) != "" || s.NodeOfDomain(1) != "r1" || s.InterfaceName("r1", 3) != "to-h1" || s.Peer("r1", 2) != "r2" {
		t.Errorf("snapshot %+v", s)
	}
	for _, c := range []struct {
		node        string
		index       uint32
		edge, known bool
	}{{"r1", 2, false, true}, {"r1", 3, true, true}, {"r1", 9, false, false}, {"r9", 1, false, false}} {
		if edge, known := s.Edge(c.node, c.index); edge != c.edge || known != c.known {
			t.Errorf("%s %d: edge %t, known %t", c.node, c.index, edge, known)
		}
	}
	inv.Observe("r1", device(1, yang.InterfaceRole_CORE), now)
	if edge, known := inv.Snapshot().Edge("r1", 3); edge || !known {
		t.Error("the configured role does not win over the missing link")
	}
	if n, _ := inv.Node("r1"); n.Techniques[0] != "FLOW_METERING" || n.AgentVersion != "1" || len(n.Interfaces) != 2 {
		t.Errorf("node %+v", n)
	}
}

func TestPolicies(t *testing.T) {
	inv, err := inventory.New(config(), func(inventory.Node) {})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1000, 0)
	inv.LearnPolicy("r1", 7, "claimed")
	if got := inv.Snapshot().PolicyName("r1", 7); got != "claimed" {
		t.Errorf("name %q", got)
	}
	inv.Observe("r1", policyState("paths", &yang.Policy_State{
		Id: ygot.Uint32(7), Generation: ygot.Uint32(3), OperStatus: yang.PolicyOperStatus_FAILED, LastError: ygot.String("no room"),
		PacketsObserved: ygot.Uint64(5), Role: []yang.NodeRole{yang.NodeRole_HEAD},
	}), now)
	if s := inv.Snapshot(); s.PolicyName("r1", 7) != "paths" || s.Generation("r1", "paths") != 3 {
		t.Error("what the node tells does not win over an options record")
	}
	inv.Observe("r1", policyState("paths", &yang.Policy_State{OperStatus: yang.PolicyOperStatus_ACTIVE}), now)
	n, _ := inv.Node("r1")
	if p := n.Policies["paths"]; p.OperStatus != "ACTIVE" || p.LastError != "" || p.ID != 7 || p.Observed != 5 || n.ActivePolicies() != 1 {
		t.Errorf("policy %+v", p)
	}
	inv.Observe("r1", device(1, 0), now.Add(time.Minute))
	if n, _ = inv.Node("r1"); len(n.Policies) != 0 {
		t.Errorf("a policy that the node no longer mentions is still there: %+v", n.Policies)
	}
	for i := range uint32(10_000) {
		inv.LearnPolicy("r2", i, "x")
	}
	if got := inv.Snapshot().PolicyName("r2", 9_999); got != "" {
		t.Error("options records fill the memory without bound")
	}
}

func TestSession(t *testing.T) {
	told := 0
	inv, err := inventory.New(config(), func(inventory.Node) { told++ })
	if err != nil {
		t.Fatal(err)
	}
	inv.SetSession("r1", inventory.Down, errors.New("no route"), time.Unix(1, 0))
	if n, _ := inv.Node("r1"); n.LastError != "no route" || told != 1 {
		t.Errorf("node %+v", n)
	}
	if !inv.SetSession("r1", inventory.Up, nil, time.Unix(2, 0)) || inv.SetSession("r1", inventory.Up, nil, time.Unix(3, 0)) {
		t.Error("changes are not told apart")
	}
	if n, _ := inv.Node("r1"); n.LastError != "" || n.Since != 2e9 {
		t.Errorf("node %+v", n)
	}
	if got := inv.Order(); len(got) != 3 || got[0][0] != "r3" || got[2][0] != "r1" {
		t.Errorf("order %v", got)
	}
}
