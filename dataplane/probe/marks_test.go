//go:build linux

package probe_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/dataplane/probe"
	"github.com/openifit/openifit/dataplane/probe/probetest"
	"github.com/openifit/openifit/lab/packet"
)

// pointCounters returns the counters of a point.
func pointCounters(t *testing.T, engine *probe.Engine, id plan.PointID) probe.PointCounters {
	t.Helper()
	all, err := engine.PointCounters()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		if c.Point == id {
			return c
		}
	}
	t.Fatalf("no counters of point %s", id)
	return probe.PointCounters{}
}

func policyCounters(t *testing.T, engine *probe.Engine, id plan.PointID, policy uint32) probe.PolicyCounters {
	t.Helper()
	all, err := engine.PolicyCounters()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		if c.Point == id && c.Policy == policy {
			return c
		}
	}
	t.Fatalf("no counters of policy %d at point %s", policy, id)
	return probe.PolicyCounters{}
}

// broken are packets that no program may trip over or change.
func broken() map[string][]byte {
	v4, v6 := probetest.UDP(probetest.Beyond4, probetest.Mark0).Frame(), probetest.UDP(probetest.Beyond6, probetest.Mark0).Frame()
	set := func(frame []byte, at int, v byte) []byte {
		frame = bytes.Clone(frame)
		frame[at] = v
		return frame
	}
	return map[string][]byte{
		"Ethernet header alone":  set(v4, 12, 0x99)[:14],
		"IPv4 header cut off":    tagged(v4)[:37],
		"IPv4 version 5":         set(v4, 14, 0x55),
		"IPv4 header length 4":   set(v4, 14, 0x41),
		"IPv4 length below head": set(v4, 17, 19),
		"IPv6 header cut off":    tagged(v6)[:57],
		"IPv6 version 4":         set(v6, 14, 0x40),
		"unknown EtherType":      set(v4, 12, 0x99),
		"VLAN tag cut off":       append(bytes.Clone(v4[:12]), 0x81, 0x00, 0x00),
	}
}

// tagged puts a VLAN tag before a frame's EtherType: the kernel itself refuses
// to run a program on cut-off IP headers without one.
func tagged(frame []byte) []byte {
	return slices.Concat(frame[:12], []byte{0x81, 0, 0, 7}, frame[12:])
}

func TestBrokenPacketsPassUnchanged(t *testing.T) {
	pair := probetest.NewRouter(t)
	engine := pair.Engine(t)
	ingress := pair.Edge(plan.ForeignStrip, probetest.Marking(plan.ActMark|plan.ActPostcard))
	egress := pair.Egress(probetest.Marking(plan.ActPostcard))
	egress.Role, egress.Postcards, egress.Unmark = plan.RoleEdge, true, true
	pair.Apply(t, engine, probetest.MarkPlan(ingress, egress))
	for _, id := range []plan.PointID{ingress.ID, egress.ID} {
		run := pair.Runner(t, engine, id)
		for name, frame := range broken() {
			out := run.Run(t, frame, probetest.Arrival{Ingress: pair.Ifindex})
			if out.Verdict != probetest.Next || !bytes.Equal(out.Frame, frame) {
				t.Errorf("%s at %s: verdict %d, %x became %x", name, id, out.Verdict, frame, out.Frame)
			}
		}
	}
}

