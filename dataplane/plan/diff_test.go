package plan

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/openifit/openifit/dataplane/flow"
)

func listed(port uint16) flow.ID {
	return flow.ID{
		Source: netip.MustParseAddr("10.0.0.1"), Destination: netip.MustParseAddr("10.0.0.2"),
		SourcePort: port, DestinationPort: 80, Protocol: 6,
	}
}

// example has one point with a policy of each kind of flow selection.
func example() Plan {
	return Plan{MaxFlows: 1024, Points: []Point{{
		ID: PointID{Ifindex: 3, Direction: flow.Ingress}, Interface: "eth0",
		Policies: []Policy{
			{PolicyRef: flow.PolicyRef{ID: 1, Generation: 1}, Name: "all", Actions: ActMeter, Keys: Key5Tuple},
			{
				PolicyRef: flow.PolicyRef{ID: 2, Generation: 1}, Name: "sampled", Actions: ActMeter,
				Rules:  []Rule{{Sequence: 10, Protocol: 6, DSCP: -1, FlowLabel: -1, SourcePort: AnyPort, DestinationPort: AnyPort}},
				Select: Selection{Algorithm: SelectUniform, Threshold: 1 << 20},
			},
			{PolicyRef: flow.PolicyRef{ID: 3, Generation: 1}, Name: "list", FlowList: true, Flows: []flow.ID{listed(1)}},
		},
	}}}
}

// summary is what a test says of a delta.
type summary struct {
	Add, Remove []PointID
	Reload      bool
	Rates       []uint32
	Lists       bool
	Relabel     bool
	Node        bool
}

func summarise(d Delta) summary {
	s := summary{Node: d.Node}
	for _, p := range d.Add {
		s.Add = append(s.Add, p.ID)
	}
	for _, p := range d.Remove {
		s.Remove = append(s.Remove, p.ID)
	}
	for _, c := range d.Change {
		s.Reload = s.Reload || c.Reload
		s.Lists = s.Lists || c.Lists
		s.Relabel = s.Relabel || c.Relabel
		for _, p := range c.Rates {
			s.Rates = append(s.Rates, p.ID)
		}
	}
	return s
}

func TestDiff(t *testing.T) {
	ingress, egress := PointID{Ifindex: 3, Direction: flow.Ingress}, PointID{Ifindex: 3, Direction: flow.Egress}
	tests := []struct {
		name   string
		change func(*Plan)
		want   summary
	}{
		{"nothing", func(*Plan) {}, summary{}},
		{"a point more", func(p *Plan) { p.Points = append(p.Points, Point{ID: egress}) }, summary{Add: []PointID{egress}}},
		{"a point less", func(p *Plan) { p.Points = nil }, summary{Remove: []PointID{ingress}}},
		{"another point", func(p *Plan) { p.Points[0].ID = egress }, summary{Add: []PointID{egress}, Remove: []PointID{ingress}}},
		{"a lower point before", func(p *Plan) {
			p.Points = append([]Point{{ID: PointID{Ifindex: 2, Direction: flow.Egress}}}, p.Points...)
		}, summary{Add: []PointID{{Ifindex: 2, Direction: flow.Egress}}}},
		{"stamping", func(p *Plan) { p.Points[0].Stamp = true }, summary{Reload: true}},
		{"a rule", func(p *Plan) { p.Points[0].Policies[1].Rules[0].Protocol = 17 }, summary{Reload: true}},
		{"keys", func(p *Plan) { p.Points[0].Policies[0].Keys |= KeyDSCP }, summary{Reload: true}},
		{"algorithm", func(p *Plan) { p.Points[0].Policies[0].Select.Algorithm = SelectUniform }, summary{Reload: true}},
		{"a policy less", func(p *Plan) { p.Points[0].Policies = p.Points[0].Policies[1:] }, summary{Reload: true}},
		{"rate and generation", func(p *Plan) {
			p.Points[0].Policies[1].Select.Threshold = 7
			p.Points[0].Policies[1].Generation = 2
		}, summary{Rates: []uint32{2}}},
		{"generation of a policy that takes all", func(p *Plan) { p.Points[0].Policies[0].Generation = 2 },
			summary{Rates: []uint32{1}, Relabel: true}},
		{"flows", func(p *Plan) { p.Points[0].Policies[2].Flows = []flow.ID{listed(2)} }, summary{Lists: true, Relabel: true}},
		{"flows and generation", func(p *Plan) {
			p.Points[0].Policies[2].Flows = nil
			p.Points[0].Policies[2].Generation = 5
		}, summary{Lists: true, Relabel: true, Rates: []uint32{3}}},
		{"table size", func(p *Plan) { p.MaxFlows = 2048 }, summary{Node: true}},
	}
	for _, tt := range tests {
		want := example()
		tt.change(&want)
		d := Diff(example(), want)
		if diff := cmp.Diff(tt.want, summarise(d)); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
		if d.Empty() != cmp.Equal(tt.want, summary{}) {
			t.Errorf("%s: empty is %v", tt.name, d.Empty())
		}
	}
}
