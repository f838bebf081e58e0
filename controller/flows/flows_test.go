package flows_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/openconfig/ygot/ygot"

	"github.com/openifit/openifit/controller/flows"
	"github.com/openifit/openifit/controller/inventory"
	"github.com/openifit/openifit/controller/measure"
	"github.com/openifit/openifit/gen/yang"
)

func newInventory(t *testing.T) *inventory.Inventory {
	t.Helper()
	inv, err := inventory.New(inventory.Config{Nodes: []inventory.NodeConfig{
		{Name: "r1", Address: "192.0.2.1:1", Role: inventory.Head}, {Name: "r2", Address: "192.0.2.2:1", Role: inventory.End},
	}}, func(inventory.Node) {})
	if err != nil {
		t.Fatal(err)
	}
	return inv
}

func record(change func(*measure.FlowRecord)) measure.FlowRecord {
	r := measure.FlowRecord{
		Node: "r1", PolicyID: 7, Generation: 1, Ifindex: 2, IngressIfindex: 2,
		Key: measure.FlowKey{Flow: measure.Flow{
			Source: netip.MustParseAddr("10.0.0.1"), Destination: netip.MustParseAddr("10.0.0.2"), SourcePort: 1, DestinationPort: 2, Protocol: 6}},
		Packets: 1, Octets: 100, First: 10, Last: 20, TCPFlags: 2, MinimumHopLimit: 60, MaximumHopLimit: 60, Ratio: 1,
	}
	if change != nil {
		change(&r)
	}
	return r
}

func all(*flows.Flow) bool { return true }

// TestApart changes one thing at a time, and expects a flow of its own.
func TestApart(t *testing.T) {
	f := flows.New(100, newInventory(t))
	changes := []func(*measure.FlowRecord){
		nil,
		func(r *measure.FlowRecord) { r.Node = "r2" },
		func(r *measure.FlowRecord) { r.PolicyID = 8 },
		func(r *measure.FlowRecord) { r.Generation = 2 },
		func(r *measure.FlowRecord) { r.Ifindex = 3 },
		func(r *measure.FlowRecord) { r.Egress = true },
		func(r *measure.FlowRecord) { r.Key.Source = netip.MustParseAddr("10.0.0.9") },
		func(r *measure.FlowRecord) { r.Key.Source = netip.MustParseAddr("::ffff:10.0.0.1") },
		func(r *measure.FlowRecord) { r.Key.Source = netip.Addr{} },
		func(r *measure.FlowRecord) { r.Key.Destination = netip.MustParseAddr("10.0.0.9") },
		func(r *measure.FlowRecord) { r.Key.SourcePort = 9 },
		func(r *measure.FlowRecord) { r.Key.DestinationPort = 9 },
		func(r *measure.FlowRecord) { r.Key.Protocol = 17 },
		func(r *measure.FlowRecord) { r.Key.DSCP = 9 },
		func(r *measure.FlowRecord) { r.Key.FlowLabel = 9 },
		func(r *measure.FlowRecord) { r.Key.VLAN = 9 },
	}
	for i, change := range changes {
		f.Add(time.Now(), []measure.FlowRecord{record(change), record(change)})
		if got := f.List(all); len(got) != i+1 {
			t.Fatalf("after change %d: %d flows", i, len(got))
		}
	}
	for _, fl := range f.List(all) {
		if fl.Records != 2 || fl.Octets != 200 {
			t.Errorf("flow %+v", fl)
		}
	}
}

func TestSum(t *testing.T) {
	inv := newInventory(t)
	f := flows.New(100, inv)
	f.Add(time.Now(), []measure.FlowRecord{record(nil), record(func(r *measure.FlowRecord) {
		r.First, r.Last, r.TCPFlags, r.MinimumHopLimit, r.MaximumHopLimit = 5, 30, 16, 59, 61
		r.Delay = measure.Delay{Packets: 1, Sum: 7, Min: 7, Max: 7}
	})})
	got := f.List(all)[0]
	if got.Packets != 2 || got.First != 5 || got.Last != 30 || got.TCPFlags != 18 || got.MinimumHopLimit != 59 || got.MaximumHopLimit != 61 ||
		got.Delay.Mean() != 7 || got.Policy != "" || got.Interface != "" {
		t.Errorf("flow %+v", got)
	}
	// The node tells its names later than its records.
	d := &yang.Device{}
	d.GetOrCreateIfit().GetOrCreateInterfaces().Interface = map[string]*yang.Interface{
		"in": {Name: ygot.String("in"), State: &yang.Interface_State{Ifindex: ygot.Uint32(2)}}}
	d.GetIfit().GetOrCreatePolicies().Policy = map[string]*yang.Policy{
		"flows": {Name: ygot.String("flows"), State: &yang.Policy_State{Id: ygot.Uint32(7)}}}
	inv.Observe("r1", d, time.Now())
	f.Add(time.Now(), []measure.FlowRecord{record(nil)})
	if got := f.List(all)[0]; got.Policy != "flows" || got.Interface != "in" || got.IngressInterface != "in" {
		t.Errorf("flow %+v", got)
	}
}

func TestBounded(t *testing.T) {
	f := flows.New(8, newInventory(t))
	follow := f.Hub.Subscribe(1000)
	for i := range 100 {
		f.Add(time.Now(), []measure.FlowRecord{record(func(r *measure.FlowRecord) { r.Key.SourcePort, r.Octets = uint16(i), uint64(i) })})
	}
	got := f.List(all)
	if len(got) != 8 || f.Forgotten() != 92 || got[0].Octets != 99 || got[7].Octets != 92 || len(follow.C) != 100 {
		t.Errorf("%d flows, %d forgotten", len(got), f.Forgotten())
	}
}
