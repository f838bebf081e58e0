package northbound_test

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/openconfig/ygot/ygot"
	"google.golang.org/protobuf/proto"

	"github.com/openifit/openifit/controller/collect"
	"github.com/openifit/openifit/controller/correlate"
	"github.com/openifit/openifit/controller/decide"
	"github.com/openifit/openifit/controller/events"
	"github.com/openifit/openifit/controller/flows"
	"github.com/openifit/openifit/controller/inventory"
	"github.com/openifit/openifit/controller/journal"
	"github.com/openifit/openifit/controller/loop"
	"github.com/openifit/openifit/controller/measure"
	"github.com/openifit/openifit/controller/northbound"
	"github.com/openifit/openifit/controller/paths"
	"github.com/openifit/openifit/controller/policy"
	"github.com/openifit/openifit/controller/push"
	"github.com/openifit/openifit/controller/store"
	"github.com/openifit/openifit/controller/target/gnmitest"
	openifitv1 "github.com/openifit/openifit/gen/openifit/v1"
	"github.com/openifit/openifit/gen/openifit/v1/openifitv1connect"
	"github.com/openifit/openifit/gen/yang"
)

// node takes every Set but those that name a policy it does not like.
type node struct{ name string }

func (n node) Name() string { return n.name }

func (n node) Set(_ context.Context, changes []policy.Change) error {
	for _, c := range changes {
		if strings.Contains(c.Path, "refused-by-"+n.name) {
			return errRefused
		}
	}
	return nil
}

func (n node) Get(context.Context, ...string) (*yang.Device, error) { return &yang.Device{}, nil }

// world is a controller without nodes on the network.
type world struct {
	c   *northbound.Controller
	url string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	dir := t.TempDir()
	logger := slog.New(slog.DiscardHandler)
	c := &northbound.Controller{}
	var err error
	must := func(e error) {
		if e != nil {
			t.Fatal(e)
		}
	}
	nodes := &c.Nodes
	hub := newHubs()
	*nodes, c.Policies = hub.nodes, hub.policies
	c.Inventory, err = inventory.New(inventory.Config{
		Nodes: []inventory.NodeConfig{
			{Name: "r1", Address: "192.0.2.1:1", Role: inventory.Head}, {Name: "r2", Address: "192.0.2.2:1", Role: inventory.End},
		},
		Links: []inventory.Link{{A: inventory.LinkEnd{Node: "r1", Interface: "to-r2"}, B: inventory.LinkEnd{Node: "r2", Interface: "to-r1"}}},
	}, c.Nodes.Publish)
	must(err)
	documents := func(name string) *store.Documents {
		d, err := store.OpenDocuments(filepath.Join(dir, name))
		must(err)
		return d
	}
	log := func(name string) *store.Log {
		l, err := store.OpenLog(filepath.Join(dir, name), store.LogConfig{})
		must(err)
		t.Cleanup(func() { _ = l.Close() })
		return l
	}
	c.Pusher, err = push.New(push.Config{
		Nodes: []push.Node{node{"r1"}, node{"r2"}}, Order: c.Inventory.Order,
		Reachable: func(string) bool { return true }, Documents: documents("policies"),
		Changed: c.Policies.Publish, Log: logger,
	})
	must(err)
	c.Paths = paths.New(correlate.Config{}, c.Inventory)
	c.Flows = flows.New(10, c.Inventory)
	c.Events, err = events.New(log("events"), logger)
	must(err)
	c.Journal, err = journal.New(log("decisions"))
	must(err)
	c.Engine, err = loop.New(loop.Config{
		Loops:  []loop.Spec{{Name: "adaptive", Sampling: &loop.Sampling{Sampling: decide.DefaultSampling("adaptive"), Base: "paths"}}},
		Pusher: c.Pusher, Journal: c.Journal, Events: c.Events, Inventory: c.Inventory, Evidence: c.Paths.Evidence,
		Settings: documents("loops"), Unauthenticated: func() uint64 { return 3 }, Log: logger,
	})
	must(err)
	server := httptest.NewServer(c.Handler())
	t.Cleanup(server.Close)
	return &world{c, server.URL}
}

