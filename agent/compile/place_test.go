package compile_test

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/openifit/openifit/agent/compile"
	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
)

// sketchOf writes down what each point of a plan does.
func sketchOf(points []plan.Point) (out []string) {
	for _, at := range points {
		s := at.Interface + " " + strings.ToLower(at.ID.Direction.String()) + ":"
		for _, duty := range []struct {
			on   bool
			name string
		}{{at.StripForeign, "strip"}, {at.Stamp, "stamp"}, {at.Postcards, "postcards"}, {at.Unmark, "unmark"}} {
			if duty.on {
				s += " " + duty.name
			}
		}
		for i := range at.Policies {
			s += " " + at.Policies[i].Name + "=" + actions(at.Policies[i].Actions)
		}
		out = append(out, s)
	}
	return out
}

func actions(a plan.Action) string {
	var names []string
	for i, name := range []string{"meter", "delay", "sketch", "mark", "postcard", "event", "tcp", "delay histogram", "queue histogram", "drop"} {
		if a&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, "+")
}

func TestPlacement(t *testing.T) {
	const noMarks = `{"domain": {"config": {"enterprise-number": 32473}}, "interfaces": {"interface": [
		{"name": "edge", "config": {"name": "edge", "role": "EDGE"}},
		{"name": "core0", "config": {"name": "core0", "role": "CORE"}},
		{"name": "spare", "config": {"name": "spare"}},
		{"name": "mon", "config": {"name": "mon", "role": "MONITOR"}}]}}`
	tests := []struct {
		name  string
		parts []string
		want  []string
	}{
		{"nothing", []string{noMarks}, nil},
		{"marks alone", []string{node}, []string{
			"edge ingress: strip unmark", "edge egress: unmark", "core0 ingress: unmark", "core1 ingress: unmark"}},
		{"disabled", []string{noMarks, `{"policies": {"policy": [{"name": "p", "config": {"name": "p", "technique": "FLOW_METERING", "enabled": false}}]}}`}, nil},
		{"metering", []string{noMarks, policy("FLOW_METERING")}, []string{"edge ingress: p=meter", "core0 ingress: p=meter"}},
		{"metering with delay", []string{noMarks, policy("FLOW_METERING", withDelay)},
			[]string{"edge ingress: stamp", "edge egress: p=meter+delay", "core0 ingress: stamp", "core0 egress: p=meter+delay"}},
		{"histograms", []string{noMarks, policy("FLOW_METERING", withDelay, histogram)},
			[]string{"edge ingress: stamp", "edge egress: p=meter+delay+delay histogram", "core0 ingress: stamp", "core0 egress: p=meter+delay+delay histogram"}},
		{"histograms of queues", []string{noMarks, policy("FLOW_METERING", withQueue, histogram)},
			[]string{"edge egress: p=meter+queue histogram", "core0 egress: p=meter+queue histogram"}},
		{"health", []string{noMarks, policy("FLOW_METERING", health)}, []string{"edge ingress: p=meter+tcp", "core0 ingress: p=meter+tcp"}},
		{"health of the node's own connections", []string{noMarks, `{"policies": {"policy": [{"name": "p", "config": {"name": "p", "technique": "FLOW_METERING", "local-originated": true}, ` + health + `}]}}`},
			[]string{"edge ingress: p=meter+tcp", "edge egress: p=tcp", "core0 ingress: p=meter+tcp", "core0 egress: p=tcp"}},
		{"health at both sides", []string{noMarks, policy("FLOW_METERING", health, at(`"interface": "edge"`))},
			[]string{"edge ingress: p=meter+tcp", "edge egress: p=meter+tcp"}},
		{"a monitor by name", []string{noMarks, policy("FLOW_METERING", at(`"interface": "mon"`))}, []string{"mon ingress: p=meter", "mon egress: p=meter"}},
		{"no role, by name", []string{noMarks, policy("FLOW_METERING", at(`"interface": "spare", "direction": "EGRESS"`))}, []string{"spare egress: p=meter"}},
		{"by role", []string{noMarks, policy("FLOW_METERING", at(`"interface-role": "CORE", "direction": "INGRESS"`))}, []string{"core0 ingress: p=meter"}},
		{"sketch", []string{noMarks, policy("FLOW_SKETCH")}, []string{"edge ingress: p=sketch"}},
		{"events", []string{noMarks, policy("EVENT_MONITOR", trigger(`"metric": "TRANSIT_DELAY", "threshold": "9"`))},
			[]string{"edge ingress: stamp", "edge egress: p=event", "core0 ingress: stamp", "core0 egress: p=event"}},
		{"both directions of a sketch", []string{noMarks, policy("FLOW_SKETCH", at(`"interface": "edge", "direction": "BOTH"`))}, []string{"edge ingress: p=sketch"}},
		{"both directions of events", []string{noMarks, policy("EVENT_MONITOR", at(`"interface": "edge"`), trigger(`"metric": "NEW_FLOW"`))},
			[]string{"edge ingress: p=event", "edge egress: p=event"}},
		{"both directions of a queue", []string{noMarks, policy("EVENT_MONITOR", at(`"interface": "edge"`), trigger(`"metric": "QUEUE_DEPTH", "threshold": "9"`))}, []string{"edge egress: p=event"}},
		{"rates at ingress", []string{noMarks, policy("EVENT_MONITOR", at(`"interface": "edge", "direction": "INGRESS"`), trigger(`"metric": "FLOW_RATE", "threshold": "9"`))}, []string{"edge ingress: p=event"}},
		{"drops of a trigger", []string{noMarks, policy("EVENT_MONITOR", trigger(`"metric": "PACKET_DROP", "threshold": "9"`))},
			[]string{"edge ingress: p=drop", "edge egress: p=event+drop", "core0 ingress: p=drop", "core0 egress: p=event+drop"}},
		{"drops of a trigger, at ingress", []string{noMarks, policy("EVENT_MONITOR", at(`"interface": "edge", "direction": "INGRESS"`), trigger(`"metric": "PACKET_DROP", "threshold": "9"`))},
			[]string{"edge ingress: p=event+drop"}},
		{"drops in records", []string{noMarks, policy("FLOW_METERING", chosen("FLOW_KEYS", "PACKET_COUNT", "OCTET_COUNT", "DROPS"))},
			[]string{"edge ingress: p=meter+drop", "edge egress: p=drop", "core0 ingress: p=meter+drop", "core0 egress: p=drop"}},
		{"drops in records, at egress", []string{noMarks, policy("FLOW_METERING", at(`"interface": "edge", "direction": "EGRESS"`), chosen("FLOW_KEYS", "PACKET_COUNT", "OCTET_COUNT", "DROPS"))},
			[]string{"edge egress: p=meter+drop"}},
		{"bursts", []string{noMarks, policy("EVENT_MONITOR", trigger(`"metric": "MICROBURST", "threshold": "9"`))}, []string{"edge egress: p=event", "core0 egress: p=event"}},
		{"both directions of delay", []string{noMarks, policy("FLOW_METERING", withDelay, at(`"interface": "edge"`))},
			[]string{"edge ingress: stamp", "edge egress: p=meter+delay", "core0 ingress: stamp"}},
		{"two directions of one interface", []string{noMarks, policy("FLOW_METERING", points(`"interface": "edge", "direction": "EGRESS"`, `"interface": "edge", "direction": "INGRESS"`))},
			[]string{"edge ingress: p=meter", "edge egress: p=meter"}},
		{"events without delay", []string{noMarks, policy("EVENT_MONITOR", trigger(`"metric": "NEW_FLOW"`))},
			[]string{"edge egress: p=event", "core0 egress: p=event"}},
		{"marking", []string{node, policy("PBT_M", marked, collected)}, []string{
			"edge ingress: strip stamp unmark p=mark+postcard", "edge egress: postcards unmark p=postcard",
			"core0 ingress: stamp unmark p=postcard", "core0 egress: postcards p=postcard",
			"core1 ingress: stamp unmark p=postcard", "core1 egress: postcards p=postcard"}},
		{"order of policies", []string{noMarks, named("b", "FLOW_METERING"), named("aa", "FLOW_METERING"),
			`{"policies": {"policy": [{"name": "ccc", "config": {"name": "ccc", "technique": "FLOW_SKETCH", "priority": 200}}]}}`},
			[]string{"edge ingress: ccc=sketch aa=meter b=meter", "core0 ingress: aa=meter b=meter"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, err := build(tree(t, append([]string{`{"policies": {}}`}, tt.parts...)...))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, sketchOf(r.Plan.Points)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRolesAndMissingInterfaces(t *testing.T) {
	r, err := build(tree(t, node, named("a", "PBT_M", marked, collected), named("bb", "FLOW_METERING", at(`"interface": "gone"`))))
	if err != nil {
		t.Fatal(err)
	}
	a, b := &r.Policies[0], &r.Policies[1]
	if got := fmt.Sprint(a.Roles); got != "[HEAD PATH END]" || !a.Marks() || !a.Active() {
		t.Errorf("roles %s, marks %v, active %v", got, a.Marks(), a.Active())
	}
	if b.Active() || len(b.Missing) != 1 || !strings.Contains(b.Missing[0].Error(), "the kernel has no interface gone") {
		t.Errorf("missing interfaces: %+v", b.Missing)
	}
}

func TestPolicyWithoutNumberIsLeftOut(t *testing.T) {
	in := tree(t, node, named("a", "FLOW_METERING"), named("bad", "IOAM_TRACE"))
	r, err := compile.New().Compile(compile.Input{Tree: in, Links: links(), Refs: map[string]flow.PolicyRef{"a": {ID: 1, Generation: 1}}})
	if err != nil || len(r.Policies) != 1 {
		t.Errorf("%v, %+v", err, r)
	}
}

func TestWhatAPolicySays(t *testing.T) {
	r, err := build(tree(t, node, policy("FLOW_METERING",
		`"flow-selection": {"config": {"flow-keys": ["sourceIPv4Address", "ingressInterface"]}, "rules": {"rule": [`+
			rule(20, `, "destination-prefix": "2001:db8::/64", "protocol": 6, "destination-port": "80..443", "dscp": 46`)+","+
			rule(10, `, "source-prefix": "10.0.0.0/8", "action": "DENY"`)+`]}}`,
		selection(`"algorithm": "UNIFORM_PROBABILISTIC", "probability": "0.25"`),
		exported(`"collector": ["c"], "active-timeout": 2000, "idle-timeout": 500, "max-records-per-second": 9`))))
	if err != nil {
		t.Fatal(err)
	}
	wildcard := plan.Rule{Protocol: -1, DSCP: -1, FlowLabel: -1, SourcePort: plan.AnyPort, DestinationPort: plan.AnyPort}
	deny, accept := wildcard, wildcard
	deny.Sequence, deny.Family, deny.Deny, deny.Source = 10, 4, true, netip.MustParsePrefix("10.0.0.0/8")
	accept.Sequence, accept.Family, accept.Protocol, accept.DSCP = 20, 6, 6, 46
	accept.Destination, accept.DestinationPort = netip.MustParsePrefix("2001:db8::/64"), plan.PortRange{Min: 80, Max: 443}
	same := cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })
	var got *plan.Policy
	for i := range r.Plan.Points {
		if len(r.Plan.Points[i].Policies) > 0 {
			got = &r.Plan.Points[i].Policies[0]
			break
		}
	}
	if diff := cmp.Diff([]plan.Rule{deny, accept}, got.Rules, same); diff != "" {
		t.Error(diff)
	}
	if want := (plan.Selection{Algorithm: plan.SelectUniform, Threshold: 1 << 30}); got.Select != want {
		t.Errorf("selection %+v, want %+v", got.Select, want)
	}
	if want := plan.KeySourceAddress | plan.KeyIngressInterface; got.Keys != want {
		t.Errorf("keys %b, want %b", got.Keys, want)
	}
	wantExport := compile.Export{
		Collectors: []string{"c"}, ActiveTimeout: 2 * time.Second, IdleTimeout: time.Second / 2,
		DrainInterval: time.Second, BatchTimeout: time.Second / 10, MaxRecords: 9,
	}
	if diff := cmp.Diff(wantExport, r.Policies[0].Export); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"ingressInterface", "sourceIPv4Address"}, r.Policies[0].FlowKeys); diff != "" {
		t.Error(diff)
	}
	wantCollector := compile.Collector{
		Name: "c", Address: netip.MustParseAddrPort("192.0.2.9:4739"), DSCP: 1,
		TemplateRefresh: 10 * time.Minute, PathMTU: 1500,
	}
	if len(r.Collectors) != 1 || r.Collectors[0] != wantCollector {
		t.Errorf("collectors %+v", r.Collectors)
	}
	if r.Domain != (compile.Domain{NodeName: "r1", ObservationDomain: 11, EnterpriseNumber: 32473, NodeID: 11}) {
		t.Errorf("domain %+v", r.Domain)
	}
	r, err = build(tree(t, node, `{"policies": {}, "domain": {"namespaces": {"namespace": [{"id": 0, "config": {"id": 0, "node-id": 77}}]}}}`))
	if err != nil || r.Domain.NodeID != 77 {
		t.Errorf("node number %+v, %v", r, err)
	}
	if r.Plan.MaxFlows != 65536 || r.Plan.Unmark[3] != 0 || r.Plan.Unmark[47] != 46 || r.Plan.Unmark[46] != plan.NoMark {
		t.Errorf("plan of %d flows, unmark %v", r.Plan.MaxFlows, r.Plan.Unmark)
	}
}

