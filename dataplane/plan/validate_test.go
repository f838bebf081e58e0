package plan

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/openifit/openifit/dataplane/flow"
)

func TestValidate(t *testing.T) {
	rule := func(r Rule) func(*Plan) {
		return func(p *Plan) { p.Points[0].Policies[1].Rules = []Rule{r} }
	}
	anyRule := Rule{Sequence: 1, Protocol: -1, DSCP: -1, FlowLabel: -1, SourcePort: AnyPort, DestinationPort: AnyPort}
	with := func(change func(*Rule)) func(*Plan) {
		r := anyRule
		change(&r)
		return rule(r)
	}
	tests := []struct {
		name   string
		change func(*Plan)
		err    string // empty for a plan that is good
	}{
		{"no table", func(p *Plan) { p.MaxFlows = 0 }, "flow table of 0 places"},
		{"table too big", func(p *Plan) { p.MaxFlows = MaxTableFlows + 1 }, "places"},
		{"point twice", func(p *Plan) { p.Points = append(p.Points, p.Points[0]) }, "listed twice or out of order"},
		{"no interface", func(p *Plan) { p.Points[0].ID.Ifindex = 0 }, "no interface"},
		{"direction", func(p *Plan) { p.Points[0].ID.Direction = 2 }, "direction 2"},
		{"too many policies", func(p *Plan) { p.Points[0].Policies = make([]Policy, 65) }, "65 policies"},
		{"number 0", func(p *Plan) { p.Points[0].Policies[0].ID = 0 }, `"all": number 0`},
		{"number twice", func(p *Plan) { p.Points[0].Policies[1].ID = 1 }, "used twice"},
		{"rules and flows", func(p *Plan) { p.Points[0].Policies[1].Flows = []flow.ID{listed(1)} }, "by rules and by a list"},
		{"rules of a list", func(p *Plan) { p.Points[0].Policies[2].Rules = []Rule{anyRule} }, "by rules and by a list"},
		{"sequence twice", func(p *Plan) { p.Points[0].Policies[1].Rules = []Rule{anyRule, anyRule} }, "rule 1: sequence"},
		{"family 5", with(func(r *Rule) { r.Family = 5 }), "contradict"},
		{"families of prefixes", with(func(r *Rule) {
			r.Source, r.Destination = netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")
		}), "contradict"},
		{"family and prefix", with(func(r *Rule) { r.Family, r.Source = 6, netip.MustParsePrefix("10.0.0.0/8") }), "contradict"},
		{"mapped prefix", with(func(r *Rule) { r.Source = netip.MustParsePrefix("::ffff:10.0.0.0/104") }), "matches no packet"},
		{"protocol", with(func(r *Rule) { r.Protocol = 256 }), "protocol 256"},
		{"DSCP", with(func(r *Rule) { r.DSCP = 64 }), "DSCP 64"},
		{"flow label", with(func(r *Rule) { r.FlowLabel = 1 << 20 }), "flow label"},
		{"source ports", with(func(r *Rule) { r.SourcePort = PortRange{5, 4} }), "source ports 5..4"},
		{"destination ports", with(func(r *Rule) { r.DestinationPort = PortRange{5, 4} }), "destination ports 5..4"},
		{"listed families", func(p *Plan) {
			p.Points[0].Policies[2].Flows = []flow.ID{{Source: netip.MustParseAddr("10.0.0.1"), Destination: netip.MustParseAddr("fd00::1")}}
		}, "one family"},
		{"bits of IPv4", func(p *Plan) { p.Points[0].Policies[0].SourceBits.IPv4 = 33 }, "33 bits of IPv4"},
		{"bits of IPv6", func(p *Plan) { p.Points[0].Policies[0].DestinationBits.IPv6 = 129 }, "129 bits of IPv6"},
		{"per flow between prefixes", func(p *Plan) {
			p.Points[0].Policies[1].SourceBits.IPv4 = 24
			p.Points[0].Policies[1].Select.PerFlow = true
		}, "prefixes are not sampled"},
		{"listed twice", func(p *Plan) { p.Points[0].Policies[2].Flows = []flow.ID{listed(1), listed(1)} }, "listed twice or out of order"},
		{"listed out of order", func(p *Plan) { p.Points[0].Policies[2].Flows = []flow.ID{listed(2), listed(1)} }, "listed twice or out of order"},
		{"listed without addresses", func(p *Plan) { p.Points[0].Policies[2].Flows = []flow.ID{{}} }, "one family"},
		{"interval 0", func(p *Plan) { p.Points[0].Policies[0].Select.Algorithm = SelectSystematicCount }, "selects nothing"},
		{"algorithm", func(p *Plan) { p.Points[0].Policies[0].Select.Algorithm = 9 }, "unknown algorithm 9"},
		{"too many rules", func(p *Plan) {
			var rules []Rule
			for i := range MaxRules + 1 {
				r := anyRule
				r.Sequence = uint32(i)
				rules = append(rules, r)
			}
			p.Points[0].Policies[1].Rules = rules
		}, "1025 rules"},
		{"too many flows", func(p *Plan) {
			p.Points[0].Policies[2].Flows = make([]flow.ID, MaxListedFlows+1)
			for i := range p.Points[0].Policies[2].Flows {
				p.Points[0].Policies[2].Flows[i] = listed(uint16(i))
				p.Points[0].Policies[2].Flows[i].Source = netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
			}
		}, "listed flows"},
		{"good", func(*Plan) {}, ""},
		{"good rule", rule(anyRule), ""},
		{"no points", func(p *Plan) { p.Points = nil }, ""},
	}
	for _, tt := range tests {
		p := example()
		tt.change(&p)
		err := p.Validate()
		switch {
		case tt.err == "" && err != nil:
			t.Errorf("%s: %v", tt.name, err)
		case tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)):
			t.Errorf("%s: got error %v, want one with %q", tt.name, err, tt.err)
		}
	}
}

