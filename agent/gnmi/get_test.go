package gnmi_test

import (
	"fmt"
	"strings"
	"testing"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	extpb "github.com/openconfig/gnmi/proto/gnmi_ext"
	"github.com/openconfig/ygot/ygot"
	"google.golang.org/grpc/codes"

	"github.com/openifit/openifit/gen/yang"
)

func TestGetRefuses(t *testing.T) {
	n := start(t)
	n.fill(t)
	at := func(p string) []*gpb.Path { return []*gpb.Path{path(t, p)} }
	for _, tt := range []struct {
		name string
		req  *gpb.GetRequest
		code codes.Code
		part string
	}{
		{"no path", &gpb.GetRequest{}, codes.InvalidArgument, "no path"},
		{"unknown path", &gpb.GetRequest{Path: at("/ifit/colectors")}, codes.Unimplemented, "/ifit/colectors: no such node"},
		{"unknown leaf", &gpb.GetRequest{Path: at("/ifit/policies/policy[name=x]/config/colour")}, codes.Unimplemented, "config/colour"},
		{"below a leaf", &gpb.GetRequest{Path: at("/ifit/policies/policy[name=x]/config/name/first")}, codes.Unimplemented, "name/first"},
		{"absent entry", &gpb.GetRequest{Path: at("/ifit/policies/policy[name=y]")}, codes.NotFound, "/ifit/policies/policy[name=y]"},
		{"below an absent entry", &gpb.GetRequest{Path: at("/ifit/policies/policy[name=y]/config")}, codes.NotFound, "policy[name=y]/config"},
		{"absent leaf", &gpb.GetRequest{Path: at("/ifit/policies/policy[name=x]/config/owner")}, codes.NotFound, "config/owner"},
		{"state of a config leaf", &gpb.GetRequest{Path: at("/ifit/policies/policy[name=x]/config/enabled"), Type: gpb.GetRequest_STATE}, codes.NotFound, "requested type"},
		{"config of a state container", &gpb.GetRequest{Path: at("/ifit/policies/policy[name=x]/state"), Type: gpb.GetRequest_CONFIG}, codes.NotFound, "requested type"},
		{"key of a container", &gpb.GetRequest{Path: at("/ifit/policies[name=x]")}, codes.InvalidArgument, "no list"},
		{"unknown key", &gpb.GetRequest{Path: at("/ifit/policies/policy[id=x]")}, codes.InvalidArgument, "its key is name"},
		{"key of a wrong type", &gpb.GetRequest{Path: at("/ifit/policies/policy[name=x]/flow-selection/rules/rule[sequence-id=ten]")}, codes.InvalidArgument, "sequence-id"},
		{"key out of range", &gpb.GetRequest{Path: at("/ifit/policies/policy[name=x]/flow-selection/rules/rule[sequence-id=4294967296]")}, codes.InvalidArgument, "range"},
		{"wrong module", &gpb.GetRequest{Path: at("/openifit-types:ifit")}, codes.InvalidArgument, "openifit-agent"},
		{"nameless element", &gpb.GetRequest{Path: []*gpb.Path{{Elem: []*gpb.PathElem{{Name: "ifit"}, {}}}}}, codes.InvalidArgument, "without a name"},
		{"obsolete element", &gpb.GetRequest{Path: []*gpb.Path{{Element: []string{"ifit"}}}}, codes.InvalidArgument, "obsolete"},
		{"too deep", &gpb.GetRequest{Path: at("/ifit" + strings.Repeat("/a", 1000))}, codes.Unimplemented, "elements"},
		{"unknown origin", &gpb.GetRequest{Path: []*gpb.Path{{Origin: "cli"}}}, codes.InvalidArgument, "cli"},
		{"two origins", &gpb.GetRequest{Prefix: &gpb.Path{Origin: "openifit"}, Path: []*gpb.Path{{Origin: "openifit"}}}, codes.InvalidArgument, "both"},
		{"target in the path", &gpb.GetRequest{Path: []*gpb.Path{{Target: "r1"}}}, codes.InvalidArgument, "prefix"},
		{"ASCII", &gpb.GetRequest{Path: at("/ifit"), Encoding: gpb.Encoding_ASCII}, codes.Unimplemented, "ASCII"},
		{"BYTES", &gpb.GetRequest{Path: at("/ifit"), Encoding: gpb.Encoding_BYTES}, codes.Unimplemented, "BYTES"},
		{"undefined encoding", &gpb.GetRequest{Path: at("/ifit"), Encoding: 42}, codes.InvalidArgument, "42"},
		{"undefined type", &gpb.GetRequest{Path: at("/ifit"), Type: 42}, codes.InvalidArgument, "42"},
		{"unknown model", &gpb.GetRequest{Path: at("/ifit"), UseModels: []*gpb.ModelData{{Name: "openconfig-interfaces"}}}, codes.InvalidArgument, "openconfig-interfaces"},
		{"other version of a model", &gpb.GetRequest{Path: at("/ifit"), UseModels: []*gpb.ModelData{{Name: "openifit-agent", Version: "1999-01-01"}}}, codes.InvalidArgument, "1999"},
		{"model without data", &gpb.GetRequest{Path: at("/ifit"), UseModels: []*gpb.ModelData{{Name: "openifit-types"}}}, codes.NotFound, "no data"},
		{"history", &gpb.GetRequest{Path: at("/ifit"), Extension: []*extpb.Extension{{Ext: &extpb.Extension_History{History: &extpb.History{}}}}}, codes.Unimplemented, "history"},
		{"too many paths", &gpb.GetRequest{Path: make([]*gpb.Path, 10_001)}, codes.ResourceExhausted, "10000"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := n.client.Get(t.Context(), tt.req)
			wantCode(t, err, tt.code, tt.part)
		})
	}
}

