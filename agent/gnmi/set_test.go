package gnmi_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	extpb "github.com/openconfig/gnmi/proto/gnmi_ext"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/openifit/openifit/agent/intent"
)

const atX = "/ifit/policies/policy[name=x]"

// TestSetRefuses checks what a client sees of a bad request, and that tree,
// disk, data plane and subscribers see nothing of it.
func TestSetRefuses(t *testing.T) {
	n := start(t)
	n.fill(t)
	watch := n.subscribe(t, &gpb.SubscriptionList{Subscription: []*gpb.Subscription{{Path: path(t, "/ifit"), Mode: gpb.SubscriptionMode_ON_CHANGE}}})
	watch.sync()
	tree, files := n.get(t, "/ifit"), n.files(t)

	str := func(s string) *gpb.TypedValue {
		return &gpb.TypedValue{Value: &gpb.TypedValue_StringVal{StringVal: s}}
	}
	up := func(at string, v *gpb.TypedValue) *gpb.SetRequest {
		return &gpb.SetRequest{Update: []*gpb.Update{{Path: path(t, at), Val: v}}}
	}
	js := func(at, text string) *gpb.SetRequest { return up(at, ietf(text)) }
	del := func(at string) *gpb.SetRequest { return &gpb.SetRequest{Delete: []*gpb.Path{path(t, at)}} }
	const rules = atX + "/flow-selection/rules"
	for _, tt := range []struct {
		name string
		req  *gpb.SetRequest
		code codes.Code
		part string
	}{
		// Paths.
		{"unknown path", js("/ifit/policy[name=x]", "{}"), codes.NotFound, "/ifit/policy[name=x]: no such node"},
		{"unknown path, delete", del("/ifit/nothing"), codes.NotFound, "/ifit/nothing"},
		{"unknown leaf", js(atX+"/config/colour", `"red"`), codes.NotFound, atX + "/config/colour"},
		{"unknown key", js("/ifit/policies/policy[id=x]/config/enabled", "true"), codes.InvalidArgument, "key is name"},
		{"missing key", js("/ifit/policies/policy/config/enabled", "true"), codes.InvalidArgument, "every list on the way needs its key"},
		{"missing inner key", js(rules+"/rule/config/dscp", "1"), codes.InvalidArgument, "needs its key"},
		{"wildcard", js("/ifit/policies/policy[name=*]/config/enabled", "true"), codes.InvalidArgument, "wildcards are for deletes only"},
		{"wildcard at the end", js("/ifit/policies/policy[name=*]", "{}"), codes.InvalidArgument, "wildcards are for deletes only"},
		{"omitted key at the end", js("/ifit/policies/policy", "1"), codes.InvalidArgument, "JSON array"},
		{"wildcard name", js("/ifit/*/config/max-events", "17"), codes.InvalidArgument, "wildcard"},
		{"any depth", js("/ifit/.../enabled", "true"), codes.InvalidArgument, "wildcard"},
		{"bad name", js("/ifit/policies/policy[name=a b]/config/technique", `"PBT_M"`), codes.InvalidArgument, "pattern"},
		{"long name", js("/ifit/policies/policy[name="+strings.Repeat("a", 65)+"]/config/technique", `"PBT_M"`), codes.InvalidArgument, "65 characters"},
		{"bad interface name", js("/ifit/interfaces/interface[name=a/b]/config/role", `"EDGE"`), codes.InvalidArgument, "pattern"},
		{"state", js(atX+"/state/oper-status", `"ACTIVE"`), codes.InvalidArgument, "is state and cannot be set"},
		{"state, delete", del(atX + "/state"), codes.InvalidArgument, "is state and cannot be deleted"},
		{"events, delete", del("/ifit/events"), codes.InvalidArgument, "is state"},
		{"key leaf, delete", del(atX + "/name"), codes.InvalidArgument, "list key"},
		{"config leaf behind a key, delete", del(atX + "/config/name"), codes.InvalidArgument, "list key"},
		{"two origins", &gpb.SetRequest{Prefix: &gpb.Path{Origin: "openifit"}, Delete: []*gpb.Path{{Origin: "openifit", Elem: path(t, "/ifit/admission").Elem}}}, codes.InvalidArgument, "both"},
		{"unknown origin", &gpb.SetRequest{Prefix: &gpb.Path{Origin: "cli"}, Delete: []*gpb.Path{path(t, "/ifit")}}, codes.InvalidArgument, "cli"},

		// Values.
		{"no value", up(atX+"/config/enabled", nil), codes.InvalidArgument, "no value"},
		{"wrong type", js(atX+"/config/enabled", "17"), codes.InvalidArgument, atX + "/config/enabled: 17 is no boolean"},
		{"wrong native type", up(atX+"/config/priority", &gpb.TypedValue{Value: &gpb.TypedValue_BoolVal{BoolVal: true}}), codes.InvalidArgument, "true is no uint16"},
		{"number for a string", js(atX+"/config/description", "17"), codes.InvalidArgument, "17 is no string"},
		{"empty string for a number", js(atX+"/config/priority", `""`), codes.InvalidArgument, atX + "/config/priority: empty string"},
		{"empty string for an identity", js(atX+"/config/technique", `""`), codes.InvalidArgument, "empty string"},
		{"null", js(atX+"/config/priority", "null"), codes.InvalidArgument, "null is no value"},
		{"out of range", js(atX+"/config/priority", "65536"), codes.InvalidArgument, "outside the range 0..65535"},
		{"negative", js(atX+"/config/priority", "-1"), codes.InvalidArgument, "outside the range"},
		{"fraction", js(atX+"/config/priority", "1.5"), codes.InvalidArgument, "1.5 is no uint16"},
		{"probability above 1", js(atX+"/packet-selection/config/probability", `"1.000000001"`), codes.InvalidArgument, "outside the range"},
		{"too many digits", js(atX+"/packet-selection/config/probability", `"0.0000000001"`), codes.InvalidArgument, "9 fraction digits"},
		{"not a number", up(atX+"/packet-selection/config/probability", str("often")), codes.InvalidArgument, `"often" is no share`},
		{"unknown identity", js(atX+"/config/technique", `"GUESSING"`), codes.InvalidArgument, `"GUESSING" is no value`},
		{"identity of another base", js(atX+"/config/technique", `"NODE_ID"`), codes.InvalidArgument, "NODE_ID"},
		{"identity with a wrong module", js(atX+"/config/technique", `"openifit-agent:PBT_M"`), codes.InvalidArgument, "module openifit-types"},
		{"unknown enumeration value", js("/ifit/interfaces/interface[name=eth0]/config/role", `"BORDER"`), codes.InvalidArgument, "BORDER"},
		{"bad address", js("/ifit/collectors/collector[name=c]/config/address", `"192.0.2.256"`), codes.InvalidArgument, "192.0.2.256"},
		{"bad prefix", js(rules+"/rule[sequence-id=10]/config/source-prefix", `"2001:db8::/129"`), codes.InvalidArgument, "2001:db8::/129"},
		{"bad port range", js(rules+"/rule[sequence-id=10]/config/source-port", `"1-2"`), codes.InvalidArgument, "port-range"},
		{"leaf-list value twice", js(atX+"/data-export/config/collector", `["c","c"]`), codes.InvalidArgument, "given twice"},
		{"single value for a leaf-list", js(atX+"/data-export/config/collector", `"c"`), codes.InvalidArgument, "leaf-list needs a list"},
		{"list for a leaf", js(atX+"/config/priority", `[1]`), codes.InvalidArgument, "single leaf"},
		{"object for a leaf", js(atX+"/config/priority", `{}`), codes.InvalidArgument, "JSON object"},
		{"native value for a container", up(atX+"/config", str("x")), codes.InvalidArgument, "must be JSON"},
		{"any value", up(atX+"/config/priority", &gpb.TypedValue{Value: &gpb.TypedValue_ProtoBytes{ProtoBytes: []byte{1}}}), codes.InvalidArgument, "not supported"},
		{"text that is no UTF-8", js(atX+"/config/description", "\"a\\u0000b\""), codes.InvalidArgument, "UTF-8"},

		// JSON.
		{"cut JSON", js(atX+"/config", `{"priority": 1`), codes.InvalidArgument, "not valid JSON"},
		{"two values", js(atX+"/config", `{} {}`), codes.InvalidArgument, "something follows"},
		{"deep JSON", js(atX+"/config", strings.Repeat(`{"a":`, 1000)+"1"+strings.Repeat("}", 1000)), codes.InvalidArgument, "deeper"},
		{"unknown member", js(atX+"/config", `{"colour":"red"}`), codes.InvalidArgument, atX + `/config: the model has no "colour" here`},
		{"member of a wrong module", js(atX+"/config", `{"openifit-types:priority":1}`), codes.InvalidArgument, "module openifit-agent"},
		{"member twice", js(atX+"/config", `{"priority":1,"priority":2}`), codes.InvalidArgument, `"priority" is given twice`},
		{"member twice, once qualified", js(atX+"/config", `{"priority":1,"openifit-agent:priority":2}`), codes.InvalidArgument, "config/priority: is given twice"},
		{"state in the value", js(atX, `{"state":{"generation":1}}`), codes.InvalidArgument, atX + "/state: is state"},
		{"empty entry", js("/ifit/policies/policy[name=y]", `{}`), codes.InvalidArgument, "empty object"},
		{"array for an entry", js("/ifit/policies/policy[name=y]", `[]`), codes.InvalidArgument, "JSON array where a JSON object"},
		{"object for a list", js("/ifit/policies/policy", `{"name":"y"}`), codes.InvalidArgument, "needs a JSON array"},
		{"object for an inner list", js(rules, `{"rule":{"sequence-id":1}}`), codes.InvalidArgument, "JSON array of entries"},
		{"array for a container", js(atX, `{"config":[]}`), codes.InvalidArgument, "JSON array where a JSON object"},
		{"scalar entry", js(rules, `{"rule":[1]}`), codes.InvalidArgument, "entry 0: 1 where a JSON object"},
		{"entry without key", js("/ifit/policies/policy", `[{"config":{"technique":"PBT_M"}}]`), codes.InvalidArgument, "entry 0: its key name is missing"},
		{"entry twice", js(rules, `{"rule":[{"sequence-id":1},{"sequence-id":"01"}]}`), codes.InvalidArgument, "rule[sequence-id=1]: is given twice"},
		{"key against path", js(atX, `{"name":"y"}`), codes.InvalidArgument, `"y" contradicts the key "x"`},
		{"config against key", js(atX, `{"config":{"name":"y"}}`), codes.InvalidArgument, atX + `/config/name: "y" contradicts`},
		{"key leaf", js(atX+"/config/name", `"y"`), codes.InvalidArgument, "contradicts the key"},

		// Rules of the model.
		{"mandatory", js("/ifit/policies/policy[name=y]/config/priority", "1"), codes.InvalidArgument, "/ifit/policies/policy[name=y]/config/technique: is mandatory"},
		{"mandatory, by delete", del(atX + "/config/technique"), codes.InvalidArgument, "mandatory"},
		{"mandatory, by replace", &gpb.SetRequest{Replace: []*gpb.Update{update(t, atX, `{"config":{"priority":1}}`)}}, codes.InvalidArgument, "mandatory"},
		{"must", js(atX+"/packet-selection/config/algorithm", `"ALL"`), codes.InvalidArgument, "probability is for UNIFORM_PROBABILISTIC only"},
		{"must, two leaves", js(atX+"/observation-points/observation-point[name=o]/config", `{"interface":"eth0","interface-role":"EDGE"}`), codes.InvalidArgument, "not both"},
		{"must, none of two", js(atX+"/observation-points/observation-point[name=o]/config/direction", `"INGRESS"`), codes.InvalidArgument, "interface or an interface-role"},
		{"must, order", js(atX+"/packet-selection/hash-ranges/hash-range[min=9]/config/max", "8"), codes.InvalidArgument, "hash-range[min=9]/config: max is missing or lies below min"},
		{"must in a collector", js("/ifit/collectors/collector[name=d]/config/port", "1"), codes.InvalidArgument, "needs an address"},
		{"when", js(atX+"/sketch/config/top-k", "10"), codes.InvalidArgument, atX + "/sketch: does not apply here"},
		{"when, by change of technique", js(atX, `{"encapsulation":{"config":{"mark":"red"}}}`), codes.InvalidArgument, atX + "/encapsulation: does not apply"},
		{"unique", js("/ifit/domain/marks/mark[name=red]/values/value", `[{"unmarked":8,"config":{"marked":3}}]`), codes.InvalidArgument, "value[unmarked=8]: marked is not unique"},
		{"leafref, collector", js(atX+"/data-export/config/collector", `["nobody"]`), codes.InvalidArgument, `no collector named "nobody"`},
		{"leafref, interface", js(atX+"/observation-points/observation-point[name=o]/config/interface", `"eth7"`), codes.InvalidArgument, `no interface named "eth7"`},
		{"leafref, deleted target", del("/ifit/collectors/collector[name=c]"), codes.InvalidArgument, "still refers to it"},
		{"too many policies", &gpb.SetRequest{Update: []*gpb.Update{
			update(t, "/ifit/limits/config/max-policies", "1"), update(t, "/ifit/policies/policy[name=y]/config/technique", `"PBT_M"`)}},
			codes.ResourceExhausted, "max-policies"},

		// Whole requests.
		{"second of two operations", &gpb.SetRequest{
			Delete: []*gpb.Path{path(t, rules)}, Update: []*gpb.Update{update(t, atX+"/config/priority", `"high"`)}}, codes.InvalidArgument, "high"},
		{"union_replace beside others", &gpb.SetRequest{
			Delete: []*gpb.Path{path(t, rules)}, UnionReplace: []*gpb.Update{update(t, "/", "{}")}}, codes.InvalidArgument, "stands alone"},
		{"commit confirmed", &gpb.SetRequest{Extension: []*extpb.Extension{{Ext: &extpb.Extension_Commit{Commit: &extpb.Commit{}}}}}, codes.Unimplemented, "commit"},
		{"master arbitration", &gpb.SetRequest{Extension: []*extpb.Extension{{Ext: &extpb.Extension_MasterArbitration{MasterArbitration: &extpb.MasterArbitration{}}}}}, codes.Unimplemented, "arbitration"},
		{"too many operations", &gpb.SetRequest{Delete: make([]*gpb.Path, 10_001)}, codes.ResourceExhausted, "10000"},
		{"64 MB", js(atX+"/config/description", `"`+strings.Repeat("a", 64<<20)+`"`), codes.ResourceExhausted, "larger"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := n.set(t, tt.req)
			wantCode(t, err, tt.code, tt.part)
			if trace, _ := n.applier.take(); trace != "" {
				t.Errorf("the data plane was told: %s", trace)
			}
			same(t, "the tree", n.get(t, "/ifit"), tree)
			same(t, "the disk", n.files(t), files)
		})
	}
	watch.quiet(n)
}