func TestFlowListAndTriggers(t *testing.T) {
	icmp := `"source-address": "2001:db8::1", "destination-address": "2001:db8::2", "protocol": 58, "destination-port": 32768`
	r, err := build(tree(t, node,
		named("a", "PBT_M", marked, collected, flows(exact("x", icmp)+","+exact("y", five)), selection(`"algorithm": "SYSTEMATIC_COUNT", "interval": 1, "space": 9`)),
		named("bb", "EVENT_MONITOR", `"triggers": {"trigger": [
			{"name": "each", "config": {"name": "each", "metric": "TRANSIT_DELAY", "scope": "FLOW", "threshold": "1000"}},
			{"name": "slow", "config": {"name": "slow", "metric": "TRANSIT_DELAY", "threshold": "1000", "clear-threshold": "500", "hold-time": 250}},
			{"name": "new", "config": {"name": "new", "metric": "NEW_FLOW"}}]}`)))
	if err != nil {
		t.Fatal(err)
	}
	want := []flow.ID{
		{Source: netip.MustParseAddr("10.0.0.1"), Destination: netip.MustParseAddr("10.0.0.2"), SourcePort: 1, DestinationPort: 2, Protocol: 17},
		{Source: netip.MustParseAddr("2001:db8::1"), Destination: netip.MustParseAddr("2001:db8::2"), DestinationPort: 32768, Protocol: 58},
	}
	head := r.Plan.Points[0].Policies[0]
	if diff := cmp.Diff(want, head.Flows, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" || !head.FlowList {
		t.Error(diff)
	}
	if head.Mark[0] != 3 || head.Mark[46] != 47 || head.Mark[1] != plan.NoMark {
		t.Errorf("mark %v", head.Mark)
	}
	if want := (plan.Selection{Algorithm: plan.SelectSystematicCount, Interval: 1, Space: 9}); head.Select != want {
		t.Errorf("selection %+v", head.Select)
	}
	if diff := cmp.Diff([]plan.Trigger{
		{Name: "each", Metric: flow.MetricTransitDelay, Raise: 1000, Clear: 1000, Hold: time.Second, PerFlow: true},
		{Name: "new", Metric: flow.MetricNewFlow, Hold: time.Second, PerFlow: true},
		{Name: "slow", Metric: flow.MetricTransitDelay, Raise: 1000, Clear: 500, Hold: time.Second / 4},
	}, r.Policies[1].Triggers); diff != "" {
		t.Error(diff)
	}
}

