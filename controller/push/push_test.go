package push_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openifit/openifit/controller/measure"
	"github.com/openifit/openifit/controller/policy"
	"github.com/openifit/openifit/controller/push"
	"github.com/openifit/openifit/controller/store"
	"github.com/openifit/openifit/controller/target"
	"github.com/openifit/openifit/gen/yang"
)

// domain is a few nodes that remember what they were told.
type domain struct {
	mu     sync.Mutex
	nodes  map[string]*node
	phases [][]string
	log    []string
}

// node stands for the far side of a gNMI session.
type node struct {
	*domain
	name     string
	policies map[string]string
	away     bool
	lost     bool // the answer is lost on its way
	refuse   string
}

func newDomain(phases ...[]string) *domain {
	d := &domain{nodes: make(map[string]*node), phases: phases}
	for _, phase := range phases {
		for _, name := range phase {
			d.nodes[name] = &node{domain: d, name: name, policies: make(map[string]string)}
		}
	}
	return d
}

func (n *node) Name() string { return n.name }

func (n *node) Set(_ context.Context, changes []policy.Change) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.away {
		return fmt.Errorf("node %s: %w", n.name, target.ErrUnreachable)
	}
	for _, c := range changes {
		if n.refuse != "" && strings.Contains(c.Path, n.refuse) {
			n.domain.log = append(n.domain.log, n.name+" refuses")
			return fmt.Errorf("node %s: %w: no room", n.name, target.ErrRefused)
		}
	}
	for _, c := range changes {
		n.domain.log = append(n.domain.log, fmt.Sprintf("%s %s %s", n.name, c.Op, strings.TrimPrefix(c.Path, "/ifit/policies/")))
		name, rest, _ := strings.Cut(strings.TrimPrefix(c.Path, "/ifit/policies/policy[name="), "]")
		switch {
		case rest != "":
		case c.Op == policy.Delete:
			delete(n.policies, name)
		default:
			n.policies[name] = string(c.Value)
		}
	}
	if n.lost {
		return fmt.Errorf("node %s: %w", n.name, target.ErrUnreachable)
	}
	return nil
}

func (n *node) Get(context.Context, ...string) (*yang.Device, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.away {
		return nil, target.ErrUnreachable
	}
	d := &yang.Device{}
	list := d.GetOrCreateIfit().GetOrCreatePolicies()
	for _, text := range n.policies {
		tree := &yang.Policy{}
		if err := yang.Unmarshal([]byte(text), tree); err != nil {
			return nil, err
		}
		if list.Policy == nil {
			list.Policy = make(map[string]*yang.Policy)
		}
		list.Policy[tree.GetName()] = tree
	}
	return d, nil
}

func (d *domain) reachable(name string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return !d.nodes[name].away
}

// take returns what the nodes were told since the last call.
func (d *domain) take() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	log := d.log
	d.log = nil
	return log
}