// defaultSelection is packet selection that nobody has configured.
const defaultSelection = `{"openifit-agent:algorithm":"ALL","openifit-agent:fragments":"ANY","openifit-agent:scope":"POLICY"}`

func TestSet(t *testing.T) {
	native := func(v any) *gpb.TypedValue {
		switch x := v.(type) {
		case string:
			return &gpb.TypedValue{Value: &gpb.TypedValue_StringVal{StringVal: x}}
		case int:
			return &gpb.TypedValue{Value: &gpb.TypedValue_IntVal{IntVal: int64(x)}}
		case uint64:
			return &gpb.TypedValue{Value: &gpb.TypedValue_UintVal{UintVal: x}}
		case float64:
			return &gpb.TypedValue{Value: &gpb.TypedValue_DoubleVal{DoubleVal: x}}
		case bool:
			return &gpb.TypedValue{Value: &gpb.TypedValue_BoolVal{BoolVal: x}}
		}
		t.Fatalf("%T", v)
		return nil
	}
	one := func(at string, v *gpb.TypedValue) *gpb.SetRequest {
		return &gpb.SetRequest{Update: []*gpb.Update{{Path: path(t, at), Val: v}}}
	}
	rep := func(at, text string) *gpb.SetRequest {
		return &gpb.SetRequest{Replace: []*gpb.Update{update(t, at, text)}}
	}
	del := func(at ...string) *gpb.SetRequest {
		req := &gpb.SetRequest{}
		for _, p := range at {
			req.Delete = append(req.Delete, path(t, p))
		}
		return req
	}
	const (
		sel  = atX + "/packet-selection/config"
		rule = atX + "/flow-selection/rules/rule[sequence-id=10]"
	)
	for _, tt := range []struct {
		name string
		req  *gpb.SetRequest
		path string
		want string // value of path afterwards, or the code of its Get
	}{
		{"empty request", &gpb.SetRequest{}, atX + "/config/priority", "100"},
		{"number", one(atX+"/config/priority", ietf("7")), atX + "/config/priority", "7"},
		{"quoted number", one(atX+"/config/priority", ietf(`"7"`)), atX + "/config/priority", "7"},
		{"native int", one(atX+"/config/priority", native(7)), atX + "/config/priority", "7"},
		{"native uint", one(atX+"/config/priority", native(uint64(7))), atX + "/config/priority", "7"},
		{"native text", one(atX+"/config/priority", native("7")), atX + "/config/priority", "7"},
		{"plain JSON", one(atX+"/config/priority", &gpb.TypedValue{Value: &gpb.TypedValue_JsonVal{JsonVal: []byte("7")}}), atX + "/config/priority", "7"},
		{"ASCII", one(atX+"/config/priority", &gpb.TypedValue{Value: &gpb.TypedValue_AsciiVal{AsciiVal: "7"}}), atX + "/config/priority", "7"},
		{"quoted boolean", one(atX+"/config/enabled", ietf(`"false"`)), atX + "/config/enabled", "false"},
		{"native boolean", one(atX+"/config/enabled", native(false)), atX + "/config/enabled", "false"},
		{"decimal as text", one(sel+"/probability", ietf(`"0.5"`)), sel + "/probability", `"0.5"`},
		{"decimal as number", one(sel+"/probability", ietf(`5e-1`)), sel + "/probability", `"0.5"`},
		{"decimal as double", one(sel+"/probability", native(1.0/3)), sel + "/probability", `"0.333333333"`},
		{"decimal as float", one(sel+"/probability", &gpb.TypedValue{Value: &gpb.TypedValue_FloatVal{FloatVal: 0.1}}), sel + "/probability", `"0.1"`},                                            //nolint:staticcheck // still sent
		{"decimal as digits", one(sel+"/probability", &gpb.TypedValue{Value: &gpb.TypedValue_DecimalVal{DecimalVal: &gpb.Decimal64{Digits: 5, Precision: 3}}}), sel + "/probability", `"0.005"`}, //nolint:staticcheck // still sent
		{"identity with module", one(atX+"/config/technique", ietf(`"openifit-types:EVENT_MONITOR"`)), atX + "/config/technique", `"openifit-types:EVENT_MONITOR"`},
		{"identity without module", one(atX+"/config/technique", native("EVENT_MONITOR")), atX + "/config/technique", `"openifit-types:EVENT_MONITOR"`},
		{"64 bits as number", one("/ifit/limits/config/max-map-bytes", ietf("18446744073709551615")), "/ifit/limits/config/max-map-bytes", `"18446744073709551615"`},
		{"64 bits as text", one("/ifit/limits/config/max-map-bytes", ietf(`"1"`)), "/ifit/limits/config/max-map-bytes", `"1"`},
		{"port", one(rule+"/config/source-port", ietf("443")), rule + "/config/source-port", "443"},
		{"quoted port", one(rule+"/config/source-port", ietf(`"443"`)), rule + "/config/source-port", "443"},
		{"port range", one(rule+"/config/source-port", native("1..9")), rule + "/config/source-port", `"1..9"`},
		{"native leaf-list", one(atX+"/data-selection/config/data-element", &gpb.TypedValue{Value: &gpb.TypedValue_LeaflistVal{
			LeaflistVal: &gpb.ScalarArray{Element: []*gpb.TypedValue{native("NODE_ID"), native("TTL")}}}}),
			atX + "/data-selection/config/data-element", `["openifit-types:NODE_ID","openifit-types:TTL"]`},
		{"leaf-list is set as a whole", &gpb.SetRequest{Update: []*gpb.Update{
			update(t, atX+"/flow-selection/config/flow-keys", `["sourceIPv4Address"]`), update(t, atX+"/flow-selection/config/flow-keys", `["protocolIdentifier"]`)}},
			atX + "/flow-selection/config/flow-keys", `["protocolIdentifier"]`},
		{"leaf of a new entry", one("/ifit/interfaces/interface[name=eth9]/config/role", ietf(`"CORE"`)), "/ifit/interfaces/interface[name=eth9]/config/name", `"eth9"`},
		{"update merges", one(rule, ietf(`{"config":{"dscp":3}}`)), rule + "/config",
			`{"openifit-agent:action":"ACCEPT","openifit-agent:destination-port":"1000..2000","openifit-agent:dscp":3,"openifit-agent:sequence-id":10,"openifit-agent:source-prefix":"2001:db8::/32"}`},
		{"replace resets", rep(rule, `{"config":{"dscp":3}}`), rule + "/config", `{"openifit-agent:action":"ACCEPT","openifit-agent:dscp":3,"openifit-agent:sequence-id":10}`},
		{"replace of a container", rep(atX+"/packet-selection/config", `{}`), sel, defaultSelection},
		{"replace of a leaf", rep(atX+"/config/priority", "9"), atX + "/config/priority", "9"},
		{"replace of a list", rep(atX+"/flow-selection/rules/rule", `[{"sequence-id":20}]`), atX + "/flow-selection/rules",
			`{"openifit-agent:rule":[{"config":{"action":"ACCEPT","sequence-id":20},"sequence-id":20,"state":{"action":"ACCEPT","sequence-id":20}}]}`},
		{"update of a list", one(atX+"/flow-selection/rules/rule", ietf(`[{"config":{"sequence-id":"20"}}]`)), atX + "/flow-selection/rules/rule[sequence-id=10]/config/source-prefix", `"2001:db8::/32"`},
		{"replace keeps keys", rep(atX+"/config", `{"technique":"FLOW_METERING"}`), atX + "/config/name", `"x"`},
		{"replace of everything", rep("/", `{"openifit-agent:ifit":{"limits":{"config":{"max-events":32}}}}`), "/ifit/policies", "{}"},
		{"update at the root", one("/", ietf(`{"ifit":{"limits":{"config":{"max-events":32}}}}`)), "/ifit/limits/config/max-events", "32"},
		{"empty object changes nothing", one(atX+"/packet-selection", ietf(`{}`)), sel + "/probability", `"0.25"`},
		{"delete of a leaf", del(atX + "/flow-selection/rules/rule[sequence-id=10]/config/source-prefix"), rule + "/config/source-prefix", "NotFound"},
		{"delete goes back to the default", del(sel), sel, defaultSelection},
		{"delete of an entry", del(rule), rule, "NotFound"},
		{"delete of the absent", del("/ifit/policies/policy[name=y]", atX+"/config/owner", "/ifit/probes"), atX + "/config/priority", "100"},
		{"delete by wildcard key", del(atX + "/flow-selection/rules/rule[sequence-id=*]"), rule, "NotFound"},
		{"delete by omitted key", del(atX + "/flow-selection/rules/rule"), rule, "NotFound"},
		{"delete by wildcard name", del("/ifit/*/policy[name=x]"), atX, "NotFound"},
		{"delete by any depth", del("/ifit/.../source-prefix"), rule + "/config/source-prefix", "NotFound"},
		{"delete of everything", del("/"), atX, "NotFound"},
		{"delete of a config container keeps the key", del(rule + "/config"), rule + "/config", `{"openifit-agent:action":"ACCEPT","openifit-agent:sequence-id":10}`},
		{"delete before replace before update", &gpb.SetRequest{
			Update: []*gpb.Update{update(t, atX+"/config/priority", "3")}, Replace: []*gpb.Update{update(t, atX+"/config", `{"technique":"PBT_M","priority":2}`)},
			Delete: []*gpb.Path{path(t, atX+"/config/priority")}}, atX + "/config/priority", "3"},
		{"union_replace", &gpb.SetRequest{UnionReplace: []*gpb.Update{update(t, "/ifit/limits", `{"config":{"max-events":32}}`), update(t, "/ifit/admission", `{"config":{"owner":["me"]}}`)}},
			"/ifit", `{"openifit-agent:admission":{"config":{"owner":["me"]},"state":{"owner":["me"]}},"openifit-agent:limits":{"config":{"max-events":32,"max-flows-per-point":65536,"max-policies":1024},"state":{"max-events":32,"max-flows-per-point":65536,"max-policies":1024}},"openifit-agent:state":{}}`},
		{"prefix", &gpb.SetRequest{Prefix: path(t, "/ifit/policies"), Update: []*gpb.Update{update(t, "policy[name=x]/config/priority", "4")}}, atX + "/config/priority", "4"},
		{"swap of a reference", &gpb.SetRequest{Delete: []*gpb.Path{path(t, "/ifit/collectors/collector[name=c]")}, Update: []*gpb.Update{
			update(t, "/ifit/collectors/collector[name=d]/config/address", `"2001:db8::1"`), update(t, atX+"/data-export/config/collector", `["d"]`)}},
			atX + "/data-export/config/collector", `["d"]`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := start(t)
			n.fill(t)
			resp, err := n.set(t, tt.req)
			if err != nil {
				t.Fatal(err)
			}
			if got := n.get(t, tt.path); strings.ReplaceAll(got, `,"openifit-agent:state":{}`, "") != strings.ReplaceAll(tt.want, `,"openifit-agent:state":{}`, "") {
				t.Errorf("%s is %s, want %s", tt.path, got, tt.want)
			}
			if want := len(tt.req.Delete) + len(tt.req.Replace) + len(tt.req.Update) + len(tt.req.UnionReplace); len(resp.Response) != want {
				t.Errorf("%d results for %d operations", len(resp.Response), want)
			}
			// What was set is what a restarted agent has.
			before := n.get(t, "/ifit")
			same(t, "the tree after a restart", startIn(t, n.dir).get(t, "/ifit"), before)
		})
	}
}

