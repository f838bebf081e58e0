//go:build linux

package probe_test

import (
	"testing"

	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/dataplane/probe/probetest"
)

// What a plan is said to need is what the kernel takes then, or a little more:
// tables of ports count whether rules ask for them or not.
func TestMapBytes(t *testing.T) {
	for _, places := range []uint32{1024, 65536} {
		pair := probetest.NewPair(t)
		engine := pair.Engine(t)
		empty, err := engine.MapBytes()
		if err != nil || empty == 0 {
			t.Fatalf("%d octets, %v", empty, err)
		}
		next := plan.Plan{MaxFlows: places, Points: []plan.Point{pair.Ingress(probetest.Metering(1, 1))}}
		estimate := engine.EstimateMapBytes(&next)
		pair.Apply(t, engine, next)
		full, err := engine.MapBytes()
		if err != nil {
			t.Fatal(err)
		}
		took := full - empty
		t.Logf("%d places: %d octets estimated, %d taken", places, estimate, took)
		if estimate < took-took/50 || estimate > took+took/50+256<<10 {
			t.Errorf("%d octets estimated, %d taken", estimate, took)
		}
		if again := engine.EstimateMapBytes(&next); again != 0 {
			t.Errorf("%d octets more for what is there", again)
		}
	}
}