func TestUnchangedPoliciesAreNotCompiledAgain(t *testing.T) {
	in := tree(t, node, policy("FLOW_METERING", rules(rule(1, `, "protocol": 6`))))
	c := compile.New()
	input := compile.Input{Tree: in, Refs: refs(in), Links: links()}
	first, err := c.Compile(input)
	if err != nil {
		t.Fatal(err)
	}
	second, err := c.Compile(input)
	if err != nil {
		t.Fatal(err)
	}
	if &first.Policies[0].Rules[0] != &second.Policies[0].Rules[0] {
		t.Error("the rules of an unchanged policy were converted twice")
	}
	if diff := cmp.Diff(sketchOf(first.Plan.Points), sketchOf(second.Plan.Points)); diff != "" {
		t.Error(diff)
	}
}

// BenchmarkCompile changes one policy in a tree of many, as a Set does.
func BenchmarkCompile(b *testing.B) {
	for _, n := range []int{60, 960} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			parts := []string{`{"policies": {}}`}
			var ifaces, policies []string
			index := map[string]uint32{}
			for i := range 16 {
				name := fmt.Sprintf("e%d", i)
				index[name] = uint32(i + 1)
				ifaces = append(ifaces, fmt.Sprintf(`{"name": %q, "config": {"name": %q}}`, name, name))
			}
			for i := range n {
				name := fmt.Sprintf("p%d", i)
				policies = append(policies, fmt.Sprintf(`{"name": %q, "config": {"name": %q, "technique": "FLOW_METERING"}, %s, %s}`,
					name, name, at(fmt.Sprintf(`"interface": "e%d", "direction": "INGRESS"`, i%16)), rules(rule(1, `, "protocol": 6`))))
			}
			parts = append(parts, `{"interfaces": {"interface": [`+strings.Join(ifaces, ",")+`]}, "policies": {"policy": [`+strings.Join(policies, ",")+`]}}`)
			in := tree(b, parts...)
			c := compile.New()
			input := compile.Input{Tree: in, Refs: refs(in), Links: index}
			for b.Loop() {
				changed := *in.Policies.Policy["p7"]
				in.Policies.Policy["p7"] = &changed
				if _, err := c.Compile(input); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// What is shipped as an example must work.
func TestShippedExamples(t *testing.T) {
	initial, err := os.ReadFile("../../deploy/initial.json")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("../../docs/examples/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("examples %v, %v", files, err)
	}
	demo, err := filepath.Glob("../../lab/demo/policies/*.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range append(files, demo...) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var entry map[string]any
			if err := json.Unmarshal(data, &entry); err != nil {
				t.Fatal(err)
			}
			// Some are the list entry, some the value of its path.
			entry["name"] = entry["config"].(map[string]any)["name"]
			list, err := json.Marshal(map[string]any{"policies": map[string]any{"policy": []any{entry}}})
			if err != nil {
				t.Fatal(err)
			}
			r, err := compile.New().Compile(compileInput(t, string(initial),
				string(list),
				`{"domain": {"marks": {"mark": [{"name": "ifit", "config": {"name": "ifit", "field": "DSCP"}, "values": {"value": [{"unmarked": 0, "config": {"unmarked": 0, "marked": 3}}]}}]}}}`,
				`{"collectors": {"collector": [{"name": "controller", "config": {"name": "controller", "address": "192.0.2.9"}}]}}`))
			if err != nil {
				t.Fatal(err)
			}
			if len(r.Policies) != 1 || !r.Policies[0].Active() {
				t.Errorf("does nothing: %+v", r.Policies)
			}
		})
	}
}