func ask[Q, A any](t *testing.T, call func(context.Context, *connect.Request[Q]) (*connect.Response[A], error), q *Q, want connect.Code) *A {
	t.Helper()
	r, err := call(t.Context(), connect.NewRequest(q))
	if want != 0 {
		if connect.CodeOf(err) != want {
			t.Errorf("error %v, want %v", err, want)
		}
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	return r.Msg
}

// introduce makes r1 tell who it is.
func (w *world) introduce() {
	d := &yang.Device{}
	ifit := d.GetOrCreateIfit()
	ifit.GetOrCreateDomain().GetOrCreateState().ObservationDomainId = ygot.Uint32(1)
	ifit.GetOrCreateInterfaces().Interface = map[string]*yang.Interface{
		"to-r2": {Name: ygot.String("to-r2"), State: &yang.Interface_State{
			Ifindex: ygot.Uint32(2), Role: yang.InterfaceRole_CORE, OperStatus: yang.InterfaceOperStatus_UP}},
	}
	ifit.GetOrCreatePolicies().Policy = map[string]*yang.Policy{"paths": {Name: ygot.String("paths"), State: &yang.Policy_State{
		Id: ygot.Uint32(7), Generation: ygot.Uint32(4), OperStatus: yang.PolicyOperStatus_ACTIVE,
		Role: []yang.NodeRole{yang.NodeRole_HEAD}, PacketsSelected: ygot.Uint64(12)}}}
	w.c.Inventory.Observe("r1", d, time.Now())
	w.c.Inventory.SetSession("r1", inventory.Up, nil, time.Now())
}

func TestNodes(t *testing.T) {
	w := newWorld(t)
	c := openifitv1connect.NewNodeServiceClient(http.DefaultClient, w.url)
	ask(t, c.GetNode, &openifitv1.GetNodeRequest{Name: "r9"}, connect.CodeNotFound)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s, err := c.WatchNodes(ctx, connect.NewRequest(&openifitv1.WatchNodesRequest{}))
	if err != nil {
		t.Fatal(err)
	}
	var changes []openifitv1.Change
	for range 3 {
		if !s.Receive() {
			t.Fatal(s.Err())
		}
		changes = append(changes, s.Msg().GetChange())
	}
	if changes[0] != openifitv1.Change_CHANGE_PRESENT || changes[2] != openifitv1.Change_CHANGE_SYNCHRONIZED {
		t.Errorf("changes %v", changes)
	}
	w.introduce()
	if !s.Receive() || s.Msg().GetChange() != openifitv1.Change_CHANGE_UPDATED || s.Msg().GetNode().GetObservationDomainId() != 1 {
		t.Errorf("change %v, %v", s.Msg(), s.Err())
	}
	n := ask(t, c.GetNode, &openifitv1.GetNodeRequest{Name: "r1"}, 0).GetNode()
	if i := n.GetInterfaces()[0]; n.GetSession() != openifitv1.SessionState_SESSION_STATE_UP || n.GetActivePolicies() != 1 || n.ExportOctetsPerSecond != nil ||
		i.GetRole() != openifitv1.InterfaceRole_INTERFACE_ROLE_CORE || i.GetPeerNode() != "r2" || !i.GetOperUp() {
		t.Errorf("node %v", n)
	}
	if l := ask(t, c.ListNodes, &openifitv1.ListNodesRequest{}, 0).GetNodes(); len(l) != 2 || l[1].GetSession() != openifitv1.SessionState_SESSION_STATE_DOWN {
		t.Errorf("nodes %v", l)
	}
}

const pathsPolicy = `{"config": {"name": "paths", "technique": "PBT_M", "owner": "elephants"},
	"flow-selection": {"config": {"source": "FLOW_LIST"}}}`

func TestPolicies(t *testing.T) {
	w := newWorld(t)
	w.introduce()
	c := openifitv1connect.NewPolicyServiceClient(http.DefaultClient, w.url)
	ask(t, c.ApplyPolicy, &openifitv1.ApplyPolicyRequest{JsonIetf: `{"config": {"name": "x"}}`}, connect.CodeInvalidArgument)
	ask(t, c.ApplyPolicy, &openifitv1.ApplyPolicyRequest{JsonIetf: pathsPolicy, Nodes: []string{"r9"}}, connect.CodeInvalidArgument)
	ask(t, c.ApplyPolicy, &openifitv1.ApplyPolicyRequest{JsonIetf: strings.Replace(pathsPolicy, `"paths"`, `"refused-by-r2"`, 1)}, connect.CodeFailedPrecondition)
	ask(t, c.GetPolicy, &openifitv1.GetPolicyRequest{Name: "paths"}, connect.CodeNotFound)
	ask(t, c.DeletePolicy, &openifitv1.DeletePolicyRequest{Name: "paths"}, connect.CodeNotFound)
	if p := ask(t, c.ApplyPolicy, &openifitv1.ApplyPolicyRequest{JsonIetf: pathsPolicy, ValidateOnly: true}, 0).GetPolicy(); p.GetOwner() != "elephants" || len(w.c.Pusher.Policies()) != 0 {
		t.Errorf("a check changed something: %v", p)
	}

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s, err := c.WatchPolicies(ctx, connect.NewRequest(&openifitv1.WatchPoliciesRequest{}))
	if err != nil || !s.Receive() || s.Msg().GetChange() != openifitv1.Change_CHANGE_SYNCHRONIZED {
		t.Fatalf("change %v, %v", s.Msg(), err)
	}
	p := ask(t, c.ApplyPolicy, &openifitv1.ApplyPolicyRequest{JsonIetf: pathsPolicy}, 0).GetPolicy()
	if !s.Receive() || s.Msg().GetPolicy().GetName() != "paths" {
		t.Errorf("change %v", s.Msg())
	}
	first, second := p.GetStatuses()[0], p.GetStatuses()[1]
	if first.GetOperStatus() != openifitv1.PolicyOperStatus_POLICY_OPER_STATUS_ACTIVE || first.GetGeneration() != 4 || first.GetPacketsSelected() != 12 ||
		len(first.GetRoles()) != 1 || second.GetOperStatus() != openifitv1.PolicyOperStatus_POLICY_OPER_STATUS_UNSPECIFIED {
		t.Errorf("statuses %v", p.GetStatuses())
	}
	if l := ask(t, c.ListPolicies, &openifitv1.ListPoliciesRequest{Owner: "nobody"}, 0).GetPolicies(); len(l) != 0 {
		t.Errorf("policies %v", l)
	}
	metering := ask(t, c.ApplyPolicy, &openifitv1.ApplyPolicyRequest{JsonIetf: `{"config": {"name": "refused-by-r1", "technique": "FLOW_METERING"}}`}, 0).GetPolicy()
	if got := metering.GetStatuses()[0]; got.GetOperStatus() != openifitv1.PolicyOperStatus_POLICY_OPER_STATUS_REFUSED || got.GetLastError() == "" {
		t.Errorf("status %v", got)
	}
	if left := ask(t, c.DeletePolicy, &openifitv1.DeletePolicyRequest{Name: "paths"}, 0).GetRemaining(); len(left) != 0 {
		t.Errorf("left %v", left)
	}
	for s.Receive() {
		if s.Msg().GetChange() == openifitv1.Change_CHANGE_REMOVED && s.Msg().GetPolicy().GetName() == "paths" {
			return
		}
	}
	t.Errorf("the removal was not told: %v", s.Err())
}

var flow = measure.Flow{
	Source: netip.MustParseAddr("10.0.0.1"), Destination: netip.MustParseAddr("10.0.0.2"), SourcePort: 1, DestinationPort: 2, Protocol: 17,
}

func TestFlows(t *testing.T) {
	w := newWorld(t)
	w.introduce()
	c := openifitv1connect.NewFlowServiceClient(http.DefaultClient, w.url)
	ask(t, c.ListFlows, &openifitv1.ListFlowsRequest{Filter: &openifitv1.FlowFilter{SourcePrefix: "ten"}}, connect.CodeInvalidArgument)
	record := measure.FlowRecord{
		Node: "r1", PolicyID: 7, Generation: 4, Key: measure.FlowKey{Flow: flow, DSCP: 3}, Ifindex: 2, EgressIfindex: 2, Egress: true,
		Packets: 10, Octets: 1000, First: 5, Last: 9, Ratio: 0.5, Delay: measure.Delay{Packets: 2, Sum: 30, Min: 10, Max: 20},
		MinimumHopLimit: 62, MaximumHopLimit: 63,
	}
	later := record
	later.First, later.Last, later.MinimumHopLimit = 3, 20, 61
	small := record
	small.Key.DestinationPort, small.Octets = 9, 5
	w.c.Flows.Add(time.Now(), []measure.FlowRecord{small, record, later})
	port := uint32(2)
	for _, tt := range []struct {
		filter *openifitv1.FlowFilter
		want   int
	}{
		{nil, 2},
		{&openifitv1.FlowFilter{Policy: "paths", Node: "r1", SourcePrefix: "10.0.0.0/8", DestinationPrefix: "10.0.0.2", DestinationPort: &port}, 1},
		{&openifitv1.FlowFilter{Node: "r2"}, 0},
		{&openifitv1.FlowFilter{SourcePrefix: "2001:db8::/32"}, 0},
	} {
		if l := ask(t, c.ListFlows, &openifitv1.ListFlowsRequest{Filter: tt.filter}, 0); len(l.GetFlows()) != tt.want || l.GetMatched() != uint64(tt.want) {
			t.Errorf("%v: flows %v", tt.filter, l)
		}
	}
	f := ask(t, c.ListFlows, &openifitv1.ListFlowsRequest{Limit: 1}, 0).GetFlows()[0]
	if f.GetPackets() != 20 || f.GetFirstUnixNs() != 3 || f.GetLastUnixNs() != 20 || f.GetMinHopLimit() != 61 || f.GetSamplingRatio() != 0.5 ||
		f.GetTransitDelay().GetMeanNs() != 15 || f.GetKey().GetDscp() != 3 || f.GetObservationPoint().GetInterface() != "to-r2" ||
		f.GetProvenance() != openifitv1.Provenance_PROVENANCE_IPFIX_PLAIN {
		t.Errorf("flow %v", f)
	}

	w.c.Engine.Take(t.Context(), collect.Report{Node: "r1", Heavy: &measure.HeavyFlows{
		Node: "r1", Policy: "heavy", Flows: []measure.HeavyFlow{{Flow: flow, Rank: 1, Octets: 9}}}})
	listed, err := policy.Parse([]byte(pathsPolicy))
	if err == nil {
		listed, err = listed.WithFlows([]measure.Flow{flow})
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.c.Pusher.Apply(t.Context(), listed, nil); err != nil {
		t.Fatal(err)
	}
	h := ask(t, c.ListHeavyFlows, &openifitv1.ListHeavyFlowsRequest{Node: "r1"}, 0).GetHeavyFlows()
	if len(h) != 1 || !h[0].GetInstrumented() || h[0].GetRank() != 1 {
		t.Errorf("heavy flows %v", h)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s, err := c.WatchHeavyFlows(ctx, connect.NewRequest(&openifitv1.WatchHeavyFlowsRequest{}))
	if err != nil || !s.Receive() || !s.Receive() || s.Msg().GetChange() != openifitv1.Change_CHANGE_SYNCHRONIZED {
		t.Fatalf("change %v, %v", s.Msg(), err)
	}
	w.c.Engine.Take(t.Context(), collect.Report{Node: "r1", Heavy: &measure.HeavyFlows{Node: "r1", Policy: "heavy"}})
	if !s.Receive() || s.Msg().GetChange() != openifitv1.Change_CHANGE_REMOVED || s.Msg().GetHeavyFlow().GetKey().GetSourceAddress() != "10.0.0.1" {
		t.Errorf("change %v, %v", s.Msg(), s.Err())
	}
}

func TestPaths(t *testing.T) {
	w := newWorld(t)
	w.introduce()
	c := openifitv1connect.NewPathServiceClient(http.DefaultClient, w.url)
	ask(t, c.GetPath, &openifitv1.GetPathRequest{Id: "first"}, connect.CodeInvalidArgument)
	ask(t, c.GetPath, &openifitv1.GetPathRequest{Id: "1"}, connect.CodeNotFound)
	now := time.Now()
	w.c.Paths.Add(now, []measure.Postcard{{
		Node: "r1", Flow: flow, PacketID: 1, PolicyID: 7, Generation: 4, Ingress: 1000, Egress: 3000, EgressIfindex: 2, HopLimit: 64,
	}})
	w.c.Paths.Expire(now.Add(time.Minute))
	p := ask(t, c.GetPath, &openifitv1.GetPathRequest{Id: "1"}, 0).GetPath()
	if len(p.GetHops()) != 1 || p.GetCompleteness() != openifitv1.Completeness_COMPLETENESS_INCOMPLETE || p.GetPolicy() != "paths" ||
		p.GetHops()[0].GetTransitDelayNs() != 2000 || p.GetHops()[0].DelayFromPreviousHopNs != nil || p.PathDelayNs != nil ||
		p.GetMissingHops()[0].GetExpectedNode() != "r2" || p.GetMissingHops()[0].GetPosition() != 1 {
		t.Errorf("path %v", p)
	}
	for _, tt := range []struct {
		q    *openifitv1.ListPathsRequest
		want int
	}{
		{&openifitv1.ListPathsRequest{}, 1},
		{&openifitv1.ListPathsRequest{History: true, IncompleteOnly: true}, 1},
		{&openifitv1.ListPathsRequest{Filter: &openifitv1.FlowFilter{Node: "r2"}}, 0},
		{&openifitv1.ListPathsRequest{Filter: &openifitv1.FlowFilter{Policy: "other"}}, 0},
	} {
		if l := ask(t, c.ListPaths, tt.q, 0); len(l.GetPaths()) != tt.want {
			t.Errorf("%v: paths %v", tt.q, l)
		}
	}
}

func TestEvents(t *testing.T) {
	w := newWorld(t)
	c := openifitv1connect.NewEventServiceClient(http.DefaultClient, w.url)
	for i, e := range []measure.Event{
		{Node: "r1", Metric: measure.TransitDelay, Phase: measure.Raised, Interface: "to-r2", Direction: "EGRESS", Value: 9, Flow: flow},
		{Node: "r2", Metric: measure.PathChange, Phase: measure.Momentary, Now: measure.Way{Egress: "a"}, Before: measure.Way{Egress: "b"}},
	} {
		e.NodeID, e.Time = uint64(i+1), int64(100*(i+1))
		w.c.Engine.Take(t.Context(), collect.Report{Node: e.Node, Event: &e})
	}
	l := ask(t, c.ListEvents, &openifitv1.ListEventsRequest{}, 0).GetEvents()
	if len(l) != 2 || l[0].GetPathChange().GetOldEgressInterface() != "b" || l[0].GetKey() != nil || l[0].GetPhase() != openifitv1.EventPhase_EVENT_PHASE_INSTANT ||
		l[1].GetUnit() != "ns" || l[1].GetObservationPoint().GetDirection() != openifitv1.Direction_DIRECTION_EGRESS ||
		l[1].GetProvenance() != openifitv1.Provenance_PROVENANCE_GNMI {
		t.Errorf("events %v", l)
	}
	for _, tt := range []struct {
		f    *openifitv1.EventFilter
		want int
	}{
		{&openifitv1.EventFilter{Node: "r1"}, 1},
		{&openifitv1.EventFilter{AfterId: 1}, 1},
		{&openifitv1.EventFilter{SinceUnixNs: proto.Int64(150)}, 1},
		{&openifitv1.EventFilter{Metrics: []openifitv1.EventMetric{openifitv1.EventMetric_EVENT_METRIC_NEW_FLOW}}, 0},
	} {
		if l := ask(t, c.ListEvents, &openifitv1.ListEventsRequest{Filter: tt.f}, 0).GetEvents(); len(l) != tt.want {
			t.Errorf("%v: events %v", tt.f, l)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s, err := c.WatchEvents(ctx, connect.NewRequest(&openifitv1.WatchEventsRequest{Filter: &openifitv1.EventFilter{SinceUnixNs: proto.Int64(1)}}))
	if err != nil || !s.Receive() || s.Msg().GetEvent().GetId() != 1 || !s.Receive() {
		t.Fatalf("event %v, %v", s.Msg(), err)
	}
	w.c.Engine.Take(ctx, collect.Report{Node: "r1", Event: &measure.Event{Node: "r1", NodeID: 7, Time: 300, Metric: measure.NewFlow, Phase: measure.Momentary}})
	if !s.Receive() || s.Msg().GetEvent().GetId() != 3 {
		t.Errorf("event %v, %v", s.Msg(), s.Err())
	}
}

func TestLoopsAndDecisions(t *testing.T) {
	w := newWorld(t)
	c := openifitv1connect.NewLoopServiceClient(http.DefaultClient, w.url)
	ask(t, c.GetLoop, &openifitv1.GetLoopRequest{Name: "nobody"}, connect.CodeNotFound)
	ask(t, c.SetLoop, &openifitv1.SetLoopRequest{Name: "nobody", Mode: openifitv1.LoopMode_LOOP_MODE_KILLED}, connect.CodeNotFound)
	ask(t, c.SetLoop, &openifitv1.SetLoopRequest{Name: "adaptive", Mode: 99}, connect.CodeInvalidArgument)
	ask(t, c.SetLoop, &openifitv1.SetLoopRequest{Name: "adaptive", Budget: &openifitv1.Budget{MaxSamplingRatio: proto.Float64(7)}}, connect.CodeInvalidArgument)
	l := ask(t, c.SetLoop, &openifitv1.SetLoopRequest{
		Name: "*", Mode: openifitv1.LoopMode_LOOP_MODE_KILLED, Budget: &openifitv1.Budget{MaxExportOctetsPerSecond: proto.Uint64(77)},
	}, 0).GetLoops()
	if len(l) != 1 || l[0].GetMode() != openifitv1.LoopMode_LOOP_MODE_KILLED || l[0].GetBudget().GetMaxExportOctetsPerSecond() != 77 ||
		l[0].ExportOctetsPerSecond != nil || l[0].GetIgnoredUnauthenticated() != 3 {
		t.Errorf("loops %v", l)
	}

	d := openifitv1connect.NewDecisionServiceClient(http.DefaultClient, w.url)
	ask(t, d.GetDecision, &openifitv1.GetDecisionRequest{Id: 1}, connect.CodeNotFound)
	id, err := w.c.Journal.Record(decide.Decision{
		Time: 10, Loop: "adaptive", Lifetime: 5,
		Cause:    decide.Cause{Events: []uint64{4}, Summary: "why"},
		Evidence: measure.Seal([]measure.Measurement{{Name: "udp", Value: 2, Provenance: measure.IPFIXPlain}}),
		Action:   decide.Action{Kind: decide.Raise, Policy: "paths.raise", Changes: []policy.Change{{Op: policy.Delete, Path: "/x"}}},
	}, 6, decide.Record{})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.c.Journal.Resolve(id, []journal.Result{{Node: "r1", Applied: true}}); err != nil {
		t.Fatal(err)
	}
	got := ask(t, d.GetDecision, &openifitv1.GetDecisionRequest{Id: id}, 0).GetDecision()
	if got.GetAction().GetKind() != openifitv1.ActionKind_ACTION_KIND_RAISE || got.GetExpiresAtUnixNs() != 15 || got.GetGeneration() != 6 ||
		got.GetState() != openifitv1.DecisionState_DECISION_STATE_APPLIED || got.GetEvidence()[0].GetProvenance() != openifitv1.Provenance_PROVENANCE_IPFIX_PLAIN ||
		got.GetAction().GetChanges()[0].GetOperation() != openifitv1.ConfigOperation_CONFIG_OPERATION_DELETE || got.GetCause().GetEventIds()[0] != 4 {
		t.Errorf("decision %v", got)
	}
	for _, tt := range []struct {
		f    *openifitv1.DecisionFilter
		want int
	}{{nil, 1}, {&openifitv1.DecisionFilter{Loop: "x"}, 0}, {&openifitv1.DecisionFilter{Policy: "paths.raise"}, 1}, {&openifitv1.DecisionFilter{SinceUnixNs: proto.Int64(11)}, 0}} {
		if l := ask(t, d.ListDecisions, &openifitv1.ListDecisionsRequest{Filter: tt.f}, 0).GetDecisions(); len(l) != tt.want {
			t.Errorf("%v: decisions %v", tt.f, l)
		}
	}
}

// TestOnlyWithCertificate asks without a client certificate, and with one of
// another authority.
func TestOnlyWithCertificate(t *testing.T) {
	client, server := gnmitest.TLS(t)
	stranger, _ := gnmitest.TLS(t)
	w := newWorld(t)
	for name, bad := range map[string]*tls.Config{
		"no client certificates": {MinVersion: tls.VersionTLS13},
		"old TLS":                {ClientAuth: tls.RequireAndVerifyClientCert},
	} {
		if _, err := northbound.Listen(netip.MustParseAddrPort("127.0.0.1:0"), bad, nil, slog.New(slog.DiscardHandler)); err == nil {
			t.Errorf("%s: listens", name)
		}
	}
	s, err := northbound.Listen(netip.MustParseAddrPort("127.0.0.1:0"), server, w.c.Handler(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	for name, tt := range map[string]struct {
		config *tls.Config
		ok     bool
	}{
		"none":     {&tls.Config{MinVersion: tls.VersionTLS13, RootCAs: client.RootCAs}, false},
		"stranger": {&tls.Config{MinVersion: tls.VersionTLS13, RootCAs: client.RootCAs, Certificates: stranger.Certificates}, false},
		"operator": {client, true},
	} {
		transport := &http.Transport{TLSClientConfig: tt.config, ForceAttemptHTTP2: true}
		c := openifitv1connect.NewNodeServiceClient(&http.Client{Transport: transport}, "https://"+s.Address().String(), connect.WithGRPC())
		_, err := c.ListNodes(t.Context(), connect.NewRequest(&openifitv1.ListNodesRequest{}))
		if (err == nil) != tt.ok {
			t.Errorf("%s: %v", name, err)
		}
		transport.CloseIdleConnections()
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