func TestSetResults(t *testing.T) {
	n := start(t)
	n.fill(t)
	req := &gpb.SetRequest{
		Prefix:  &gpb.Path{Target: "r1", Elem: path(t, atX).Elem},
		Update:  []*gpb.Update{update(t, "config/priority", "1")},
		Replace: []*gpb.Update{update(t, "config/owner", `"me"`)},
		Delete:  []*gpb.Path{path(t, "triggers")},
	}
	resp, err := n.set(t, req)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range resp.Response {
		got = append(got, r.Op.String()+" "+pathString(t, r.Path))
	}
	if want := "DELETE /triggers, REPLACE /config/owner, UPDATE /config/priority"; strings.Join(got, ", ") != want {
		t.Errorf("results %q, want %q", got, want)
	}
	if resp.Prefix.GetTarget() != "r1" || resp.Timestamp == 0 {
		t.Errorf("prefix %v, time %d", resp.Prefix, resp.Timestamp)
	}
}

// refusal is an applier's error that chooses its code and blames a policy.
type refusal struct {
	code   codes.Code
	policy string
}

func (e refusal) Error() string              { return "the verifier says no" }
func (e refusal) GRPCStatus() *status.Status { return status.New(e.code, e.Error()) }
func (e refusal) PolicyName() string         { return e.policy }

