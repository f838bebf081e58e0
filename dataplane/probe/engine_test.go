//go:build linux

package probe_test

import (
	"errors"
	"io/fs"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/dataplane/probe"
	"github.com/openifit/openifit/dataplane/probe/probetest"
	"github.com/openifit/openifit/dataplane/source"
	"github.com/openifit/openifit/lab/testenv"
)

// drained sums up the packets from a port of the far end by the policies that
// they belong to.
func drained(t *testing.T, pair *probetest.Pair, engine *probe.Engine, port uint16) map[flow.PolicyRef]uint64 {
	t.Helper()
	records, err := source.NewRecords(engine)
	if err != nil {
		t.Fatal(err)
	}
	out := make(map[flow.PolicyRef]uint64)
	err = pair.Do(func() error {
		return records.Drain(func(r *flow.Record) {
			if r.Key.SourcePort != port {
				return
			}
			for _, ref := range r.Policies {
				out[ref] += r.Packets
			}
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := records.Orphans(); n != 0 {
		t.Errorf("%d packets in records of no policy", n)
	}
	return out
}

func programIDs(t *testing.T, engine *probe.Engine) map[plan.PointID]uint32 {
	t.Helper()
	programs, err := engine.Programs()
	if err != nil {
		t.Fatal(err)
	}
	out := make(map[plan.PointID]uint32)
	for _, p := range programs {
		out[p.Point] = p.ID
	}
	return out
}

// attached asks the kernel for the programs on either side of an interface.
func attached(t *testing.T, pair *probetest.Pair, ifindex uint32) []ebpf.ProgramID {
	t.Helper()
	return probetest.Attached(t, pair.Near, ifindex)
}

func pinned(t *testing.T, dir string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		out = append(out, strings.TrimPrefix(path, dir))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

var errInjected = errors.New("injected")

// change is a commit of every kind of step: a point that is reloaded, one
// whose rate and list change, one that goes and one that comes.
func change(t *testing.T, pair *probetest.Pair) (from, to plan.Plan) {
	list := probetest.Metering(3, 1)
	list.FlowList = true
	list.Flows = []flow.ID{{Source: pair.Near4, Destination: pair.Far4, Protocol: 17}}
	sampled := probetest.Metering(4, 1)
	sampled.Select = plan.Selection{Algorithm: plan.SelectUniform, Threshold: 5}
	quiet := pair.Quiet(t, probetest.Metering(5, 1))
	coming := plan.Point{
		ID: plan.PointID{Ifindex: quiet.ID.Ifindex, Direction: flow.Egress}, Interface: "quiet",
		Policies: []plan.Policy{probetest.Metering(6, 1)},
	}
	from = plan.Plan{MaxFlows: 64, Points: []plan.Point{
		pair.Ingress(probetest.Metering(1, 1)), pair.Egress(list, sampled), quiet,
	}}
	list.Generation, list.Flows = 2, nil
	sampled.Generation, sampled.Select.Threshold = 2, 9
	to = plan.Plan{MaxFlows: 64, Points: []plan.Point{
		pair.Ingress(probetest.Metering(1, 2), probetest.Metering(2, 1)), pair.Egress(list, sampled), coming,
	}}
	for _, p := range []*plan.Plan{&from, &to} {
		slices.SortFunc(p.Points, func(a, b plan.Point) int { return a.ID.Compare(b.ID) })
	}
	return from, to
}

// Whichever step of a commit fails, the kernel is as it was: programs, links,
// pins, and what is counted for whom.
func TestCommitIsAllOrNothing(t *testing.T) {
	steps := 1
	for fail := 0; fail < steps; fail++ {
		pair := probetest.NewPair(t)
		from, to := change(t, pair)
		armed, seen := false, 0
		engine := pair.Open(t, probe.Config{PinDir: pair.PinDir, Fault: func(string) error {
			if !armed {
				return nil
			}
			if seen++; seen == fail+1 {
				return errInjected
			}
			return nil
		}})
		pair.Apply(t, engine, from)
		pair.SendUDP(t, 4, 1000, 3)
		programs, pins := programIDs(t, engine), pinned(t, pair.PinDir)
		kernel := attached(t, pair, pair.Ifindex)

		armed = true
		var c *probe.Change
		err := pair.Do(func() (err error) {
			if c, err = engine.Prepare(to); err == nil {
				err = c.Commit()
			}
			return err
		})
		if !errors.Is(err, errInjected) {
			t.Fatalf("step %d: commit answered %v", fail, err)
		}
		armed = false
		if diff := cmp.Diff(programs, programIDs(t, engine)); diff != "" {
			t.Errorf("step %d, %v: other programs: %s", fail, err, diff)
		}
		if diff := cmp.Diff(pins, pinned(t, pair.PinDir)); diff != "" {
			t.Errorf("step %d, %v: other pins: %s", fail, err, diff)
		}
		if diff := cmp.Diff(kernel, attached(t, pair, pair.Ifindex)); diff != "" {
			t.Errorf("step %d, %v: other programs attached: %s", fail, err, diff)
		}
		pair.SendUDP(t, 4, 1000, 4)
		want := map[flow.PolicyRef]uint64{{ID: 1, Generation: 1}: 7}
		if got := drained(t, pair, engine, 1000); !maps.Equal(got, want) {
			t.Errorf("step %d, %v: counted %v, want %v", fail, err, got, want)
		}
		if err := pair.Do(c.Commit); err == nil {
			t.Errorf("step %d: a failed change could be committed again", fail)
		}

		// The same change goes through when nothing fails.
		seen, armed = -1000, true
		pair.Apply(t, engine, to)
		steps = seen + 1000
		pair.SendUDP(t, 4, 1000, 5)
		want = map[flow.PolicyRef]uint64{{ID: 1, Generation: 2}: 5, {ID: 2, Generation: 1}: 5}
		if got := drained(t, pair, engine, 1000); !maps.Equal(got, want) {
			t.Errorf("after the change: counted %v, want %v", got, want)
		}
		if n := len(attached(t, pair, pair.Ifindex)); n != 2 {
			t.Errorf("after the change: %d programs attached, want 2", n)
		}
	}
	if steps < 6 {
		t.Errorf("a commit of %d steps does not say much", steps)
	}
}

func TestAbortLeavesNothing(t *testing.T) {
	pair := probetest.NewPair(t)
	engine := pair.Engine(t)
	from, to := change(t, pair)
	pair.Apply(t, engine, from)
	programs, pins := programIDs(t, engine), pinned(t, pair.PinDir)
	err := pair.Do(func() error {
		c, err := engine.Prepare(to)
		if err != nil {
			return err
		}
		c.Abort()
		c.Abort()
		if err := c.Commit(); err == nil {
			t.Error("an aborted change was committed")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(programs, programIDs(t, engine)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(pins, pinned(t, pair.PinDir)); diff != "" {
		t.Error(diff)
	}
}

func TestStaleChange(t *testing.T) {
	pair := probetest.NewPair(t)
	engine := pair.Engine(t)
	from, to := change(t, pair)
	err := pair.Do(func() error {
		stale, err := engine.Prepare(to)
		if err != nil {
			return err
		}
		fresh, err := engine.Prepare(from)
		if err != nil {
			return err
		}
		if err := fresh.Commit(); err != nil {
			return err
		}
		return stale.Commit()
	})
	if !errors.Is(err, probe.ErrStale) {
		t.Errorf("got %v", err)
	}
	if n := len(programIDs(t, engine)); n != len(from.Points) {
		t.Errorf("%d points, want %d", n, len(from.Points))
	}
}

func TestPlansThatAreRefused(t *testing.T) {
	pair := probetest.NewPair(t)
	engine := pair.Engine(t)
	absent := pair.Ingress()
	absent.ID.Ifindex = 4711
	for _, tt := range []struct {
		plan plan.Plan
		err  string
	}{
		{plan.Plan{MaxFlows: 64, Points: []plan.Point{absent}}, "ifindex 4711 ingress"},
		{plan.Plan{Points: []plan.Point{pair.Ingress()}}, "flow table of 0 places"},
	} {
		err := pair.Do(func() error {
			_, err := engine.Prepare(tt.plan)
			return err
		})
		if err == nil || !strings.Contains(err.Error(), tt.err) {
			t.Errorf("got %v, want %q", err, tt.err)
		}
	}
	if n := len(attached(t, pair, pair.Ifindex)); n != 0 {
		t.Errorf("%d programs attached", n)
	}
}

// Rates, generations and lists change without another program.
func TestAdjustedInPlace(t *testing.T) {
	pair := probetest.NewPair(t)
	engine := pair.Engine(t)
	policy := probetest.Metering(1, 1)
	policy.FlowList = true
	listed := func(ports ...uint16) (ids []flow.ID) {
		for _, port := range ports {
			ids = append(ids, flow.ID{Source: pair.Far4, Destination: pair.Near4, SourcePort: port, DestinationPort: probetest.Port, Protocol: 17})
		}
		return ids
	}
	apply := func(generation uint32, ports ...uint16) {
		policy.Generation, policy.Flows = generation, listed(ports...)
		pair.Apply(t, engine, plan.Plan{MaxFlows: 64, Points: []plan.Point{pair.Ingress(policy, probetest.Metering(2, generation))}})
	}
	apply(1, 1000)
	before := programIDs(t, engine)
	for _, tt := range []struct {
		generation uint32
		ports      []uint16
	}{{2, []uint16{1000, 1001}}, {2, []uint16{1001}}, {3, nil}, {3, []uint16{1000}}, {4, []uint16{1000}}} {
		apply(tt.generation, tt.ports...)
		for _, port := range []uint16{1000, 1001} {
			pair.SendUDP(t, 4, port, 2)
			want := map[flow.PolicyRef]uint64{{ID: 2, Generation: tt.generation}: 2}
			if slices.Contains(tt.ports, port) {
				want[flow.PolicyRef{ID: 1, Generation: tt.generation}] = 2
			}
			if got := drained(t, pair, engine, port); !maps.Equal(got, want) {
				t.Errorf("list %v, port %d: counted %v, want %v", tt.ports, port, got, want)
			}
		}
	}
	if diff := cmp.Diff(before, programIDs(t, engine)); diff != "" {
		t.Errorf("the program was replaced: %s", diff)
	}
}

// Records made before a change belong to what was in force then.
func TestRecordsKeepTheirGeneration(t *testing.T) {
	pair := probetest.NewPair(t)
	engine := pair.Engine(t)
	apply := func(policies ...plan.Policy) {
		pair.Apply(t, engine, plan.Plan{MaxFlows: 64, Points: []plan.Point{pair.Ingress(policies...)}})
	}
	want := make(map[flow.PolicyRef]uint64)
	for generation := range uint32(5) {
		apply(probetest.Metering(1, generation))
		pair.SendUDP(t, 4, 1000, int(generation)+1)
		want[flow.PolicyRef{ID: 1, Generation: generation}] = uint64(generation) + 1
	}
	apply(probetest.Metering(2, 1), probetest.Metering(1, 9))
	pair.SendUDP(t, 4, 1000, 9)
	want[flow.PolicyRef{ID: 2, Generation: 1}], want[flow.PolicyRef{ID: 1, Generation: 9}] = 9, 9
	if got := drained(t, pair, engine, 1000); !maps.Equal(got, want) {
		t.Errorf("counted %v, want %v", got, want)
	}
}

// A point that goes is drained once more, also when it is back by then, and
// so are tables that make place for others of another size.
func TestRecordsOfWhatIsGone(t *testing.T) {
	pair := probetest.NewPair(t)
	engine := pair.Engine(t)
	with := func(maxFlows uint32, points ...plan.Point) {
		pair.Apply(t, engine, plan.Plan{MaxFlows: maxFlows, Points: points})
	}
	with(64, pair.Ingress(probetest.Metering(1, 1)))
	pair.SendUDP(t, 4, 1000, 1)
	with(64)
	if n := len(attached(t, pair, pair.Ifindex)); n != 0 {
		t.Errorf("%d programs attached", n)
	}
	pair.SendUDP(t, 4, 1000, 10) // nobody counts these
	with(64, pair.Ingress(probetest.Metering(1, 2)))
	pair.SendUDP(t, 4, 1000, 2)
	with(128, pair.Ingress(probetest.Metering(1, 3)))
	pair.SendUDP(t, 4, 1000, 4)
	want := map[flow.PolicyRef]uint64{{ID: 1, Generation: 1}: 1, {ID: 1, Generation: 2}: 2, {ID: 1, Generation: 3}: 4}
	if got := drained(t, pair, engine, 1000); !maps.Equal(got, want) {
		t.Errorf("counted %v, want %v", got, want)
	}
	if c := pointCounters(t, engine, pair.Ingress().ID); c.Packets < 6 {
		t.Errorf("a change of the tables' size restarted the counters: %+v", c)
	}
	if got := drained(t, pair, engine, 1000); len(got) != 0 {
		t.Errorf("drained again: %v", got)
	}
	for _, path := range pinned(t, pair.PinDir) {
		if strings.HasPrefix(path, "/retired/") {
			t.Errorf("%s is left", path)
		}
	}
}

// A deleted interface takes its link with it; the engine goes on, and its
// successor is not confused by the pin, which still opens.
func TestInterfaceVanishes(t *testing.T) {
	pair := probetest.NewPair(t)
	engine := pair.Engine(t)
	quiet := pair.Quiet(t, probetest.Metering(2, 1))
	pair.Apply(t, engine, plan.Plan{MaxFlows: 64, Points: []plan.Point{pair.Ingress(probetest.Metering(1, 1)), quiet}})
	h := testenv.Netlink(t, pair.Near)
	gone, err := h.LinkByName(quiet.Interface)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.LinkDel(gone); err != nil {
		t.Fatal(err)
	}
	pair.SendUDP(t, 4, 1000, 3)
	if got := drained(t, pair, engine, 1000); got[flow.PolicyRef{ID: 1, Generation: 1}] != 3 {
		t.Errorf("counted %v", got)
	}
	if err := engine.Close(); err != nil {
		t.Fatal(err)
	}
	engine = pair.Engine(t)
	if got := slices.Collect(maps.Keys(programIDs(t, engine))); !slices.Equal(got, []plan.PointID{pair.Ingress().ID}) {
		t.Errorf("took over %v", got)
	}
	pair.Apply(t, engine, plan.Plan{MaxFlows: 64, Points: []plan.Point{pair.Ingress(probetest.Metering(1, 1))}})
	if got := drained(t, pair, engine, 1); len(got) != 0 {
		t.Errorf("drained %v", got)
	}
	for _, path := range pinned(t, pair.PinDir) {
		if strings.Contains(path, "/retired/") || strings.Contains(path, "links/") && !strings.HasSuffix(path, "-in") {
			t.Errorf("%s is left", path)
		}
	}
}

// An interface may come back under the number of one that was deleted; the
// old link has nothing to do with it.
func TestInterfaceComesBack(t *testing.T) {
	pair := probetest.NewPair(t)
	engine := pair.Engine(t)
	quiet := pair.Quiet(t, probetest.Metering(1, 1))
	both := plan.Plan{MaxFlows: 64, Points: []plan.Point{pair.Ingress(probetest.Metering(2, 1)), quiet}}
	pair.Apply(t, engine, both)
	h := testenv.Netlink(t, pair.Near)
	gone, err := h.LinkByName(quiet.Interface)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.LinkDel(gone); err != nil {
		t.Fatal(err)
	}
	err = pair.Do(func() error {
		_, err := engine.Prepare(both)
		return err
	})
	if err == nil || !strings.Contains(err.Error(), "of quiet: find interface") {
		t.Errorf("prepared a point of a deleted interface: %v", err)
	}
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.Index = quiet.Interface, int(quiet.ID.Ifindex)
	if err := h.LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: "nobody"}); err != nil {
		t.Fatal(err)
	}
	pair.Apply(t, engine, both)
	if n := len(attached(t, pair, quiet.ID.Ifindex)); n != 1 {
		t.Errorf("%d programs at the new interface", n)
	}
	pair.SendUDP(t, 4, 1000, 3)
	if got := drained(t, pair, engine, 1000); got[flow.PolicyRef{ID: 2, Generation: 1}] != 3 {
		t.Errorf("counted %v", got)
	}
}

// Whichever step of a drain fails, the next one makes it good, and hands no
// record out twice. What is drained are tables in use and tables that are gone.
func TestDrainThatFails(t *testing.T) {
	var steps []string
	for fail := 0; fail <= len(steps); fail++ {
		pair := probetest.NewPair(t)
		armed, seen := false, 0
		engine := pair.Open(t, probe.Config{PinDir: pair.PinDir, Fault: func(step string) error {
			if !armed {
				return nil
			}
			if fail == 0 {
				steps = append(steps, step)
			}
			if seen++; seen == fail {
				return errInjected
			}
			return nil
		}})
		pair.Apply(t, engine, plan.Plan{MaxFlows: 64, Points: []plan.Point{pair.Ingress(probetest.Metering(1, 1))}})
		pair.SendUDP(t, 4, 1000, 3)
		pair.Apply(t, engine, plan.Plan{MaxFlows: 128, Points: []plan.Point{pair.Ingress(probetest.Metering(1, 1))}})
		pair.SendUDP(t, 4, 1000, 4)
		records, err := source.NewRecords(engine)
		if err != nil {
			t.Fatal(err)
		}
		got := uint64(0)
		drain := func() error {
			return pair.Do(func() error {
				return records.Drain(func(r *flow.Record) {
					if r.Key.SourcePort == 1000 {
						got += r.Packets
					}
				})
			})
		}
		armed = true
		if err := drain(); fail > 0 && !errors.Is(err, errInjected) {
			t.Errorf("step %d: got %v", fail, err)
		}
		armed = false
		pair.SendUDP(t, 4, 1000, 5)
		if err := drain(); err != nil {
			t.Errorf("after step %d: %v", fail, err)
		}
		if got != 12 {
			t.Errorf("after a failure at step %d: %d packets in records, want 12", fail, got)
		}
	}
	for _, step := range []string{"swap flow tables", "read a flow table", "commit a flow table", "empty a flow table", "forget flow tables"} {
		if !slices.Contains(steps, step) {
			t.Errorf("no step %q in %q", step, steps)
		}
	}
}

func TestOpenRefusesPinsOfAnotherNamespace(t *testing.T) {
	pair := probetest.NewPair(t)
	engine := pair.Engine(t)
	pair.Apply(t, engine, plan.Plan{MaxFlows: 64, Points: []plan.Point{pair.Ingress(probetest.Metering(1, 1))}})
	err := pair.Far.Do(func() error {
		other, err := probe.Open(probe.Config{PinDir: pair.PinDir})
		if err == nil {
			other.Close()
		}
		return err
	})
	if err == nil || !strings.Contains(err.Error(), "another network namespace") {
		t.Errorf("got %v", err)
	}
	pair.SendUDP(t, 4, 1000, 2)
	if got := drained(t, pair, engine, 1000); got[flow.PolicyRef{ID: 1, Generation: 1}] != 2 {
		t.Errorf("counted %v", got)
	}
}

// Maps of another version are of no use, but the link is: the new program
// follows the old one without a gap.
func TestOpenWithMapsOfAnotherVersion(t *testing.T) {
	pair := probetest.NewPair(t)
	engine := pair.Engine(t)
	point := plan.Plan{MaxFlows: 64, Points: []plan.Point{pair.Ingress(probetest.Metering(1, 1))}}
	pair.Apply(t, engine, point)
	before := attached(t, pair, pair.Ifindex)
	if err := engine.Close(); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(pair.PinDir, "points")
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Fatalf("%d points pinned, %v", len(entries), err)
	}
	for _, name := range []string{"counters", "flow_tables"} {
		if err := os.Remove(filepath.Join(dir, entries[0].Name(), name)); err != nil {
			t.Fatal(err)
		}
	}
	engine = pair.Engine(t)
	if diff := cmp.Diff(before, attached(t, pair, pair.Ifindex)); diff != "" {
		t.Errorf("the program that goes on is another: %s", diff)
	}
	pair.Apply(t, engine, point)
	pair.SendUDP(t, 4, 1000, 2)
	if got := drained(t, pair, engine, 1000); got[flow.PolicyRef{ID: 1, Generation: 1}] != 2 {
		t.Errorf("counted %v", got)
	}
	if n := len(attached(t, pair, pair.Ifindex)); n != 1 {
		t.Errorf("%d programs attached", n)
	}
}

func TestDestroyLeavesNothing(t *testing.T) {
	pair := probetest.NewPair(t)
	engine := pair.Engine(t)
	from, _ := change(t, pair)
	pair.Apply(t, engine, from)
	if err := pair.Do(engine.Destroy); err != nil {
		t.Fatal(err)
	}
	if n := len(attached(t, pair, pair.Ifindex)); n != 0 {
		t.Errorf("%d programs attached", n)
	}
	if _, err := os.Lstat(pair.PinDir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("pins are left: %v", err)
	}
	if _, err := engine.Prepare(from); !errors.Is(err, probe.ErrClosed) {
		t.Errorf("prepared by a destroyed engine: %v", err)
	}
	if err := engine.RenewLease(1, time.Second); !errors.Is(err, probe.ErrClosed) {
		t.Errorf("lease renewed by a destroyed engine: %v", err)
	}
	if err := engine.Drain(nil); !errors.Is(err, probe.ErrClosed) {
		t.Errorf("drained a destroyed engine: %v", err)
	}
}

// The delay of forwarded packets is that between the two programs; packets
// that the node sends itself have none.
func TestTransitDelay(t *testing.T) {
	pair := probetest.NewRouter(t)
	third := testenv.NewNetNS(t)
	out, _ := testenv.VethPair(t,
		testenv.End{NS: pair.Near, Name: "out", Addresses: []string{"10.1.0.1/24", "fd01::1/64"}},
		testenv.End{NS: third, Name: "in", Addresses: []string{"10.1.0.2/24", "fd01::2/64"}})
	h := testenv.Netlink(t, pair.Far)
	_, beyond, err := net.ParseCIDR("10.1.0.0/24")
	if err != nil {
		t.Fatal(err)
	}
	if err := h.RouteAdd(&netlink.Route{Dst: beyond, Gw: pair.Near4.AsSlice()}); err != nil {
		t.Fatal(err)
	}
	back := testenv.Netlink(t, third)
	if err := back.RouteAdd(&netlink.Route{Gw: net.IPv4(10, 1, 0, 1)}); err != nil {
		t.Fatal(err)
	}
	engine := pair.Engine(t)
	delay := probetest.Metering(1, 1)
	delay.Actions |= plan.ActDelay
	ingress := pair.Ingress()
	ingress.Stamp = true
	egress := plan.Point{
		ID: plan.PointID{Ifindex: uint32(out.Attrs().Index), Direction: flow.Egress}, Interface: "out",
		Policies: []plan.Policy{delay},
	}
	pair.Apply(t, engine, plan.Plan{MaxFlows: 64, Points: []plan.Point{ingress, egress}})
	probetest.Exchange(t, pair.Far, third, "10.1.0.2", 1000, 20)
	probetest.Exchange(t, pair.Near, third, "10.1.0.2", 1001, 10)

	records, err := source.NewRecords(engine)
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[uint16]flow.Record)
	err = pair.Do(func() error {
		return records.Drain(func(r *flow.Record) { got[r.Key.SourcePort] = *r })
	})
	if err != nil {
		t.Fatal(err)
	}
	forwarded, own := got[1000], got[1001]
	if forwarded.Packets != 20 || forwarded.IngressIfindex != pair.Ifindex || forwarded.EgressIfindex != egress.ID.Ifindex {
		t.Errorf("forwarded: %+v", forwarded)
	}
	d := forwarded.Delay
	if d.Packets != 20 || d.Min == 0 || d.Max < d.Min || time.Duration(d.Max) > 10*time.Second || d.Sum < 20*uint64(d.Min) || d.Sum > 20*uint64(d.Max) {
		t.Errorf("delay: %+v", d)
	}
	if own.Packets != 10 || own.Delay.Packets != 0 || own.IngressIfindex != 0 {
		t.Errorf("sent by the node itself: %+v", own)
	}
}