func TestGet(t *testing.T) {
	n := start(t)
	n.fill(t)
	n.mustSet(t, update(t, "/ifit/policies/policy[name=y]/config/technique", `"EVENT_MONITOR"`))
	n.state.SetPolicy("x", func(st *yang.Policy_State) { st.OperStatus = yang.PolicyOperStatus_ACTIVE })
	n.state.SetInterface("lo", func(st *yang.Interface_State) { st.Ifindex = ygot.Uint32(1) })
	n.state.OnReadPolicy(func(name string, p *yang.Policy) {
		if name == "x" {
			p.GetOrCreateState().PacketsObserved = ygot.Uint64(1 << 60)
			p.GetOrCreateFlowSelection().GetOrCreateRules().GetOrCreateRule(10).GetOrCreateState().Hits = ygot.Uint64(7)
		}
	})
	const x = "/ifit/policies/policy[name=x]"
	for _, tt := range []struct {
		name string
		path string
		typ  gpb.GetRequest_DataType
		enc  gpb.Encoding
		want []string // path=value, or path~part of a value
	}{
		{"leaf", x + "/config/technique", gpb.GetRequest_ALL, gpb.Encoding_JSON_IETF,
			[]string{x + `/config/technique="openifit-types:FLOW_METERING"`}},
		{"leaf, JSON", x + "/config/technique", gpb.GetRequest_ALL, gpb.Encoding_JSON, []string{x + `/config/technique="FLOW_METERING"`}},
		{"leaf, PROTO", x + "/config/technique", gpb.GetRequest_ALL, gpb.Encoding_PROTO, []string{x + `/config/technique=string_val:"FLOW_METERING"`}},
		{"decimal", x + "/packet-selection/config/probability", gpb.GetRequest_ALL, gpb.Encoding_JSON_IETF,
			[]string{x + `/packet-selection/config/probability="0.25"`}},
		{"decimal, JSON", x + "/packet-selection/config/probability", gpb.GetRequest_ALL, gpb.Encoding_JSON,
			[]string{x + `/packet-selection/config/probability=0.25`}},
		{"decimal, PROTO", x + "/packet-selection/config/probability", gpb.GetRequest_ALL, gpb.Encoding_PROTO,
			[]string{x + `/packet-selection/config/probability=double_val:0.25`}},
		{"64 bits", x + "/state/packets-observed", gpb.GetRequest_ALL, gpb.Encoding_JSON_IETF, []string{x + `/state/packets-observed="1152921504606846976"`}},
		{"64 bits, JSON", x + "/state/packets-observed", gpb.GetRequest_ALL, gpb.Encoding_JSON, []string{x + `/state/packets-observed=1152921504606846976`}},
		{"leaf-list", x + "/data-export/config/collector", gpb.GetRequest_ALL, gpb.Encoding_JSON_IETF, []string{x + `/data-export/config/collector=["c"]`}},
		{"leaf-list, PROTO", x + "/data-export/config/collector", gpb.GetRequest_ALL, gpb.Encoding_PROTO,
			[]string{x + `/data-export/config/collector=leaflist_val:{element:{string_val:"c"}}`}},
		{"union", x + "/flow-selection/rules/rule[sequence-id=10]/config/destination-port", gpb.GetRequest_ALL, gpb.Encoding_JSON_IETF,
			[]string{x + `/flow-selection/rules/rule[sequence-id=10]/config/destination-port="1000..2000"`}},
		{"default in use", x + "/config/enabled", gpb.GetRequest_CONFIG, gpb.Encoding_JSON_IETF, []string{x + "/config/enabled=true"}},
		{"state repeats config", x + "/state/enabled", gpb.GetRequest_STATE, gpb.Encoding_JSON_IETF, []string{x + "/state/enabled=true"}},
		{"container", "/ifit/policies/policy[name=y]/config", gpb.GetRequest_ALL, gpb.Encoding_JSON_IETF,
			[]string{`/ifit/policies/policy[name=y]/config={"openifit-agent:enabled":true,"openifit-agent:lifetime":0,"openifit-agent:local-originated":false,"openifit-agent:name":"y","openifit-agent:priority":100,"openifit-agent:technique":"openifit-types:EVENT_MONITOR"}`}},
		{"container, JSON", "/ifit/limits/config", gpb.GetRequest_ALL, gpb.Encoding_JSON,
			[]string{`/ifit/limits/config={"max-events":1024,"max-flows-per-point":65536,"max-policies":1024}`}},
		{"container, PROTO", "/ifit/limits/config", gpb.GetRequest_ALL, gpb.Encoding_PROTO,
			[]string{"/ifit/limits/config/max-events=uint_val:1024", "/ifit/limits/config/max-flows-per-point=uint_val:65536", "/ifit/limits/config/max-policies=uint_val:1024"}},
		{"empty container", "/ifit/admission", gpb.GetRequest_ALL, gpb.Encoding_JSON_IETF, []string{"/ifit/admission={}"}},
		{"operational", x, gpb.GetRequest_OPERATIONAL, gpb.Encoding_JSON_IETF,
			[]string{x + `={"openifit-agent:flow-selection":{"rules":{"rule":[{"sequence-id":10,"state":{"hits":"7"}}]}},"openifit-agent:state":{"generation":GEN,"id":ID,"oper-status":"ACTIVE","packets-observed":"1152921504606846976"}}`}},
		{"state", x + "/flow-selection/rules", gpb.GetRequest_STATE, gpb.Encoding_JSON_IETF,
			[]string{x + `/flow-selection/rules={"openifit-agent:rule":[{"sequence-id":10,"state":{"action":"ACCEPT","destination-port":"1000..2000","hits":"7","sequence-id":10,"source-prefix":"2001:db8::/32"}}]}`}},
		{"omitted key", "/ifit/policies/policy/config/name", gpb.GetRequest_ALL, gpb.Encoding_JSON_IETF,
			[]string{x + `/config/name="x"`, `/ifit/policies/policy[name=y]/config/name="y"`}},
		{"star for a key", "/ifit/policies/policy[name=*]/state/oper-status", gpb.GetRequest_ALL, gpb.Encoding_JSON_IETF, []string{x + `/state/oper-status="ACTIVE"`}},
		{"star for a name", "/ifit/*/collector[name=c]/config/address", gpb.GetRequest_ALL, gpb.Encoding_JSON_IETF,
			[]string{`/ifit/collectors/collector[name=c]/config/address="192.0.2.1"`}},
		{"any depth", "/ifit/.../hits", gpb.GetRequest_ALL, gpb.Encoding_JSON_IETF, []string{x + `/flow-selection/rules/rule[sequence-id=10]/state/hits="7"`}},
		{"any depth at the end", "/ifit/collectors/...", gpb.GetRequest_ALL, gpb.Encoding_JSON_IETF, []string{`/ifit/collectors~"openifit-agent:collector":[{`}},
		{"wildcard without match", "/ifit/probes/probe[name=*]", gpb.GetRequest_ALL, gpb.Encoding_JSON_IETF, nil},
		{"state without configuration", "/ifit/interfaces/interface[name=lo]", gpb.GetRequest_ALL, gpb.Encoding_JSON_IETF,
			[]string{`/ifit/interfaces/interface[name=lo]={"openifit-agent:name":"lo","openifit-agent:state":{"ifindex":1}}`}},
		{"list with and without configuration", "/ifit/interfaces/interface/state/ifindex", gpb.GetRequest_ALL, gpb.Encoding_PROTO,
			[]string{"/ifit/interfaces/interface[name=lo]/state/ifindex=uint_val:1"}},
		{"qualified path", "/openifit-agent:ifit/oifit:limits/config/max-events", gpb.GetRequest_ALL, gpb.Encoding_JSON_IETF, []string{"/ifit/limits/config/max-events=1024"}},
		{"root", "/", gpb.GetRequest_CONFIG, gpb.Encoding_JSON_IETF, []string{`/~{"openifit-agent:ifit":{"collectors":{"collector":[{"config":{`}},
		{"key in another notation", x + "/flow-selection/rules/rule[sequence-id=010]/config/action", gpb.GetRequest_ALL, gpb.Encoding_JSON,
			[]string{x + `/flow-selection/rules/rule[sequence-id=10]/config/action="ACCEPT"`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			resp, err := n.client.Get(t.Context(), &gpb.GetRequest{Path: []*gpb.Path{path(t, tt.path)}, Type: tt.typ, Encoding: tt.enc})
			if err != nil {
				t.Fatal(err)
			}
			if len(resp.Notification) != 1 || resp.Notification[0].Timestamp == 0 {
				t.Fatalf("got %v, want one notification with a time", resp)
			}
			got := lines(t, resp.Notification[0])
			if len(got) != len(tt.want) {
				t.Fatalf("got %q, want %q", got, tt.want)
			}
			p := n.server.Snapshot().Policies["x"]
			fill := strings.NewReplacer(":GEN,", fmt.Sprintf(":%d,", p.Generation), ":ID,", fmt.Sprintf(":%d,", p.ID))
			for i, want := range tt.want {
				if where, part, ok := strings.Cut(want, "~"); ok {
					if !strings.HasPrefix(got[i], where+"=") || !strings.Contains(got[i], part) {
						t.Errorf("got %s, want %s", got[i], want)
					}
				} else if got[i] != fill.Replace(want) {
					t.Errorf("got  %s\nwant %s", got[i], fill.Replace(want))
				}
			}
		})
	}
}