// TestSetAllOrNothing lets each step fail.
func TestSetAllOrNothing(t *testing.T) {
	fail := errors.New("no")
	for _, tt := range []struct {
		name  string
		harm  func(t *testing.T, n *node)
		code  codes.Code
		part  string
		trace string
	}{
		{"prepare", func(_ *testing.T, n *node) { n.applier.prepare = func(*intent.Snapshot) error { return fail } },
			codes.InvalidArgument, "no", "prepare"},
		{"prepare, own code", func(_ *testing.T, n *node) {
			n.applier.prepare = func(*intent.Snapshot) error { return fmt.Errorf("load: %w", refusal{codes.Unavailable, "x"}) }
		}, codes.Unavailable, "load: the verifier says no", "prepare"},
		{"panic", func(_ *testing.T, n *node) { n.applier.prepare = func(*intent.Snapshot) error { panic("boom") } },
			codes.Internal, "defect of the agent", "prepare"},
		{"stage", func(t *testing.T, n *node) {
			// No temporary file can be made where a directory is.
			if err := os.Mkdir(filepath.Join(n.dir, "policies/x.json.tmp"), 0o700); err != nil {
				t.Fatal(err)
			}
		}, codes.Internal, "x.json", "prepare abort"},
		{"commit", func(_ *testing.T, n *node) { n.applier.commit = func(*intent.Snapshot) error { return fail } },
			codes.Internal, "no", "prepare commit"},
		{"publish", func(t *testing.T, n *node) {
			// No file can be renamed to where a directory is.
			name := filepath.Join(n.dir, "policies/x.json")
			n.applier.commit = func(*intent.Snapshot) error {
				if err := os.Rename(name, name+".away"); err != nil {
					return nil // the roll-back
				}
				return os.Mkdir(name, 0o700)
			}
			t.Cleanup(func() { _ = os.Remove(name) })
		}, codes.Internal, "x.json", "prepare commit prepare commit"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := start(t)
			n.fill(t)
			watch := n.subscribe(t, &gpb.SubscriptionList{Subscription: []*gpb.Subscription{{Path: path(t, "/ifit"), Mode: gpb.SubscriptionMode_ON_CHANGE}}})
			watch.sync()
			before := n.get(t, "/ifit")
			tt.harm(t, n)
			_, err := n.set(t, &gpb.SetRequest{Update: []*gpb.Update{update(t, atX+"/config/priority", "1")}})
			wantCode(t, err, tt.code, tt.part)
			trace, last := n.applier.take()
			if trace != tt.trace {
				t.Errorf("the data plane saw %q, want %q", trace, tt.trace)
			}
			if last != nil && last.Policies["x"].Config.Config.GetPriority() != 100 {
				t.Error("the data plane has the new version")
			}
			same(t, "the tree", n.get(t, "/ifit"), before)
			// Once the cause is gone the same Set succeeds.
			n.applier.prepare, n.applier.commit = nil, nil
			_ = os.RemoveAll(filepath.Join(n.dir, "policies/x.json.tmp"))
			if tt.name == "publish" {
				_ = os.Remove(filepath.Join(n.dir, "policies/x.json"))
			}
			watch.quiet(n)
			n.mustSet(t, update(t, atX+"/config/priority", "1"))
			if got := startIn(t, n.dir).get(t, atX+"/config/priority"); got != "1" {
				t.Errorf("after a restart: %s", got)
			}
		})
	}
}