func (d *domain) pusher(t *testing.T, docs *store.Documents, base ...policy.Change) *push.Pusher {
	t.Helper()
	cfg := push.Config{
		Base:  base,
		Order: func() [][]string { return slices.Clone(d.phases) }, Reachable: d.reachable,
		Owners: []string{"adaptive"}, Documents: docs,
		Changed: func(string) {}, Log: slog.New(slog.DiscardHandler),
	}
	for _, n := range d.nodes {
		cfg.Nodes = append(cfg.Nodes, n)
	}
	p, err := push.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func documents(t *testing.T) *store.Documents {
	t.Helper()
	docs, err := store.OpenDocuments(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return docs
}

func parse(t *testing.T, technique, extra string) *policy.Policy {
	t.Helper()
	p, err := policy.Parse(fmt.Appendf(nil, `{"config": {"name": "p", "technique": %q %s},
		"packet-selection": {"config": {"algorithm": "UNIFORM_PROBABILISTIC", "probability": "0.5"}}}`, technique, extra))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func line() *domain { return newDomain([]string{"r5"}, []string{"r2", "r3"}, []string{"r1"}) }

func states(results []push.Result) string {
	var s []string
	for _, r := range results {
		s = append(s, r.Node+" "+string(r.State))
	}
	return strings.Join(s, ", ")
}

func TestApplyOrder(t *testing.T) {
	d := line()
	p := d.pusher(t, documents(t))
	ctx := t.Context()
	paths := parse(t, "PBT_M", "")
	results, err := p.Apply(ctx, paths, nil)
	if err != nil || states(results) != "r1 APPLIED, r2 APPLIED, r3 APPLIED, r5 APPLIED" {
		t.Fatalf("results %s, %v", states(results), err)
	}
	log := d.take()
	if len(log) != 4 || !strings.HasPrefix(log[0], "r5 ") || !strings.HasPrefix(log[3], "r1 ") {
		t.Errorf("order %q", log)
	}
	if _, err := p.Apply(ctx, parse(t, "PBT_M", ""), nil); err != nil || len(d.take()) != 0 {
		t.Errorf("the same policy again is pushed again: %v", err)
	}
	rate, err := policy.Parse([]byte(strings.Replace(string(paths.JSON()), `"0.5"`, `"0.25"`, 1)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Apply(ctx, rate, nil); err != nil {
		t.Fatal(err)
	}
	if log := d.take(); len(log) != 4 || log[0] != "r5 UPDATE policy[name=p]/packet-selection/config/probability" {
		t.Errorf("a rate is not one leaf: %q", log)
	}
	if left, err := p.Remove(ctx, "p"); err != nil || len(left) != 0 {
		t.Fatalf("left %v, %v", left, err)
	}
	if log := d.take(); len(log) != 4 || !strings.HasPrefix(log[0], "r1 DELETE") || !strings.HasPrefix(log[3], "r5 DELETE") {
		t.Errorf("order of removal %q", log)
	}
	if _, err := p.Remove(ctx, "p"); !errors.Is(err, push.ErrUnknownPolicy) {
		t.Errorf("removed twice: %v", err)
	}
}

func TestFlowsLeaveAtTheHeadFirst(t *testing.T) {
	d := line()
	p := d.pusher(t, documents(t))
	flow := measure.Flow{Source: netip.MustParseAddr("10.0.0.1"), Destination: netip.MustParseAddr("10.0.0.2"), Protocol: 17}
	empty, err := parse(t, "PBT_M", "").WithFlows(nil)
	if err != nil {
		t.Fatal(err)
	}
	listed, err := empty.WithFlows([]measure.Flow{flow})
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		want  *policy.Policy
		first string
	}{{empty, "r5"}, {listed, "r5"}, {empty, "r1"}} {
		if _, err := p.Apply(t.Context(), step.want, nil); err != nil {
			t.Fatal(err)
		}
		if log := d.take(); len(log) != 4 || !strings.HasPrefix(log[0], step.first+" ") {
			t.Errorf("order %q, want %s first", log, step.first)
		}
	}
}

func TestApplyRefused(t *testing.T) {
	t.Run("metering goes on without the node", func(t *testing.T) {
		d := line()
		d.nodes["r2"].refuse = "name=p"
		results, err := d.pusher(t, documents(t)).Apply(t.Context(), parse(t, "FLOW_METERING", ""), nil)
		if err != nil || states(results) != "r1 APPLIED, r2 REFUSED, r3 APPLIED, r5 APPLIED" || !strings.Contains(results[1].Error, "no room") {
			t.Errorf("results %+v, %v", results, err)
		}
	})
	t.Run("a new on-path policy is taken back", func(t *testing.T) {
		d := line()
		d.nodes["r2"].refuse = "name=p"
		p := d.pusher(t, documents(t))
		results, err := p.Apply(t.Context(), parse(t, "PBT_M", ""), nil)
		if !errors.Is(err, push.ErrRolledBack) || !strings.Contains(err.Error(), "no room") {
			t.Errorf("results %s, %v", states(results), err)
		}
		for name, n := range d.nodes {
			if len(n.policies) != 0 {
				t.Errorf("%s has %v", name, n.policies)
			}
		}
		for _, line := range d.take() {
			if strings.HasPrefix(line, "r1") {
				t.Errorf("the head was told: %s", line)
			}
		}
		if got := p.Policies(); len(got) != 0 {
			t.Errorf("policies %v", got)
		}
	})
	t.Run("a changed on-path policy is set back", func(t *testing.T) {
		d := line()
		p := d.pusher(t, documents(t))
		if _, err := p.Apply(t.Context(), parse(t, "PBT_M", ""), nil); err != nil {
			t.Fatal(err)
		}
		before := d.nodes["r5"].policies["p"]
		d.nodes["r3"].refuse = "name=p"
		if _, err := p.Apply(t.Context(), parse(t, "PBT_M", `, "priority": 7`), nil); !errors.Is(err, push.ErrRolledBack) {
			t.Errorf("error %v", err)
		}
		for name, n := range d.nodes {
			if n.policies["p"] != before {
				t.Errorf("%s has %s", name, n.policies["p"])
			}
		}
	})
	t.Run("what no node takes is forgotten", func(t *testing.T) {
		d, docs := line(), documents(t)
		d.nodes["r2"].policies["p"] = "somebody else's"
		for _, n := range d.nodes {
			n.refuse = "name=p"
		}
		p := d.pusher(t, docs)
		results, err := p.Apply(t.Context(), parse(t, "FLOW_METERING", ""), nil)
		if !errors.Is(err, push.ErrRolledBack) || strings.Count(err.Error(), "no room") != 4 || strings.Count(states(results), "REFUSED") != 4 {
			t.Errorf("results %s, %v", states(results), err)
		}
		if all, err := docs.All(); err != nil || len(all) != 0 || len(p.Policies()) != 0 || p.Results("p") != nil {
			t.Errorf("stored %q, %v; policies %v, results %v", all, err, p.Policies(), p.Results("p"))
		}
		if log := d.take(); len(log) != 4 || d.nodes["r2"].policies["p"] == "" {
			t.Errorf("nodes that refused were told more: %q", log)
		}
	})
	t.Run("a change that no node takes is forgotten", func(t *testing.T) {
		d := line()
		p := d.pusher(t, documents(t))
		before := parse(t, "FLOW_METERING", "")
		if _, err := p.Apply(t.Context(), before, nil); err != nil {
			t.Fatal(err)
		}
		_, _, since := p.Policy("p")
		for _, n := range d.nodes {
			n.refuse = "name=p"
		}
		_, err := p.Apply(t.Context(), parse(t, "FLOW_METERING", `, "priority": 7`), nil)
		if !errors.Is(err, push.ErrRolledBack) || strings.Contains(err.Error(), "set back") {
			t.Errorf("error %v", err)
		}
		want, _, applied := p.Policy("p")
		if want != before || !applied.Equal(since) || states(p.Results("p")) != "r1 APPLIED, r2 APPLIED, r3 APPLIED, r5 APPLIED" {
			t.Errorf("policy %v since %v, results %+v", want, applied, p.Results("p"))
		}
	})
	t.Run("what a node may take later stays", func(t *testing.T) {
		d := line()
		for _, n := range d.nodes {
			n.refuse = "name=p"
		}
		d.nodes["r3"].away = true
		results, err := d.pusher(t, documents(t)).Apply(t.Context(), parse(t, "FLOW_METERING", ""), nil)
		if err != nil || states(results) != "r1 REFUSED, r2 REFUSED, r3 PENDING, r5 REFUSED" {
			t.Errorf("results %s, %v", states(results), err)
		}
	})
	t.Run("unknown node", func(t *testing.T) {
		p := line().pusher(t, documents(t))
		if _, err := p.Apply(t.Context(), parse(t, "PBT_M", ""), []string{"r9"}); !errors.Is(err, push.ErrUnknownNode) || len(p.Policies()) != 0 {
			t.Errorf("error %v", err)
		}
	})
}

func TestNodeAway(t *testing.T) {
	d := line()
	docs := documents(t)
	p := d.pusher(t, docs)
	ctx := t.Context()
	d.nodes["r5"].away = true
	results, err := p.Apply(ctx, parse(t, "PBT_M", ""), nil)
	if err != nil || states(results) != "r1 PENDING, r2 PENDING, r3 PENDING, r5 PENDING" || !strings.Contains(results[0].Error, "waits for r5") {
		t.Fatalf("a head marks while its end node is away: %+v, %v", results, err)
	}
	// The controller restarts, then the node comes back.
	p = d.pusher(t, docs)
	d.nodes["r5"].away = false
	if err := p.Reconcile(ctx, "r5"); err != nil {
		t.Fatal(err)
	}
	if got := states(p.Results("p")); got != "r1 APPLIED, r2 APPLIED, r3 APPLIED, r5 APPLIED" {
		t.Errorf("results %s", got)
	}
	d.take()
	if err := p.Reconcile(ctx, "r5"); err != nil || len(d.take()) != 0 {
		t.Errorf("a node in step is touched: %v", err)
	}
	// A node that lost its configuration gets it again.
	clear(d.nodes["r3"].policies)
	if err := p.Reconcile(ctx, "r3"); err != nil || d.nodes["r3"].policies["p"] == "" {
		t.Errorf("error %v", err)
	}
	// Removal reaches a node when it is back, also after a restart.
	d.nodes["r2"].away = true
	left, err := p.Remove(ctx, "p")
	if err != nil || states(left) != "r2 PENDING" {
		t.Errorf("left %s, %v", states(left), err)
	}
	p = d.pusher(t, docs)
	d.nodes["r2"].away = false
	if err := p.Reconcile(ctx, "r2"); err != nil || len(d.nodes["r2"].policies) != 0 {
		t.Errorf("still there: %v, %v", d.nodes["r2"].policies, err)
	}
	if all, err := docs.All(); err != nil || len(all) != 0 {
		t.Errorf("stored %q, %v", all, err)
	}
}

func TestLostAnswer(t *testing.T) {
	d := line()
	p := d.pusher(t, documents(t))
	ctx := t.Context()
	d.nodes["r2"].lost = true
	if _, err := p.Apply(ctx, parse(t, "FLOW_METERING", ""), nil); err != nil {
		t.Fatal(err)
	}
	d.nodes["r2"].lost = false
	d.take()
	if _, err := p.Apply(ctx, parse(t, "FLOW_METERING", `, "priority": 3`), nil); err != nil {
		t.Fatal(err)
	}
	if got := states(p.Results("p")); strings.Contains(got, "PENDING") {
		t.Errorf("results %s", got)
	}
	// A removal whose answer was lost is tried again.
	d.nodes["r2"].lost = true
	if left, err := p.Remove(ctx, "p"); err != nil || states(left) != "r2 PENDING" {
		t.Fatalf("left %s, %v", states(left), err)
	}
	d.nodes["r2"].lost = false
	if err := p.Reconcile(ctx, "r2"); err != nil || p.Results("p") != nil {
		t.Errorf("results %+v, %v", p.Results("p"), err)
	}
}

func TestRaise(t *testing.T) {
	d := line()
	docs := documents(t)
	p := d.pusher(t, docs)
	ctx := t.Context()
	raise, err := parse(t, "FLOW_METERING", "").Raise("adaptive", 1, time.Second, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Apply(ctx, raise, nil); err != nil {
		t.Fatal(err)
	}
	d.take()
	if _, err := p.Renew(ctx, "p.raise"); err != nil {
		t.Fatal(err)
	}
	if log := d.take(); len(log) != 4 || !strings.HasSuffix(log[0], " UPDATE policy[name=p.raise]/config/lifetime") {
		t.Errorf("renewal %q", log)
	}
	if all, err := docs.All(); err != nil || len(all) != 0 {
		t.Errorf("a raise is stored: %q, %v", all, err)
	}
	// The next controller removes what is left over of a loop, and nothing else.
	d.nodes["r1"].policies["mine"] = `{"name": "mine", "config": {"name": "mine", "technique": "FLOW_METERING", "owner": "somebody"}}`
	p = d.pusher(t, docs)
	if err := p.Reconcile(ctx, "r1"); err != nil {
		t.Fatal(err)
	}
	if got := d.nodes["r1"].policies; got["p.raise"] != "" || got["mine"] == "" {
		t.Errorf("r1 has %v", got)
	}
	if _, err := p.Renew(ctx, "p.raise"); !errors.Is(err, push.ErrUnknownPolicy) {
		t.Errorf("renewed what is not there: %v", err)
	}
}

// TestExpiredIsRemoved lets a policy of an operator run out: the nodes do not
// keep it configured for ever, and it can be set again.
func TestExpiredIsRemoved(t *testing.T) {
	d := line()
	docs := documents(t)
	p := d.pusher(t, docs)
	short, err := parse(t, "FLOW_METERING", "").Raise("operator", 1, time.Second, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Apply(t.Context(), short, nil); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	kept := make(chan error, 1)
	go func() { kept <- p.Keep(ctx, nil) }()
	installed := func() (n int) {
		d.mu.Lock()
		defer d.mu.Unlock()
		for _, node := range d.nodes {
			n += len(node.policies)
		}
		return n
	}
	if installed() != 4 {
		t.Errorf("%d nodes have the policy, want 4", installed())
	}
	for deadline := time.Now().Add(20 * time.Second); installed() > 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the nodes keep a policy whose lifetime is over")
		}
	}
	stop()
	if err := <-kept; err != nil {
		t.Error(err)
	}
	if all, err := docs.All(); err != nil || len(all) != 0 {
		t.Errorf("something is left: %q, %v", all, err)
	}
	if results, err := p.Apply(t.Context(), short, nil); err != nil || installed() != 4 {
		t.Errorf("set again: %s, %v", states(results), err)
	}
}

// TestRaiseWaitsForItsBase takes a node away, and expects that a raise of an
// on-path policy keeps the order as long as the base is not everywhere.
func TestRaiseWaitsForItsBase(t *testing.T) {
	d := line()
	p := d.pusher(t, documents(t))
	ctx := t.Context()
	base := parse(t, "PBT_M", "")
	raise, err := base.Raise("adaptive", 1, 10*time.Second, nil)
	if err != nil {
		t.Fatal(err)
	}
	d.nodes["r5"].away = true
	if _, err := p.Apply(ctx, base, nil); err != nil {
		t.Fatal(err)
	}
	d.nodes["r5"].away = false
	d.take()
	if _, err := p.Apply(ctx, raise, nil); err != nil {
		t.Fatal(err)
	}
	if log := d.take(); len(log) != 4 || !strings.HasPrefix(log[0], "r5 ") || !strings.HasPrefix(log[3], "r1 ") {
		t.Errorf("order %q", log)
	}
	// With the base everywhere, a node that is away holds up nobody.
	if err := p.Reconcile(ctx, "r5"); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Remove(ctx, "p.raise"); err != nil {
		t.Fatal(err)
	}
	d.nodes["r5"].away = true
	d.take()
	results, err := p.Apply(ctx, raise, nil)
	if err != nil || states(results) != "r1 APPLIED, r2 APPLIED, r3 APPLIED, r5 PENDING" {
		t.Errorf("results %s, %v", states(results), err)
	}
	if log := d.take(); len(log) != 3 || !strings.HasPrefix(log[0], "r1 ") {
		t.Errorf("order %q", log)
	}
}

func TestStoredGarbage(t *testing.T) {
	docs := documents(t)
	if err := docs.Put("p", []byte(`{"policy": {"name": "p"}}`)); err != nil {
		t.Fatal(err)
	}
	d := line()
	if _, err := push.New(push.Config{Documents: docs, Order: func() [][]string { return d.phases }}); err == nil || !strings.Contains(err.Error(), "stored policy p") {
		t.Errorf("error %v", err)
	}
}

func TestBaseComesFirst(t *testing.T) {
	d := line()
	collector := policy.Change{Op: policy.Update, Path: "/ifit/collectors/collector[name=c]", Value: []byte(`{}`)}
	p := d.pusher(t, documents(t), collector)
	ctx := t.Context()
	results, err := p.Apply(ctx, parse(t, "PBT_M", ""), nil)
	if err != nil || states(results) != "r1 PENDING, r2 PENDING, r3 PENDING, r5 PENDING" || len(d.take()) != 0 {
		t.Fatalf("nodes without a base got the policy: %s, %v", states(results), err)
	}
	if !strings.Contains(results[3].Error, "no base configuration") {
		t.Errorf("r5 says %q", results[3].Error)
	}
	for _, node := range []string{"r5", "r2", "r3", "r1"} {
		if err := p.Reconcile(ctx, node); err != nil {
			t.Fatal(err)
		}
		if log := d.take(); len(log) < 2 || log[0] != node+" UPDATE /ifit/collectors/collector[name=c]" {
			t.Errorf("%s got %q", node, log)
		}
	}
	if got := states(p.Results("p")); got != "r1 APPLIED, r2 APPLIED, r3 APPLIED, r5 APPLIED" {
		t.Errorf("results %s", got)
	}
}