func TestGetPrefix(t *testing.T) {
	n := start(t)
	n.fill(t)
	for _, tt := range []struct {
		name, prefix, path string
		wantPrefix, want   string
	}{
		{"none", "", "/ifit/limits/config/max-events", "/", "/ifit/limits/config/max-events"},
		{"container", "/ifit/limits", "config/max-events", "/ifit/limits", "/config/max-events"},
		{"list entry", "/ifit/collectors/collector[name=c]", "config/port", "/ifit/collectors/collector[name=c]", "/config/port"},
		{"the leaf itself", "/ifit/limits/config/max-events", "/", "/ifit/limits/config/max-events", "/"},
		{"wildcard", "/ifit/collectors/collector[name=*]", "config/port", "/", "/ifit/collectors/collector[name=c]/config/port"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			prefix := path(t, tt.prefix)
			prefix.Target, prefix.Origin = "r1", "openifit"
			resp, err := n.client.Get(t.Context(), &gpb.GetRequest{Prefix: prefix, Path: []*gpb.Path{path(t, tt.path)}, Encoding: gpb.Encoding_PROTO})
			if err != nil {
				t.Fatal(err)
			}
			u := resp.Notification[0]
			if u.Prefix.GetTarget() != "r1" || u.Prefix.GetOrigin() != "openifit" {
				t.Errorf("prefix %v does not repeat target and origin", u.Prefix)
			}
			if got := pathString(t, &gpb.Path{Elem: u.Prefix.Elem}); got != tt.wantPrefix {
				t.Errorf("prefix %s, want %s", got, tt.wantPrefix)
			}
			if got := pathString(t, u.Update[0].Path); got != tt.want {
				t.Errorf("path %s, want %s", got, tt.want)
			}
		})
	}
}

