package loop_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/openifit/openifit/controller/collect"
	"github.com/openifit/openifit/controller/decide"
	"github.com/openifit/openifit/controller/events"
	"github.com/openifit/openifit/controller/inventory"
	"github.com/openifit/openifit/controller/journal"
	"github.com/openifit/openifit/controller/loop"
	"github.com/openifit/openifit/controller/measure"
	"github.com/openifit/openifit/controller/policy"
	"github.com/openifit/openifit/controller/push"
	"github.com/openifit/openifit/controller/store"
	"github.com/openifit/openifit/gen/yang"
)

// node takes every Set.
type node struct {
	name string
	mu   *sync.Mutex
	sets int
}

func (n *node) Name() string { return n.name }

func (n *node) Set(context.Context, []policy.Change) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.sets++
	return nil
}

func (n *node) Get(context.Context, ...string) (*yang.Device, error) { return &yang.Device{}, nil }

// bench is an engine with everything around it but the network.
type bench struct {
	engine  *loop.Engine
	pusher  *push.Pusher
	journal *journal.Journal
	// decisions is where the journal writes.
	decisions *store.Log
	dir       string
}

func newBench(t *testing.T, dir string) *bench {
	t.Helper()
	b := &bench{dir: dir}
	logger := slog.New(slog.DiscardHandler)
	documents := func(name string) *store.Documents {
		d, err := store.OpenDocuments(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	openLog := func(name string) *store.Log {
		l, err := store.OpenLog(filepath.Join(dir, name), store.LogConfig{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		return l
	}
	inv, err := inventory.New(inventory.Config{Nodes: []inventory.NodeConfig{
		{Name: "r1", Address: "192.0.2.1:1", Role: inventory.Head}, {Name: "r5", Address: "192.0.2.5:1", Role: inventory.End},
	}}, func(inventory.Node) {})
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	b.pusher, err = push.New(push.Config{
		Nodes: []push.Node{&node{name: "r1", mu: &mu}, &node{name: "r5", mu: &mu}},
		Order: inv.Order, Reachable: func(string) bool { return true },
		Documents: documents("policies"), Changed: func(string) {}, Log: logger,
	})
	if err != nil {
		t.Fatal(err)
	}
	b.decisions = openLog("decisions")
	if b.journal, err = journal.New(b.decisions); err != nil {
		t.Fatal(err)
	}
	known, err := events.New(openLog("events"), logger)
	if err != nil {
		t.Fatal(err)
	}
	elephants := &loop.Elephants{Elephants: decide.DefaultElephants("elephants"), Policy: "paths", Sketch: "heavy", Epoch: 5 * time.Millisecond}
	sampling := &loop.Sampling{Sampling: decide.DefaultSampling("adaptive"), Base: "paths"}
	b.engine, err = loop.New(loop.Config{
		Loops:  []loop.Spec{{Name: "elephants", Elephants: elephants}, {Name: "adaptive", Sampling: sampling}},
		Pusher: b.pusher, Journal: b.journal, Events: known, Inventory: inv,
		Evidence:        func(string, time.Time) measure.Evidence { return measure.Evidence{} },
		Settings:        documents("loops"),
		Unauthenticated: func() uint64 { return 7 },
		Log:             logger,
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// start runs the engine, fed every few milliseconds with what report returns.
func (b *bench) start(t *testing.T, report func() []collect.Report) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	reports := make(chan collect.Report)
	done := make(chan error, 1)
	go func() { done <- b.engine.Run(ctx, reports) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	go func() {
		for ctx.Err() == nil {
			for _, r := range report() {
				select {
				case reports <- r:
				case <-ctx.Done():
				}
			}
			time.Sleep(2 * time.Millisecond)
		}
	}()
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("never: %s", what)
}

var elephant = measure.Flow{
	Source: netip.MustParseAddr("10.0.0.1"), Destination: netip.MustParseAddr("10.0.0.2"),
	SourcePort: 1, DestinationPort: 2, Protocol: 17,
}

func heavy() collect.Report {
	return collect.Report{Node: "r1", Heavy: &measure.HeavyFlows{
		Node: "r1", Policy: "heavy", Generation: 1, Time: time.Now().UnixNano(),
		Flows: []measure.HeavyFlow{{Flow: elephant, Rank: 1, OctetsPerSecond: 1e6}},
	}}
}

// counters are those of a node that exports 1,000 octets per second.
func counters() collect.Report {
	now := time.Now().UnixNano()
	n := uint64(now / 1e6)
	return collect.Report{Node: "r1", Counters: &measure.Counters{
		Node: "r1", Time: now, Octets: n, Records: n / 100,
		Policies: map[string]measure.PolicyCounters{"paths": {Records: n / 100}},
	}}
}

func paths(t *testing.T) *policy.Policy {
	t.Helper()
	p, err := policy.Parse([]byte(`{"config": {"name": "paths", "technique": "PBT_M", "owner": "elephants"},
		"flow-selection": {"config": {"source": "FLOW_LIST"}},
		"packet-selection": {"config": {"algorithm": "UNIFORM_PROBABILISTIC", "probability": "0.015625"}}}`))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestEngine(t *testing.T) {
	b := newBench(t, t.TempDir())
	ctx := t.Context()
	if _, err := b.pusher.Apply(ctx, paths(t), nil); err != nil {
		t.Fatal(err)
	}
	b.start(t, func() []collect.Report { return []collect.Report{heavy(), counters()} })
	instrumented := func() bool {
		p, _, _ := b.pusher.Policy("paths")
		return len(p.Flows()) == 1 && p.Flows()[0] == elephant
	}
	raised := func() bool {
		p, _, _ := b.pusher.Policy("paths.raise")
		return p != nil
	}
	eventually(t, "the elephant is instrumented", instrumented)
	if raised() {
		t.Error("raised without an event")
	}
	eventually(t, "the load is measured", func() bool { return b.engine.Loops(time.Now())[0].Measured })

	b.engine.Take(ctx, collect.Report{Node: "r5", Event: &measure.Event{
		Node: "r5", NodeID: 1, Time: 1, Policy: "watch", Trigger: "queue", Metric: measure.TransitDelay,
		Phase: measure.Raised, Interface: "to-h2", Value: 9e6, Threshold: 1e6,
	}})
	eventually(t, "the base is raised", raised)
	eventually(t, "the decision is applied", func() bool {
		d := b.journal.List(func(d *journal.Decision) bool { return d.Action.Kind == decide.Raise })
		return len(d) == 1 && d[0].State == journal.Applied && len(d[0].Results) == 2 && len(d[0].Cause.Events) == 1 && d[0].Cause.Events[0] == 1
	})
	read := func(fn func([]byte) error) error {
		return store.ReadLog(filepath.Join(b.dir, "decisions"), store.LogConfig{}, fn)
	}
	if err := journal.Replay(read, func(id uint64, err error) {
		if err != nil {
			t.Errorf("decision %d: %v", id, err)
		}
	}); err != nil {
		t.Fatal(err)
	}
	for _, s := range b.engine.Loops(time.Now()) {
		if len(s.Owned) != 1 || s.Decisions == 0 || s.Unauthenticated != 7 || s.Mode != loop.Enabled {
			t.Errorf("loop %+v", s)
		}
	}

	// The kill switch removes what the loops installed, and nothing else.
	if err := b.engine.Set(ctx, "*", loop.Killed, loop.Budget{}); err != nil {
		t.Fatal(err)
	}
	if p, _, _ := b.pusher.Policy("paths"); raised() || p == nil || len(p.Flows()) != 0 {
		t.Error("the kill switch left something, or took too much")
	}
	before := b.journal.List(func(*journal.Decision) bool { return true })[0].ID
	again := newBench(t, b.dir)
	for _, s := range again.engine.Loops(time.Now()) {
		if s.Mode != loop.Killed {
			t.Errorf("loop %s is %s after a restart", s.Name, s.Mode)
		}
	}
	if err := b.engine.Set(ctx, "elephants", loop.Enabled, loop.Budget{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the elephant is instrumented again", instrumented)
	if after := b.journal.List(func(*journal.Decision) bool { return true })[0]; after.ID <= before || after.Loop != "elephants" {
		t.Errorf("decision %+v", after)
	}
}

func TestNodeGone(t *testing.T) {
	b := newBench(t, t.TempDir())
	ctx := t.Context()
	base, err := paths(t).WithFlows([]measure.Flow{elephant})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.pusher.Apply(ctx, base, nil); err != nil {
		t.Fatal(err)
	}
	b.engine.Take(ctx, collect.Report{Node: "r5", Event: &measure.Event{
		Node: "r5", NodeID: 1, Policy: "watch", Trigger: "queue", Metric: measure.TransitDelay, Phase: measure.Raised}})
	conditions := func() float64 {
		for _, s := range b.engine.Loops(time.Now()) {
			for _, m := range s.Inputs {
				if m.Name == "conditions" {
					return m.Value
				}
			}
		}
		return -1
	}
	if conditions() != 1 {
		t.Fatalf("%v conditions", conditions())
	}
	b.engine.Take(ctx, collect.Report{Node: "r5", Down: true})
	if conditions() != 0 {
		t.Error("a condition outlives the session that would report its end")
	}
	b.engine.Take(ctx, collect.Report{Node: "r5", Up: true})
	if got := <-b.engine.Up; got != "r5" {
		t.Errorf("up: %s", got)
	}
}

// TestKillUnwritten throws the kill switch when nothing can be written down.
func TestKillUnwritten(t *testing.T) {
	b := newBench(t, t.TempDir())
	ctx := t.Context()
	if _, err := b.pusher.Apply(ctx, paths(t), nil); err != nil {
		t.Fatal(err)
	}
	b.start(t, func() []collect.Report { return []collect.Report{heavy(), counters()} })
	instrumented := func() bool {
		p, _, _ := b.pusher.Policy("paths")
		return len(p.Flows()) == 1
	}
	eventually(t, "the elephant is instrumented", instrumented)
	if err := b.decisions.Close(); err != nil {
		t.Fatal(err)
	}
	if err := b.engine.Set(ctx, "*", loop.Killed, loop.Budget{}); err == nil {
		t.Error("nobody is told that the decision was not written down")
	}
	if instrumented() {
		t.Error("what the loop installed is still there")
	}
	for _, s := range b.engine.Loops(time.Now()) {
		if s.Mode != loop.Killed {
			t.Errorf("loop %s is %s", s.Name, s.Mode)
		}
	}
}

// TestKillFails throws the kill switch when the controller cannot store that a
// list becomes empty: the operator hears of it.
func TestKillFails(t *testing.T) {
	b := newBench(t, t.TempDir())
	ctx := t.Context()
	base, err := paths(t).WithFlows([]measure.Flow{elephant})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.pusher.Apply(ctx, base, nil); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(b.dir, "policies")); err != nil {
		t.Fatal(err)
	}
	if err := b.engine.Set(ctx, "elephants", loop.Killed, loop.Budget{}); err == nil {
		t.Error("the operator believes that the flows are off the list")
	}
	if err := os.MkdirAll(filepath.Join(b.dir, "policies"), 0o750); err != nil {
		t.Fatal(err)
	}
	// Thrown again it does what it could not do before.
	if err := b.engine.Set(ctx, "elephants", loop.Killed, loop.Budget{}); err != nil {
		t.Error(err)
	}
	if p, _, _ := b.pusher.Policy("paths"); len(p.Flows()) != 0 {
		t.Error("what the loop installed is still there")
	}
}

// TestOtherMetrics floods the controller with events that no loop acts on: they
// take no room from those that matter.
func TestOtherMetrics(t *testing.T) {
	b := newBench(t, t.TempDir())
	for i := range uint64(5000) {
		flow := elephant
		flow.SourcePort = uint16(i)
		b.engine.Take(t.Context(), collect.Report{Node: "r5", Event: &measure.Event{
			Node: "r5", NodeID: i, Policy: "watch", Trigger: "new", Metric: measure.NewFlow, Phase: measure.Momentary, Flow: flow}})
	}
	b.engine.Take(t.Context(), collect.Report{Node: "r5", Event: &measure.Event{
		Node: "r5", NodeID: 5000, Policy: "watch", Trigger: "queue", Metric: measure.TransitDelay, Phase: measure.Raised}})
	for _, s := range b.engine.Loops(time.Now()) {
		for _, m := range s.Inputs {
			if m.Name == "conditions" && m.Value != 1 {
				t.Errorf("%v conditions, want 1", m.Value)
			}
		}
	}
}

func TestSteer(t *testing.T) {
	b := newBench(t, t.TempDir())
	octets, flows, ratio := uint64(5000), uint32(3), 2.0
	for _, tt := range []struct {
		name, loop string
		budget     loop.Budget
		want       error
	}{
		{"no such loop", "nobody", loop.Budget{}, loop.ErrUnknownLoop},
		{"a ratio above 1", "adaptive", loop.Budget{Ratio: &ratio}, loop.ErrBudget},
		{"octets for elephants", "elephants", loop.Budget{ExportOctets: &octets}, loop.ErrBudget},
		{"octets", "adaptive", loop.Budget{ExportOctets: &octets}, nil},
		{"flows", "elephants", loop.Budget{Flows: &flows}, nil},
	} {
		if err := b.engine.Set(t.Context(), tt.loop, loop.Disabled, tt.budget); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	for _, s := range newBench(t, b.dir).engine.Loops(time.Now()) {
		if s.Mode != loop.Disabled || *s.Budget.Flows != 3 && *s.Budget.ExportOctets != 5000 {
			t.Errorf("after a restart: %+v", s)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	good := func() loop.Spec {
		return loop.Spec{Name: "a", Sampling: &loop.Sampling{Sampling: decide.DefaultSampling("a"), Base: "b"}}
	}
	docs, err := store.OpenDocuments(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, specs := range map[string][]loop.Spec{
		"no type":  {{Name: "a"}},
		"no base":  {{Name: "a", Sampling: &loop.Sampling{Sampling: decide.DefaultSampling("a")}}},
		"no epoch": {{Name: "a", Elephants: &loop.Elephants{Elephants: decide.DefaultElephants("a"), Policy: "p", Sketch: "s"}}},
		"twice":    {good(), good()},
	} {
		if _, err := loop.New(loop.Config{Loops: specs, Settings: docs}); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if err := docs.Put("a", fmt.Appendf(nil, `{"mode": "ODD"}`)); err != nil {
		t.Fatal(err)
	}
	if _, err := loop.New(loop.Config{Loops: []loop.Spec{good()}, Settings: docs}); err == nil {
		t.Error("an odd mode is accepted")
	}
}
