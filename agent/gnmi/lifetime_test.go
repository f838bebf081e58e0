package gnmi_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/openifit/openifit/agent/intent"
)

// clock is a time that a test moves.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) forward(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// TestLifetime has a raise end by itself, while the policy that it raises goes
// on.
func TestLifetime(t *testing.T) {
	c := &clock{t: time.Now()}
	n := startAt(t, t.TempDir(), c.now, nil)
	n.fill(t)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- n.server.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Run ended with %v", err)
		}
	}()
	const raise = "/ifit/policies/policy[name=x.raise]"
	w := n.subscribe(t, onChange(t, raise+"/state", atX+"/state"))
	w.sync()
	text := `{"config":{"technique":"FLOW_METERING","lifetime":10,"owner":"loop"}}`
	n.mustSet(t, update(t, raise, text))
	w.until(raise + "/state/expires-at")
	generation := n.get(t, raise+"/state/generation")

	// Renewed in time, it goes on, and nothing is loaded for it.
	n.applier.take()
	c.forward(9 * time.Second)
	n.mustSet(t, update(t, raise, text))
	w.until(raise + "/state/expires-at")
	c.forward(9 * time.Second)
	n.mustSet(t, update(t, atX+"/config/priority", "1")) // makes Run look
	if trace, last := n.applier.take(); trace != "prepare commit" || !last.Policies["x.raise"].Runs() {
		t.Errorf("the data plane saw %q", trace)
	}
	if got := n.get(t, raise+"/state/generation"); got != generation {
		t.Errorf("renewing changed the generation from %s to %s", generation, got)
	}

	// Not renewed, it ends.
	c.forward(2 * time.Second)
	n.mustSet(t, update(t, atX+"/config/priority", "2"))
	w.until(raise + `/state/oper-status="EXPIRED"`)
	var last *intent.Snapshot
	for last == nil || last.Policies["x.raise"].Runs() {
		_, last = n.applier.take()
	}
	if !last.Policies["x"].Runs() {
		t.Error("the policy that was raised ended too")
	}
	if got := n.get(t, raise+"/config/lifetime"); got != "10" {
		t.Errorf("the ended policy is no longer configured: %s", got)
	}

	// A restart does not bring it back, a Set does.
	again := startAt(t, n.dir, c.now, nil)
	if got := again.get(t, raise+"/state/oper-status"); got != `"EXPIRED"` {
		t.Errorf("after a restart it is %s", got)
	}
	again.mustSet(t, update(t, raise, text))
	if _, last := again.applier.take(); !last.Policies["x.raise"].Runs() {
		t.Error("a Set does not bring it back")
	}
}

// TestLifetimeEndsWithoutOthers has a lifetime end although another policy
// cannot be in force any more.
func TestLifetimeEndsWithoutOthers(t *testing.T) {
	c := &clock{t: time.Now()}
	n := startAt(t, t.TempDir(), c.now, nil)
	n.fill(t)
	n.mustSet(t, update(t, "/ifit/policies/policy[name=y]", `{"config":{"technique":"FLOW_METERING","lifetime":10}}`))
	n.applier.prepare = func(s *intent.Snapshot) error {
		if s.Policies["x"].Runs() {
			return fmt.Errorf("interface gone: %w", refusal{codes.NotFound, "x"})
		}
		return nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	w := n.subscribe(t, onChange(t, "/ifit/policies/policy[name=y]/state"))
	w.sync()
	c.forward(11 * time.Second)
	go func() { ended <- n.server.Run(ctx) }()
	defer func() {
		cancel()
		<-ended
	}()
	w.until("/ifit/policies/policy[name=y]/state/oper-status")
	if got := n.get(t, "/ifit/policies/policy[name=y]/state/oper-status"); got != `"EXPIRED"` {
		t.Errorf("y is %s", got)
	}
	if got := n.get(t, atX+"/state/oper-status"); got != `"FAILED"` {
		t.Errorf("x is %s", got)
	}
	if _, last := n.applier.take(); last == nil || last.Policies["x"].Runs() || last.Policies["y"].Runs() {
		t.Error("the wrong policies run")
	}
}
