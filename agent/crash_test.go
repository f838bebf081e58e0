//go:build linux

package agent

import (
	"errors"
	"testing"

	"github.com/openifit/openifit/agent/meter"
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/dataplane/probe"
	"github.com/openifit/openifit/dataplane/probe/probetest"
	"github.com/openifit/openifit/dataplane/source"
)

var errDeath = errors.New("death")

// being is as much of an agent as counts: it dies when death says so.
type being struct {
	*counters
	pair    *probetest.Pair
	engine  *probe.Engine
	records *source.Records
}

func beget(t *testing.T, pair *probetest.Pair, dir string, death func(string) error) *being {
	t.Helper()
	b := &being{pair: pair, engine: pair.Open(t, probe.Config{PinDir: pair.PinDir, Fault: death})}
	var err error
	if b.counters, err = openCounters(dir, meter.New(func(*meter.Record) {})); err != nil {
		t.Fatal(err)
	}
	if b.records, err = source.NewRecords(b.engine); err != nil {
		t.Fatal(err)
	}
	return b
}

// meterUDP brings a policy into force.
func (b *being) meterUDP(t *testing.T, generation, maxFlows uint32) {
	t.Helper()
	p := probetest.Metering(1, generation)
	// The kernel's own neighbour discovery must not count.
	p.Rules = []plan.Rule{{
		Sequence: 1, Protocol: 17, DSCP: -1, FlowLabel: -1, SourcePort: plan.AnyPort, DestinationPort: plan.AnyPort,
	}}
	at := b.pair.Ingress(p)
	b.meter.Configure([]meter.Policy{{
		PolicyRef: p.PolicyRef, Points: []plan.PointID{at.ID}, Totals: b.place(1),
	}})
	b.pair.Apply(t, b.engine, plan.Plan{MaxFlows: maxFlows, Points: []plan.Point{at}})
}

func (b *being) drain() error { return b.pair.Do(b.take) }

// die leaves what a kill leaves.
func (b *being) die(t *testing.T) {
	t.Helper()
	if err := errors.Join(b.engine.Close(), b.close()); err != nil {
		t.Fatal(err)
	}
}

// A process that dies before any step of a drain, with records in tables in
// use and tables that are gone, takes nothing with it: its successor's totals
// are exact, and at no time do they run backwards.
func TestTotalsAreExactWhereverAProcessDies(t *testing.T) {
	var steps []string
	for fail := 0; fail <= len(steps); fail++ {
		pair, dir := probetest.NewPair(t), t.TempDir()
		armed, seen := false, 0
		first := beget(t, pair, dir, func(step string) error {
			if !armed {
				return nil
			}
			if fail == 0 {
				steps = append(steps, step)
			}
			if seen++; seen == fail {
				return errDeath
			}
			return nil
		})
		first.meterUDP(t, 1, 64)
		pair.SendUDP(t, 4, 1000, 3)
		if err := first.drain(); err != nil {
			t.Fatal(err)
		}
		pair.SendUDP(t, 4, 1000, 4)
		first.meterUDP(t, 2, 128)
		pair.SendUDP(t, 4, 1000, 5)
		armed = true
		if err := first.drain(); fail > 0 && !errors.Is(err, errDeath) {
			t.Errorf("step %d: the drain answered %v", fail, err)
		}
		shown := first.of(1).PacketsObserved
		first.die(t)

		pair.SendUDP(t, 4, 1000, 6)
		second := beget(t, pair, dir, nil)
		if got := second.of(1).PacketsObserved; got < shown {
			t.Errorf("step %d: %d packets after %d were shown", fail, got, shown)
		}
		second.meterUDP(t, 2, 128)
		for range 2 {
			if err := second.drain(); err != nil {
				t.Fatalf("after a death at step %d: %v", fail, err)
			}
			if got := second.of(1); got.PacketsObserved != 18 || got.PacketsSelected != 18 || got.OctetsObserved != 18*33 {
				t.Errorf("after a death at step %d: %+v, want 18 packets", fail, got)
			}
		}
		second.die(t)
	}
	if len(steps) < 9 {
		t.Errorf("a drain of the steps %q does not say much", steps)
	}
}