// TestRestore checks that a policy which cannot be put back into force is left
// out, and only that one.
func TestRestore(t *testing.T) {
	n := start(t)
	n.fill(t)
	n.mustSet(t, update(t, "/ifit/policies/policy[name=y]/config/technique", `"EVENT_MONITOR"`))

	again := startWith(t, n.dir, func(s *intent.Snapshot) error {
		if s.Policies["y"].Runs() {
			return fmt.Errorf("interface gone: %w", refusal{codes.NotFound, "y"})
		}
		return nil
	})
	if got := again.get(t, "/ifit/policies/policy[name=y]/state/oper-status"); got != `"FAILED"` {
		t.Errorf("y is %s", got)
	}
	if got := again.get(t, "/ifit/policies/policy[name=y]/state/last-error"); !strings.Contains(got, "gone") {
		t.Errorf("reason %s", got)
	}
	if got := again.get(t, atX+"/state/oper-status"); got != "NotFound" {
		t.Errorf("x, of which the data plane has said nothing, is %s", got)
	}
	if _, last := again.applier.take(); !last.Policies["x"].Runs() || last.Policies["y"].Runs() {
		t.Error("the wrong policies run")
	}
	again.applier.prepare = nil
	again.mustSet(t, update(t, "/ifit/policies/policy[name=y]/config/technique", `"EVENT_MONITOR"`))
	if _, last := again.applier.take(); !last.Policies["y"].Runs() {
		t.Error("a Set does not bring the policy back")
	}
}

