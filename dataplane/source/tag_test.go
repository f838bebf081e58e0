//go:build linux

package source_test

import (
	"testing"
	"time"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/dataplane/probe/probetest"
	"github.com/openifit/openifit/dataplane/source"
	"github.com/openifit/openifit/lab/packet"
)

// The kernel takes the outermost tag out of a packet that it receives; the
// VLAN is still that of the tag.
func TestTagThatTheKernelTookOff(t *testing.T) {
	pair := probetest.NewPair(t)
	engine := pair.Engine(t)
	pair.Apply(t, engine, plan.Plan{MaxFlows: 64, Points: []plan.Point{pair.Ingress(wide())}})
	frame := with(v4(packet.UDP), func(s *packet.Spec) { s.VLAN = 77 }).Frame()
	if err := transmit(t, pair.Far, "far", frame); err != nil {
		t.Fatal(err)
	}
	records, err := source.NewRecords(engine)
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		var got *flow.Record
		err := pair.Do(func() error {
			return records.Drain(func(r *flow.Record) {
				if r.Key.Source == src4.Addr() {
					found := *r
					got = &found
				}
			})
		})
		if err != nil {
			t.Fatal(err)
		}
		if got != nil {
			if got.Key.VLAN != 77 || got.Key.DestinationPort != 2000 || got.Octets != 35 {
				t.Errorf("record %+v", *got)
			}
			return
		}
	}
	t.Error("the packet did not arrive")
}
