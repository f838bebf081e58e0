//go:build linux

package probe_test

import (
	"encoding/binary"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/dataplane/probe/probetest"
)

func sampledPlan(pair *probetest.Pair, more ...plan.Policy) plan.Plan {
	sampled := probetest.Metering(1, 1)
	// The kernel's own neighbour discovery must not count.
	sampled.Rules = []plan.Rule{{
		Sequence: 1, Protocol: 17, DSCP: -1, FlowLabel: -1, SourcePort: plan.AnyPort, DestinationPort: plan.AnyPort,
	}}
	sampled.Select = plan.Selection{Algorithm: plan.SelectSystematicCount, Interval: 1, Space: 1}
	return plan.Plan{MaxFlows: 64, Points: []plan.Point{pair.Ingress(append([]plan.Policy{sampled}, more...)...)}}
}

// A process that dies after its link update, but before the new program has
// all its pins, leaves one of two states. In either its successor finds the
// running program's policies, and their counts go on.
func TestSuccessorOfASwapWithoutPins(t *testing.T) {
	for _, left := range [][]string{{"program", "live"}, {"program"}} {
		pair := probetest.NewPair(t)
		engine := pair.Engine(t)
		pair.Apply(t, engine, sampledPlan(pair))
		pair.SendUDP(t, 4, 1000, 6)
		if err := engine.Close(); err != nil {
			t.Fatal(err)
		}
		dirs, err := filepath.Glob(filepath.Join(pair.PinDir, "points", "*"))
		if err != nil || len(dirs) != 1 {
			t.Fatalf("points %v, %v", dirs, err)
		}
		for _, name := range left {
			pin := filepath.Join(dirs[0], name)
			if err := os.Rename(pin, pin+"-next"); err != nil {
				t.Fatal(err)
			}
		}
		engine = pair.Engine(t)
		pair.Apply(t, engine, sampledPlan(pair, probetest.Metering(2, 1)))
		pair.SendUDP(t, 4, 1000, 4)
		got := policyCounters(t, engine, pair.Ingress().ID, 1)
		if got.Observed != 10 || got.Selected != 5 {
			t.Errorf("left %v: counters %+v, want 10 packets observed and 5 selected", left, got)
		}
	}
}

// A flow list as long as lists may be can be exchanged for another one.
func TestWholeListExchanged(t *testing.T) {
	pair := probetest.NewPair(t)
	engine := pair.Engine(t)
	policy := probetest.Metering(1, 1)
	policy.FlowList = true
	for half := range uint16(2) {
		policy.Flows = nil
		for n := range uint32(plan.MaxListedFlows) {
			var source [4]byte
			binary.BigEndian.PutUint32(source[:], n)
			source[0] = byte(half) + 1
			policy.Flows = append(policy.Flows, flow.ID{
				Source: netip.AddrFrom4(source), Destination: pair.Near4, Protocol: 17,
			})
		}
		policy.Generation++
		pair.Apply(t, engine, plan.Plan{MaxFlows: 64, Points: []plan.Point{pair.Ingress(policy)}})
	}
}

// A change may be prepared while another one is committed.
func TestPreparedDuringCommits(t *testing.T) {
	pair := probetest.NewPair(t)
	engine := pair.Engine(t)
	pair.Apply(t, engine, sampledPlan(pair))
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			if err := pair.Do(func() error {
				c, err := engine.Prepare(sampledPlan(pair, probetest.Metering(3, 1)))
				if err == nil {
					c.Abort()
				}
				return err
			}); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for n := range 20 {
		var more []plan.Policy
		if n%2 == 0 {
			more = append(more, probetest.Metering(2, 1))
		}
		pair.Apply(t, engine, sampledPlan(pair, more...))
	}
	close(done)
	wg.Wait()
}