func TestForeignMarks(t *testing.T) {
	pair := probetest.NewRouter(t)
	engine := pair.Engine(t)
	for _, c := range []struct {
		name    string
		action  plan.ForeignMark
		verdict uint32
		dscp    map[uint8]uint8 // what becomes of a code point
		want    probe.PointCounters
	}{
		{"strip", plan.ForeignStrip, probetest.Next, map[uint8]uint8{probetest.Mark0: 0, probetest.Mark46: 46}, probe.PointCounters{ForeignStripped: 4}},
		{"drop", plan.ForeignDrop, probetest.Drop, map[uint8]uint8{probetest.Mark0: probetest.Mark0, probetest.Mark46: probetest.Mark46}, probe.PointCounters{ForeignDropped: 4}},
		{"pass", plan.ForeignPass, probetest.Next, map[uint8]uint8{probetest.Mark0: probetest.Mark0, probetest.Mark46: probetest.Mark46}, probe.PointCounters{ForeignPassed: 4}},
	} {
		t.Run(c.name, func(t *testing.T) {
			point := pair.Edge(c.action)
			pair.Apply(t, engine, probetest.MarkPlan(point))
			before := pointCounters(t, engine, point.ID)
			run := pair.Runner(t, engine, point.ID)
			for _, destination := range []string{probetest.Beyond4, probetest.Beyond6} {
				for dscp, want := range c.dscp {
					out := run.Run(t, probetest.UDP(destination, dscp).Frame(), probetest.Arrival{})
					seen, err := packet.Parse(out.Frame)
					if err != nil || out.Verdict != c.verdict || seen.DSCP != want || seen.ECN != 1 {
						t.Errorf("%s, code point %d: verdict %d, %+v, %v", destination, dscp, out.Verdict, seen, err)
					}
				}
				// What is no mark stays as it is.
				frame := probetest.UDP(destination, 10).Frame()
				if out := run.Run(t, frame, probetest.Arrival{}); out.Verdict != probetest.Next || !bytes.Equal(out.Frame, frame) {
					t.Errorf("%s without a mark was changed", destination)
				}
			}
			after := pointCounters(t, engine, point.ID)
			got := probe.PointCounters{
				ForeignStripped: after.ForeignStripped - before.ForeignStripped,
				ForeignDropped:  after.ForeignDropped - before.ForeignDropped,
				ForeignPassed:   after.ForeignPassed - before.ForeignPassed,
			}
			if got != c.want {
				t.Errorf("counted %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestMarking(t *testing.T) {
	pair := probetest.NewRouter(t)
	engine := pair.Engine(t)
	point := pair.Edge(plan.ForeignStrip, probetest.Marking(plan.ActMark|plan.ActPostcard))
	pair.Apply(t, engine, probetest.MarkPlan(point))
	run := pair.Runner(t, engine, point.ID)

	short := probetest.UDP(probetest.Beyond4, 0)
	short.Payload = short.Payload[:7]
	group := probetest.UDP("[ff05::1]:2000", 0)
	later := probetest.UDP(probetest.Beyond4, 0)
	later.Fragment = 100
	vlan := probetest.UDP(probetest.Beyond6, 46)
	vlan.VLAN = 5
	options := probetest.UDP(probetest.Beyond4, 0)
	options.Options = []byte{1, 1, 1, 1}
	hop := probetest.UDP(probetest.Beyond6, 0)
	hop.FirstExtension, hop.Extensions = 0, []byte{packet.UDP, 0, 1, 4, 0, 0, 0, 0}

	neighbour := probetest.UDP(probetest.Beyond6, 0)
	neighbour.Protocol, neighbour.Payload = packet.ICMPv6, append([]byte{136, 0, 0, 0}, make([]byte, 20)...)

	cases := []struct {
		name   string
		packet packet.Spec
		leased bool
		dscp   uint8
		count  probe.PolicyCounters
	}{
		{"no lease", probetest.UDP(probetest.Beyond4, 0), false, 0, probe.PolicyCounters{LeaseExpired: 1}},
		{"payload of 15 octets", short, true, 0, probe.PolicyCounters{NoPacketID: 1}},
		{"no mark for the code point", probetest.UDP(probetest.Beyond6, 10), true, 10, probe.PolicyCounters{NoMark: 1}},
		{"multicast", group, true, 0, probe.PolicyCounters{NoMark: 1}},
		{"neighbour advertisement", neighbour, true, 0, probe.PolicyCounters{NoMark: 1}},
		{"link-local", probetest.UDP("[fe80::1]:2000", 0), true, 0, probe.PolicyCounters{NoMark: 1}},
		{"IPv4", probetest.UDP(probetest.Beyond4, 0), true, probetest.Mark0, probe.PolicyCounters{Marked: 1}},
		{"IPv4, EF", probetest.UDP(probetest.Beyond4, 46), true, probetest.Mark46, probe.PolicyCounters{Marked: 1}},
		{"IPv4, foreign mark", probetest.UDP(probetest.Beyond4, probetest.Mark46), true, probetest.Mark46, probe.PolicyCounters{Marked: 1}},
		{"IPv4 with options", options, true, probetest.Mark0, probe.PolicyCounters{Marked: 1}},
		{"IPv4, a later fragment", later, true, probetest.Mark0, probe.PolicyCounters{Marked: 1}},
		{"IPv6", probetest.UDP(probetest.Beyond6, 0), true, probetest.Mark0, probe.PolicyCounters{Marked: 1}},
		{"IPv6, EF, tagged", vlan, true, probetest.Mark46, probe.PolicyCounters{Marked: 1}},
		{"IPv6 with a hop-by-hop header", hop, true, probetest.Mark0, probe.PolicyCounters{Marked: 1}},
	}
	for _, c := range cases {
		lease := -time.Second
		if c.leased {
			lease = time.Minute
		}
		if err := engine.RenewLease(probetest.MarkPolicy, lease); err != nil {
			t.Fatal(err)
		}
		before := policyCounters(t, engine, point.ID, probetest.MarkPolicy)
		out := run.Run(t, c.packet.Frame(), probetest.Arrival{})
		seen, err := packet.Parse(out.Frame)
		if err != nil || out.Verdict != probetest.Next || seen.DSCP != c.dscp || seen.ECN != 1 {
			t.Errorf("%s: verdict %d, %+v, %v", c.name, out.Verdict, seen, err)
		}
		after := policyCounters(t, engine, point.ID, probetest.MarkPolicy)
		got := probe.PolicyCounters{
			Marked: after.Marked - before.Marked, NoMark: after.NoMark - before.NoMark,
			NoPacketID: after.NoPacketID - before.NoPacketID, LeaseExpired: after.LeaseExpired - before.LeaseExpired,
		}
		if got != c.count {
			t.Errorf("%s: counted %+v, want %+v", c.name, got, c.count)
		}
	}
}

func TestMarksEnd(t *testing.T) {
	pair := probetest.NewRouter(t)
	engine := pair.Engine(t)
	for _, c := range []struct {
		name   string
		unmark bool
		from   uint32 // ingress interface
		in     uint8
		out    uint8
		want   probe.PointCounters
	}{
		{"CORE egress leaves marks", false, 5, probetest.Mark0, probetest.Mark0, probe.PointCounters{Unowned: 2}},
		{"EDGE egress takes them off", true, 5, probetest.Mark0, 0, probe.PointCounters{Unmarked: 2, Unowned: 2}},
		{"EDGE egress takes EF's off", true, 5, probetest.Mark46, 46, probe.PointCounters{Unmarked: 2, Unowned: 2}},
		{"own packets have foreign ones", false, 0, probetest.Mark0, 0, probe.PointCounters{ForeignStripped: 2}},
		{"no mark", true, 5, 12, 12, probe.PointCounters{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			point := pair.Egress()
			point.Postcards, point.Unmark = true, c.unmark
			pair.Apply(t, engine, probetest.MarkPlan(point))
			before := pointCounters(t, engine, point.ID)
			run := pair.Runner(t, engine, point.ID)
			for _, destination := range []string{probetest.Beyond4, probetest.Beyond6} {
				out := run.Run(t, probetest.UDP(destination, c.in).Frame(), probetest.Arrival{Ingress: c.from})
				seen, err := packet.Parse(out.Frame)
				if err != nil || out.Verdict != probetest.Next || seen.DSCP != c.out || seen.ECN != 1 {
					t.Errorf("%s: verdict %d, %+v, %v", destination, out.Verdict, seen, err)
				}
			}
			after := pointCounters(t, engine, point.ID)
			got := probe.PointCounters{
				Unmarked: after.Unmarked - before.Unmarked, Unowned: after.Unowned - before.Unowned,
				ForeignStripped: after.ForeignStripped - before.ForeignStripped,
			}
			if got != c.want {
				t.Errorf("counted %+v, want %+v", got, c.want)
			}
		})
	}
}

// The mark of IPv4 best effort is among the code points to which the kernel
// gives another priority.
func TestMarksDoNotChangeQueueing(t *testing.T) {
	pair := probetest.NewRouter(t)
	engine := pair.Engine(t)
	point := pair.Egress()
	point.Postcards = true
	pair.Apply(t, engine, probetest.MarkPlan(point))
	run := pair.Runner(t, engine, point.ID)
	for _, c := range []struct {
		name     string
		packet   packet.Spec
		priority uint32
		want     uint32
	}{
		{"forwarded, derived from the mark", probetest.UDP(probetest.Beyond4, probetest.Mark0), 2, 0},
		{"forwarded, set by the operator", probetest.UDP(probetest.Beyond4, probetest.Mark0), 5, 5},
		{"without a mark", probetest.UDP(probetest.Beyond4, 2), 2, 2},
		{"IPv6 has none derived", probetest.UDP(probetest.Beyond6, probetest.Mark0), 2, 2},
	} {
		if out := run.Run(t, c.packet.Frame(), probetest.Arrival{Ingress: 5, Priority: c.priority}); out.Priority != c.want {
			t.Errorf("%s: priority %d became %d, want %d", c.name, c.priority, out.Priority, c.want)
		}
	}
}
