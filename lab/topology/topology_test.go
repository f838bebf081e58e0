package topology

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// good is the smallest topology; the bad cases change one thing in it.
const good = `
name: tiny
nodes:
  - {name: a, kind: host}
  - {name: r1, kind: router, role: head}
  - {name: r2, kind: router, role: end}
links:
  - a: {node: a, addresses: [10.0.1.1/24]}
    b: {node: r1, addresses: [10.0.1.2/24]}
  - a: {node: r1, addresses: [10.0.2.1/24]}
    b: {node: r2, addresses: [10.0.2.2/24]}
`

func TestParseBad(t *testing.T) {
	for _, c := range []struct{ name, old, new, want string }{
		{"empty", good, "", "empty topology"},
		{"not yaml", good, "\t:", "not YAML"},
		{"two documents", "name: tiny", "name: tiny\n---\nname: x", "more than one"},
		{"unknown field", "role: head", "rule: head", "field rule not found"},
		{"no name", "name: tiny", "mtu: 1500", "name: is missing"},
		{"bad name", "name: tiny", "name: Ti/ny", `name: "Ti/ny"`},
		{"mtu", "name: tiny", "name: tiny\nmtu: 100", "mtu: want 1280"},
		{"no kind", "kind: host", "kind: switch", `nodes[0].kind: "switch"`},
		{"node name", "{name: a, kind", "{name: a/../b, kind", "nodes[0].name"},
		{"controller's name", "{name: a, kind", "{name: ctl, kind", "nodes[0].name"},
		{"host with role", "kind: host", "kind: host, role: head", "nodes[0].role: a host has none"},
		{"host with id", "kind: host", "kind: host, id: 3", "nodes[0].id"},
		{"role", "role: end", "role: tail", `nodes[2].role: "tail"`},
		{"id", "role: end", "role: end, id: 201", "nodes[2].id: want 1 to 200"},
		{"same id", "role: end", "role: end, id: 1", "nodes[2].id: 1 is the id of r1"},
		{"same name", "name: r2", "name: r1", `nodes[2].name: "r1" is used twice`},
		{"loopback", "role: end", "role: end, loopback: [127.0.0.1]", "nodes[2].loopback[0]"},
		{"loopback syntax", "role: end", "role: end, loopback: [10.0.0]", "nodes[2].loopback[0] (line 6)"},
		{"dangling node", "node: r2", "node: r9", `links[1].b.node: no node "r9"`},
		{"no link", "node: a,", "node: r2, interface: x,", "nodes[0]: a has no link"},
		{"interface too long", "node: a,", "node: a, interface: abcdefghijklmnop,", "links[0].a.interface"},
		{"interface with dot", "node: a,", "node: a, interface: eth0.1,", "links[0].a.interface"},
		{"reserved interface", "node: a,", "node: a, interface: mgmt,", `"mgmt" is reserved`},
		{"interface twice", "{node: r1, addresses: [10.0.2.1/24]}", "{node: r1, interface: to-a, addresses: [10.0.2.1/24]}", "used twice on r1"},
		{"no length", "10.0.1.1/24", "10.0.1.1", "links[0].a.addresses[0] (line 8)"},
		{"no address", "[10.0.1.1/24]", "[]", "links[0].a.addresses: are missing"},
		{"multicast", "10.0.1.1/24", "224.0.0.1/24", "no unicast address"},
		{"address twice", "10.0.1.1/24", "10.0.1.2/24", "10.0.1.2 is an address of"},
		{"other subnet", "10.0.1.1/24", "10.0.9.1/24", "has no counterpart"},
		{"overlap", "[10.0.2.1/24]}\n    b: {node: r2, addresses: [10.0.2.2/24]", "[10.0.1.9/28]}\n    b: {node: r2, addresses: [10.0.1.10/28]", "overlaps"},
		{"to itself", "b: {node: r2,", "b: {node: r1, interface: x,", "connects r1 to itself"},
		{"route node", "links:", "routes: [{node: x, prefix: 10.9.0.0/16, via: [10.0.2.2]}]\nlinks:", "routes[0].node"},
		{"route bits", "links:", "routes: [{node: r1, prefix: 10.9.0.1/16, via: [10.0.2.2]}]\nlinks:", "routes[0].prefix"},
		{"route via", "links:", "routes: [{node: r1, prefix: 10.9.0.0/16, via: [10.0.2.9]}]\nlinks:", "no neighbour of r1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if !strings.Contains(good, c.old) {
				t.Fatalf("the case changes %q, which is not there", c.old)
			}
			_, err := Parse([]byte(strings.Replace(good, c.old, c.new, 1)))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
	if _, err := Parse([]byte(good)); err != nil {
		t.Errorf("the unchanged topology: %v", err)
	}
}

func TestLine5Paths(t *testing.T) {
	top := Line5()
	if n := len(top.Agents()); n != 6 {
		t.Errorf("%d agents, want 6", n)
	}
	line := []string{"h1", "r1", "r2", "r3", "r4", "r5", "h2"}
	detour := []string{"h1", "r1", "r2", "r6", "r4", "r5", "h2"}
	for _, c := range []struct {
		avoid []string
		want  []string
	}{{nil, line}, {[]string{"r3"}, detour}} {
		for _, v4 := range []bool{true, false} {
			there, err := top.PathOf("h1", "h2", v4, c.avoid...)
			if err != nil || !slices.Equal(there, c.want) {
				t.Errorf("v4 %v, avoiding %v: path %v, %v", v4, c.avoid, there, err)
			}
			back, err := top.PathOf("h2", "h1", v4, c.avoid...)
			slices.Reverse(back)
			if err != nil || !slices.Equal(back, c.want) {
				t.Errorf("v4 %v, avoiding %v: path back %v, %v", v4, c.avoid, back, err)
			}
		}
	}
	// A node that forwards nothing is still reached itself.
	if p, err := top.PathOf("h1", "r3", true, "r3"); err != nil || len(p) != 4 {
		t.Errorf("path to the avoided node: %v, %v", p, err)
	}
	if _, err := top.PathOf("h1", "h2", true, "r2"); err == nil {
		t.Error("a path around r2 was found, where there is none")
	}
}

func TestDetourTouchesOnlyItsNodes(t *testing.T) {
	top := Line5()
	for _, n := range top.Nodes {
		before, after := top.RoutesOf(n.Name), top.RoutesOf(n.Name, "r3")
		same := slices.EqualFunc(before, after, func(a, b Route) bool {
			return a.Prefix == b.Prefix && slices.Equal(a.Hops, b.Hops)
		})
		moved := n.Name == "r2" || n.Name == "r4" || n.Name == "r6" || n.Name == "r3"
		if !same && !moved {
			t.Errorf("routes of %s changed", n.Name)
		}
		if same && (n.Name == "r2" || n.Name == "r4") {
			t.Errorf("routes of %s did not change", n.Name)
		}
	}
}

func TestLine5Interfaces(t *testing.T) {
	top := Line5()
	got := map[string]InterfaceRole{}
	for _, i := range top.Interfaces("r1") {
		got[i.Name] = i.Role
	}
	if len(got) != 2 || got["to-h1"] != Edge || got["to-r2"] != Core {
		t.Errorf("interfaces of r1: %v", got)
	}
	if _, err := top.Interface("r1", "to-r3"); err == nil || !strings.Contains(err.Error(), "to-r3") {
		t.Errorf("interface that is not there: %v", err)
	}
}

func TestEqualCostAndStaticRoutes(t *testing.T) {
	const square = `
name: square
ecmp: true
nodes:
  - {name: a, kind: host}
  - {name: r1, kind: router, role: head}
  - {name: r2, kind: router}
  - {name: r3, kind: router}
  - {name: r4, kind: router, role: end, loopback: [10.9.9.9]}
links:
  - {a: {node: a, addresses: [10.0.1.1/24]}, b: {node: r1, addresses: [10.0.1.2/24]}}
  - {a: {node: r1, addresses: [10.0.12.1/24]}, b: {node: r2, addresses: [10.0.12.2/24]}}
  - {a: {node: r1, addresses: [10.0.13.1/24]}, b: {node: r3, addresses: [10.0.13.3/24]}}
  - {a: {node: r2, addresses: [10.0.24.2/24]}, b: {node: r4, addresses: [10.0.24.4/24]}}
  - {a: {node: r3, addresses: [10.0.34.3/24]}, b: {node: r4, addresses: [10.0.34.4/24]}}
routes:
  - {node: r4, prefix: 10.0.1.0/24, via: [10.0.34.3]}
`
	top, err := Parse([]byte(square))
	if err != nil {
		t.Fatal(err)
	}
	find := func(node, prefix string) Route {
		for _, r := range top.RoutesOf(node) {
			if r.Prefix == netip.MustParsePrefix(prefix) {
				return r
			}
		}
		return Route{}
	}
	if r := find("r1", "10.9.9.9/32"); len(r.Hops) != 2 {
		t.Errorf("r1 to r4: %v, want two next hops", r.Hops)
	}
	if r := find("r4", "10.0.1.0/24"); len(r.Hops) != 1 || r.Hops[0].Interface != "to-r3" {
		t.Errorf("r4 to a: %v, want the static route by r3", r.Hops)
	}
	// A neighbour's subnet is one hop away, not behind the neighbour.
	if r := find("r1", "10.0.24.0/24"); len(r.Hops) != 1 || r.Hops[0].Interface != "to-r2" {
		t.Errorf("r1 to the subnet of r2 and r4: %v", r.Hops)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(good))
	f.Add(line5)
	f.Fuzz(func(t *testing.T, data []byte) {
		top, err := Parse(data)
		if err != nil {
			return
		}
		for _, n := range top.Nodes {
			top.RoutesOf(n.Name)
		}
	})
}