func compileInput(t *testing.T, parts ...string) compile.Input {
	t.Helper()
	in := tree(t, append(parts, probes)...)
	return compile.Input{Tree: in, Refs: refs(in), Probes: uploads(t), Links: map[string]uint32{"eth0": 2, "eth1": 3}}
}

// Fields beyond the IP header, and the header that a policy reads.
func TestHeadersThatPoliciesRead(t *testing.T) {
	result, err := build(tree(t, node, policy("FLOW_METERING", `"flow-selection": {"config": {"match-header": "INNER",
		"flow-keys": ["vlanId", "dot1qCustomerVlanId", "layer2SegmentId", "mplsTopLabelStackSection", "srhActiveSegmentIPv6"]},
		"rules": {"rule": [`+rule(1, `, "vlan-id": 7, "vni": 0, "mpls-label": 16, "active-segment": "2001:db8::/32"`)+`]}}`)))
	if err != nil {
		t.Fatal(err)
	}
	if !result.Policies[0].Inner || len(result.Plan.Points) == 0 {
		t.Fatalf("policy %+v", result.Policies[0])
	}
	p := result.Plan.Points[0].Policies[0]
	if !p.Inner || p.Keys != plan.KeyVLAN|plan.KeyCustomerVLAN|plan.KeyVNI|plan.KeyMPLS|plan.KeySegment {
		t.Errorf("policy %+v", p)
	}
	want := plan.Rule{
		Sequence: 1, Protocol: -1, DSCP: -1, FlowLabel: -1, SourcePort: plan.AnyPort, DestinationPort: plan.AnyPort,
		VLAN: 7, VNI: plan.Exactly{Given: true}, MPLSLabel: plan.Exactly{Value: 16, Given: true},
		ActiveSegment: netip.MustParsePrefix("2001:db8::/32"),
	}
	if len(p.Rules) != 1 || p.Rules[0] != want {
		t.Errorf("rules %+v, want %+v", p.Rules, want)
	}
}