func TestReadFields(t *testing.T) {
	rule := Rule{Protocol: -1, DSCP: -1, FlowLabel: -1, SourcePort: AnyPort, DestinationPort: AnyPort}
	with := func(change func(*Rule)) Policy {
		r := rule
		change(&r)
		return Policy{Rules: []Rule{r}}
	}
	tests := []struct {
		policy Policy
		want   KeyField
	}{
		{Policy{}, 0},
		{Policy{Keys: KeyDSCP | KeyVLAN}, KeyDSCP | KeyVLAN},
		{Policy{FlowList: true}, Key5Tuple},
		{Policy{Keys: KeyIngressInterface}, 0},
		{Policy{SourceBits: AddressBits{IPv4: 24}}, KeySourceAddress},
		{Policy{DestinationBits: AddressBits{IPv6: 48}}, KeyDestinationAddress},
		{Policy{Actions: ActMark}, Key5Tuple},
		{Policy{Actions: ActSketch}, Key5Tuple},
		{Policy{Rules: []Rule{rule}}, 0},
		{with(func(r *Rule) { r.Source = netip.MustParsePrefix("10.0.0.0/8") }), KeySourceAddress},
		{with(func(r *Rule) { r.Destination = netip.MustParsePrefix("10.0.0.0/8") }), KeyDestinationAddress},
		{with(func(r *Rule) { r.Protocol = 6 }), KeyProtocol},
		{with(func(r *Rule) { r.DSCP = 0 }), KeyDSCP},
		{with(func(r *Rule) { r.FlowLabel = 0 }), KeyFlowLabel},
		{with(func(r *Rule) { r.SourcePort = PortRange{1, 2} }), KeySourcePort | KeyProtocol},
		{with(func(r *Rule) { r.DestinationPort = PortRange{1, 2} }), KeyDestinationPort | KeyProtocol},
	}
	for _, tt := range tests {
		p := Point{Policies: []Policy{{Keys: KeyVLAN}, tt.policy}}
		if got := p.ReadFields(); got != tt.want|KeyVLAN {
			t.Errorf("%+v: reads %b, want %b", tt.policy, got, tt.want|KeyVLAN)
		}
	}
}

func TestThreshold(t *testing.T) {
	tests := []struct {
		p    float64
		want uint32
		all  bool
	}{
		{-1, 0, false}, {0, 0, false}, {1.0 / (1 << 33), 1, false}, {0.5, 1 << 31, false},
		{1 - 1.0/(1<<32), 1<<32 - 1, false}, {1, 1<<32 - 1, true}, {2, 1<<32 - 1, true},
	}
	for _, tt := range tests {
		if got, all := Threshold(tt.p); got != tt.want || all != tt.all {
			t.Errorf("Threshold(%v) = %d, %v, want %d, %v", tt.p, got, all, tt.want, tt.all)
		}
	}
}

func TestReadAddresses(t *testing.T) {
	rule := func(source, destination string) []Rule {
		r := Rule{Protocol: -1, DSCP: -1, FlowLabel: -1, SourcePort: AnyPort, DestinationPort: AnyPort}
		if source != "" {
			r.Source = netip.MustParsePrefix(source)
		}
		if destination != "" {
			r.Destination = netip.MustParsePrefix(destination)
		}
		return []Rule{r}
	}
	for _, c := range []struct {
		policies            []Policy
		source, destination AddressBits
	}{
		{nil, AddressBits{}, AddressBits{}},
		{[]Policy{{Keys: KeyDSCP}}, AddressBits{}, AddressBits{}},
		{[]Policy{{SourceBits: AddressBits{24, 48}}}, AddressBits{24, 48}, AddressBits{}},
		{[]Policy{{SourceBits: AddressBits{24, 48}}, {SourceBits: AddressBits{16, 64}}}, AddressBits{24, 64}, AddressBits{}},
		{[]Policy{{SourceBits: AddressBits{24, 48}}, {Keys: KeySourceAddress}}, WholeAddress, AddressBits{}},
		{[]Policy{{DestinationBits: AddressBits{8, 0}, Rules: rule("10.0.0.0/16", "fd00::/32")}}, AddressBits{16, 0}, AddressBits{8, 32}},
		{[]Policy{{DestinationBits: AddressBits{8, 0}}, {FlowList: true}}, WholeAddress, WholeAddress},
	} {
		p := Point{Policies: c.policies}
		if source, destination := p.ReadAddresses(); source != c.source || destination != c.destination {
			t.Errorf("%+v: %v and %v, want %v and %v", c.policies, source, destination, c.source, c.destination)
		}
	}
	p := Point{Postcards: true}
	if source, _ := p.ReadAddresses(); source != WholeAddress {
		t.Errorf("postcards: %v", source)
	}
}