// TestRestoreBlocked checks that a server of which nothing can be in force
// serves on and says why.
func TestRestoreBlocked(t *testing.T) {
	n := start(t)
	n.fill(t)
	reason := blockade("probes of another layout; start the former agent")
	again := startWith(t, n.dir, func(*intent.Snapshot) error { return fmt.Errorf("prepare: %w", reason) })
	if trace, _ := again.applier.take(); strings.Contains(trace, "commit") {
		t.Errorf("the data plane saw %q", trace)
	}
	if got := again.get(t, "/ifit/state/load-error"); !strings.Contains(got, "start the former agent") {
		t.Errorf("load errors %s", got)
	}
	if got := again.get(t, atX+"/state/oper-status"); got != `"FAILED"` {
		t.Errorf("x is %s", got)
	}
	if got := again.get(t, atX+"/config/name"); got != `"x"` {
		t.Errorf("the configuration of x is %s", got)
	}
}

// blockade is an error that no configuration can do anything about.
type blockade string

func (b blockade) Error() string { return string(b) }
func (b blockade) Blocked() bool { return true }

// TestReapply checks that the whole version in force is applied again, and
// that a failure changes nothing.
func TestReapply(t *testing.T) {
	n := start(t)
	n.fill(t)
	before := n.server.Snapshot()
	if err := n.server.Reapply(t.Context()); err != nil {
		t.Fatal(err)
	}
	trace, last := n.applier.take()
	if trace != "prepare commit" || last.Serial != before.Serial || strings.Join(last.Changed.Policies, " ") != "x" || !last.Changed.Limits {
		t.Errorf("the data plane saw %q, changes %+v", trace, last.Changed)
	}
	n.applier.prepare = func(*intent.Snapshot) error { return errors.New("no kernel") }
	if err := n.server.Reapply(t.Context()); err == nil || !strings.Contains(err.Error(), "no kernel") {
		t.Errorf("got %v", err)
	}
	if n.server.Snapshot() != before {
		t.Error("another version is in force")
	}
}
