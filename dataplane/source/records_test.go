package source_test

import (
	"errors"
	"net/netip"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/dataplane/probe"
	"github.com/openifit/openifit/dataplane/probe/probetest"
	"github.com/openifit/openifit/dataplane/source"
)

func TestDrainCountsExactly(t *testing.T) {
	pair := probetest.NewPair(t)
	engine := pair.Engine(t)
	pair.Apply(t, engine, plan.Plan{MaxFlows: 64, Points: []plan.Point{
		pair.Ingress(probetest.Metering(7, 3)),
	}})
	pair.SendUDP(t, 4, 1000, 10)
	pair.SendUDP(t, 6, 2000, 20)

	records, err := source.NewRecords(engine)
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[flow.ID]uint64)
	err = pair.Do(func() error {
		return records.Drain(func(r *flow.Record) {
			if r.Key.Protocol != 17 {
				return
			}
			got[r.Key.ID] += r.Packets
			if len(r.Policies) != 1 || r.Policies[0] != (flow.PolicyRef{ID: 7, Generation: 3}) {
				t.Errorf("%s belongs to %v", r.Key.ID, r.Policies)
			}
			if r.Last < r.First || r.MinTTL == 0 || r.Octets != r.Packets*map[bool]uint64{true: 28 + 5, false: 48 + 5}[r.Key.Source.Is4()] {
				t.Errorf("record %+v", *r)
			}
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[flow.ID]uint64{
		{Source: pair.Far4, Destination: pair.Near4, SourcePort: 1000, DestinationPort: probetest.Port, Protocol: 17}: 10,
		{Source: pair.Far6, Destination: pair.Near6, SourcePort: 2000, DestinationPort: probetest.Port, Protocol: 17}: 20,
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
}

// The cost of a drain in memory does not grow with the number of records.
func TestDrainAllocatesNothingPerRecord(t *testing.T) {
	pair := probetest.NewPair(t)
	engine := pair.Engine(t)
	point := pair.Quiet(t, probetest.Metering(1, 1))
	pair.Apply(t, engine, plan.Plan{MaxFlows: 16384, Points: []plan.Point{point}})
	run := pair.Runner(t, engine, point.ID)
	records, err := source.NewRecords(engine)
	if err != nil {
		t.Fatal(err)
	}
	drain := func() (allocations uint64, n int) {
		var before, after runtime.MemStats
		err := pair.Do(func() error {
			runtime.ReadMemStats(&before)
			err := records.Drain(func(*flow.Record) { n++ })
			runtime.ReadMemStats(&after)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return after.Mallocs - before.Mallocs, n
	}
	drain()
	const flows = 5000
	for i := range flows {
		p := v4(17)
		p.Source = netip.AddrPortFrom(p.Source.Addr(), uint16(i+1))
		run.Run(t, p.Frame(), probetest.Arrival{})
	}
	if allocations, n := drain(); n != flows || allocations > flows/10 {
		t.Errorf("%d allocations for %d records", allocations, n)
	}
}

// A drain that fails in the middle of a table hands no record out twice.
func TestDrainGoesOnWhereItWasInterrupted(t *testing.T) {
	const flows = 5000 // more than one system call reads
	reads := 0
	pair := probetest.NewPair(t)
	engine := pair.Open(t, probe.Config{PinDir: pair.PinDir, Fault: func(step string) error {
		if step == "read a flow table" {
			if reads++; reads == 2 {
				return errFault
			}
		}
		return nil
	}})
	point := pair.Quiet(t, probetest.Metering(1, 1))
	pair.Apply(t, engine, plan.Plan{MaxFlows: 16384, Points: []plan.Point{point}})
	run := pair.Runner(t, engine, point.ID)
	for i := range flows {
		p := v4(17)
		p.Source = netip.AddrPortFrom(p.Source.Addr(), uint16(i+1))
		run.Run(t, p.Frame(), probetest.Arrival{})
	}
	records, err := source.NewRecords(engine)
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[uint16]int)
	drain := func() error {
		return pair.Do(func() error {
			return records.Drain(func(r *flow.Record) { seen[r.Key.SourcePort]++ })
		})
	}
	if err := drain(); !errors.Is(err, errFault) {
		t.Errorf("got %v", err)
	}
	if n := len(seen); n == 0 || n == flows {
		t.Errorf("%d records before the interruption", n)
	}
	for range 2 {
		if err := drain(); err != nil {
			t.Fatal(err)
		}
	}
	for port, n := range seen {
		if n != 1 {
			t.Errorf("record of port %d was handed out %d times", port, n)
		}
	}
	if len(seen) != flows {
		t.Errorf("%d records, want %d", len(seen), flows)
	}
}