// TestGetPaths checks that every path gets a notification of its own.
func TestGetPaths(t *testing.T) {
	n := start(t)
	n.fill(t)
	resp, err := n.client.Get(t.Context(), &gpb.GetRequest{
		Path:     []*gpb.Path{path(t, "/ifit/limits/config/max-events"), path(t, "/ifit/policies/policy[name=*]/config/name"), {Origin: "openconfig", Elem: path(t, "/ifit/domain/config/name").Elem}},
		Encoding: gpb.Encoding_JSON_IETF,
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(resp.Notification) != 3 {
		t.Fatalf("got %d notifications, want 3", len(resp.Notification))
	}
	if got := resp.Notification[2].Update[0].Path.Origin; got != "openconfig" {
		t.Errorf("origin of the path is answered with %q", got)
	}
	if resp.Notification[0].Prefix != nil {
		t.Errorf("a prefix %v where none was sent", resp.Notification[0].Prefix)
	}
}

func TestCapabilities(t *testing.T) {
	resp, err := start(t).client.Capabilities(t.Context(), &gpb.CapabilityRequest{})
	if err != nil {
		t.Fatal(err)
	}
	models := map[string]string{}
	for _, m := range resp.SupportedModels {
		models[m.Name] = m.Version
	}
	for _, name := range []string{"openifit-agent", "openifit-types"} {
		if len(models[name]) != len("2026-11-21") {
			t.Errorf("model %s has the revision %q", name, models[name])
		}
	}
	if fmt.Sprint(resp.SupportedEncodings) != "[JSON JSON_IETF PROTO]" {
		t.Errorf("encodings %v", resp.SupportedEncodings)
	}
	if !strings.HasPrefix(resp.GNMIVersion, "0.") {
		t.Errorf("gNMI version %q", resp.GNMIVersion)
	}
}

// lines renders the updates of a notification as path=value.
func lines(t testing.TB, n *gpb.Notification) []string {
	t.Helper()
	var out []string
	for _, d := range n.Delete {
		out = append(out, "-"+pathString(t, join(n.Prefix, d)))
	}
	for _, u := range n.Update {
		out = append(out, pathString(t, join(n.Prefix, u.Path))+"="+valueString(u.Val))
	}
	return out
}

func join(prefix, p *gpb.Path) *gpb.Path {
	return &gpb.Path{Elem: append(append([]*gpb.PathElem(nil), prefix.GetElem()...), p.GetElem()...)}
}

func pathString(t testing.TB, p *gpb.Path) string {
	t.Helper()
	s, err := ygot.PathToString(&gpb.Path{Elem: p.GetElem()})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func valueString(v *gpb.TypedValue) string {
	switch x := v.GetValue().(type) {
	case *gpb.TypedValue_JsonVal:
		return string(x.JsonVal)
	case *gpb.TypedValue_JsonIetfVal:
		return string(x.JsonIetfVal)
	}
	// Protocol buffers vary the blanks in their text on purpose.
	return strings.ReplaceAll(v.String(), " ", "")
}
