//go:build linux

package probe_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/dataplane/probe"
	"github.com/openifit/openifit/dataplane/probe/probetest"
)

// foreign is a program of somebody else that counts what it sees and gives
// each packet one verdict.
type foreign struct {
	program *ebpf.Program
	count   *ebpf.Map
}

func newForeign(t *testing.T, kind ebpf.ProgramType, verdict int32) *foreign {
	t.Helper()
	count, err := ebpf.NewMap(&ebpf.MapSpec{Name: "foreign", Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { count.Close() })
	program, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Name: "foreign", Type: kind, License: "Dual BSD/GPL",
		Instructions: asm.Instructions{
			asm.Mov.Imm(asm.R0, 0),
			asm.StoreMem(asm.RFP, -4, asm.R0, asm.Word),
			asm.LoadMapPtr(asm.R1, count.FD()),
			asm.Mov.Reg(asm.R2, asm.RFP),
			asm.Add.Imm(asm.R2, -4),
			asm.FnMapLookupElem.Call(),
			asm.JEq.Imm(asm.R0, 0, "verdict"),
			asm.Mov.Imm(asm.R1, 1),
			asm.AddAtomic.Mem(asm.R0, asm.R1, asm.DWord, 0),
			asm.Mov.Imm(asm.R0, verdict).WithSymbol("verdict"),
			asm.Return(),
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { program.Close() })
	return &foreign{program, count}
}

func (f *foreign) id(t *testing.T) ebpf.ProgramID {
	t.Helper()
	info, err := f.program.Info()
	if err != nil {
		t.Fatal(err)
	}
	id, _ := info.ID()
	return id
}

func (f *foreign) seen(t *testing.T) uint64 {
	t.Helper()
	var n uint64
	if err := f.count.Lookup(uint32(0), &n); err != nil {
		t.Fatal(err)
	}
	return n
}

// attachTCX attaches somebody's program where he wants it.
func (f *foreign) attachTCX(t *testing.T, pair *probetest.Pair, anchor link.Anchor) {
	t.Helper()
	if err := pair.Do(func() error {
		l, err := link.AttachTCX(link.TCXOptions{
			Interface: int(pair.Ifindex), Program: f.program, Attach: ebpf.AttachTCXIngress, Anchor: anchor,
		})
		if err == nil {
			t.Cleanup(func() { l.Close() })
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

// attachClsact adds a filter at a priority, and the queueing discipline.
func (f *foreign) attachClsact(t *testing.T, pair *probetest.Pair, priority uint16) {
	t.Helper()
	if err := pair.Do(func() error {
		err := netlink.QdiscReplace(&netlink.Clsact{QdiscAttrs: netlink.QdiscAttrs{
			LinkIndex: int(pair.Ifindex), Handle: netlink.MakeHandle(0xffff, 0), Parent: netlink.HANDLE_CLSACT,
		}})
		if err != nil {
			return err
		}
		return netlink.FilterAdd(&netlink.BpfFilter{
			FilterAttrs: netlink.FilterAttrs{
				LinkIndex: int(pair.Ifindex), Parent: netlink.HANDLE_MIN_INGRESS, Handle: 1,
				Priority: priority, Protocol: unix.ETH_P_ALL,
			},
			Fd: f.program.FD(), Name: "foreign", DirectAction: true,
		})
	}); err != nil {
		t.Fatal(err)
	}
}

func (f *foreign) attachXDP(t *testing.T, pair *probetest.Pair) {
	t.Helper()
	if err := pair.Do(func() error {
		l, err := link.AttachXDP(link.XDPOptions{Program: f.program, Interface: int(pair.Ifindex), Flags: link.XDPGenericMode})
		if err == nil {
			t.Cleanup(func() { l.Close() })
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

const (
	tcNext = -1
	tcPass = 0
	xdpOK  = 2
)

func life(t *testing.T, pair *probetest.Pair, others []*foreign, order func(step string)) {
	t.Helper()
	metered := func(generation uint32, more ...plan.Policy) plan.Plan {
		return plan.Plan{MaxFlows: 64, Points: []plan.Point{pair.Ingress(append([]plan.Policy{probetest.Metering(1, generation)}, more...)...)}}
	}
	sent := uint64(0)
	send := func(step string) {
		t.Helper()
		before := make([]uint64, len(others))
		for i, f := range others {
			before[i] = f.seen(t)
		}
		pair.SendUDP(t, 4, 1000, 5)
		sent += 5
		for i, f := range others {
			if n := f.seen(t) - before[i]; n < 5 {
				t.Errorf("%s: somebody's program %d saw %d of 5 packets", step, i, n)
			}
		}
		order(step)
	}
	engine := pair.Engine(t)
	pair.Apply(t, engine, metered(1))
	send("attached")
	for n := range uint32(3) {
		pair.Apply(t, engine, metered(2+n, probetest.Metering(2+n, 1)))
		send("swapped")
	}
	if err := engine.Close(); err != nil {
		t.Fatal(err)
	}
	send("nobody there")
	engine = pair.Engine(t)
	send("taken over")
	pair.Apply(t, engine, metered(9))
	send("swapped by the successor")
	total := uint64(0)
	for ref, n := range drained(t, pair, engine, 1000) {
		if ref.ID == 1 {
			total += n
		}
	}
	if total != sent {
		t.Errorf("%d of %d packets counted", total, sent)
	}
	if err := engine.Destroy(); err != nil {
		t.Fatal(err)
	}
	sent = 0
	send("destroyed")
}

// Programs that others have attached stay where they are and in their order,
// and go on seeing packets, whatever becomes of ours; so do those at XDP.
func TestOthersStayAsTheyAre(t *testing.T) {
	pair := probetest.NewPair(t)
	head, tail := newForeign(t, ebpf.SchedCLS, tcNext), newForeign(t, ebpf.SchedCLS, tcNext)
	head.attachTCX(t, pair, nil)
	tail.attachTCX(t, pair, link.Tail())
	// clsact comes after tcx; two filters, so that ours lies between none of them.
	first, second := newForeign(t, ebpf.SchedCLS, tcNext), newForeign(t, ebpf.SchedCLS, tcPass)
	first.attachClsact(t, pair, 7)
	second.attachClsact(t, pair, 9)
	xdp := newForeign(t, ebpf.XDP, xdpOK)
	xdp.attachXDP(t, pair)
	want := []ebpf.ProgramID{head.id(t), tail.id(t), first.id(t), second.id(t)}
	life(t, pair, []*foreign{head, tail, first, second, xdp}, func(step string) {
		t.Helper()
		var theirs []ebpf.ProgramID
		for _, id := range attached(t, pair, pair.Ifindex) {
			if slices.Contains(want, id) {
				theirs = append(theirs, id)
			}
		}
		if !slices.Equal(theirs, want) {
			t.Errorf("%s: their programs are %v, want %v", step, theirs, want)
		}
	})
	if n := len(attached(t, pair, pair.Ifindex)); n != len(want) {
		t.Errorf("%d programs attached at the end, want theirs alone", n)
	}
}

// We come first: what a program behind ours drops has been counted, and a
// verdict that ends the chain hides nothing from us. What drops packets before
// us, at XDP or by a later claim to the head, hides them.
func TestWhoDropsBeforeUsAndAfter(t *testing.T) {
	count := func(t *testing.T, pair *probetest.Pair, engine *probe.Engine) uint64 {
		t.Helper()
		before := pointCounters(t, engine, pair.Ingress().ID).Packets
		pair.Send(t, 7)
		return pointCounters(t, engine, pair.Ingress().ID).Packets - before
	}
	metered := func(pair *probetest.Pair) plan.Plan {
		return plan.Plan{MaxFlows: 64, Points: []plan.Point{pair.Ingress(probetest.Metering(1, 1))}}
	}
	const tcDrop, xdpDrop = 2, 1
	t.Run("behind", func(t *testing.T) {
		pair := probetest.NewPair(t)
		pair.SendUDP(t, 4, 1000, 1) // makes the neighbour known
		newForeign(t, ebpf.SchedCLS, tcDrop).attachTCX(t, pair, nil)
		engine := pair.Engine(t)
		pair.Apply(t, engine, metered(pair))
		if probetest.Lacks(probe.FeatureTCX) {
			t.Skip("tcx comes before clsact, wherever one attaches")
		}
		if n := count(t, pair, engine); n < 7 {
			t.Errorf("%d of 7 packets counted", n)
		}
	})
	t.Run("before", func(t *testing.T) {
		pair := probetest.NewPair(t)
		pair.SendUDP(t, 4, 1000, 1) // makes the neighbour known
		engine := pair.Engine(t)
		pair.Apply(t, engine, metered(pair))
		dropper := newForeign(t, ebpf.SchedCLS, tcDrop)
		dropper.attachTCX(t, pair, link.Head())
		if n := count(t, pair, engine); n != 0 || dropper.seen(t) < 7 {
			t.Errorf("%d packets counted, %d dropped", n, dropper.seen(t))
		}
	})
	t.Run("at XDP", func(t *testing.T) {
		pair := probetest.NewPair(t)
		pair.SendUDP(t, 4, 1000, 1) // makes the neighbour known
		engine := pair.Engine(t)
		pair.Apply(t, engine, metered(pair))
		dropper := newForeign(t, ebpf.XDP, xdpDrop)
		dropper.attachXDP(t, pair)
		if n := count(t, pair, engine); n != 0 || dropper.seen(t) < 7 {
			t.Errorf("%d packets counted, %d dropped", n, dropper.seen(t))
		}
	})
}

// Where others have taken all places, the answer names the interface.
func TestNoPlaceLeft(t *testing.T) {
	if probetest.Lacks(probe.FeatureTCX) {
		t.Skip("clsact has no such limit")
	}
	pair := probetest.NewPair(t)
	for range 63 {
		newForeign(t, ebpf.SchedCLS, tcNext).attachTCX(t, pair, nil)
	}
	engine := pair.Engine(t)
	err := pair.Do(func() error {
		change, err := engine.Prepare(plan.Plan{MaxFlows: 64, Points: []plan.Point{pair.Ingress(probetest.Metering(1, 1))}})
		if err != nil {
			return err
		}
		return change.Commit()
	})
	if err == nil || !strings.Contains(err.Error(), "interface "+probetest.Name) || !strings.Contains(err.Error(), "63 programs") {
		t.Errorf("got %v", err)
	}
	if n := len(attached(t, pair, pair.Ifindex)); n != 63 {
		t.Errorf("%d programs attached, want theirs alone", n)
	}
}

// Whoever takes our program off, or puts another one in its place, has it put
// back, and its counts go on.
func TestPutBack(t *testing.T) {
	harms := map[string]func(t *testing.T, pair *probetest.Pair){
		"detached": func(t *testing.T, pair *probetest.Pair) { detachAll(t, pair) },
	}
	if probetest.Lacks(probe.FeatureTCX) { // which needs no discipline
		harms["discipline removed"] = func(t *testing.T, pair *probetest.Pair) { removeDiscipline(t, pair) }
	}
	for name, harm := range harms {
		t.Run(name, func(t *testing.T) {
			pair := probetest.NewPair(t)
			engine := pair.Engine(t)
			next := plan.Plan{MaxFlows: 64, Points: []plan.Point{pair.Ingress(probetest.Metering(1, 1))}}
			pair.Apply(t, engine, next)
			pair.SendUDP(t, 4, 1000, 3)
			harm(t, pair)
			if n := len(attached(t, pair, pair.Ifindex)); n != 0 {
				t.Fatalf("%d programs are still attached", n)
			}
			pair.SendUDP(t, 4, 1000, 2)
			restore := func() (points []plan.PointID) {
				t.Helper()
				if err := pair.Do(func() (err error) {
					points, err = engine.Restore()
					return err
				}); err != nil {
					t.Fatal(err)
				}
				return points
			}
			if got := restore(); len(got) != 1 || got[0] != pair.Ingress().ID {
				t.Errorf("put back at %v", got)
			}
			if got := restore(); len(got) != 0 {
				t.Errorf("put back once more at %v", got)
			}
			pair.SendUDP(t, 4, 1000, 4)
			// It is ours for good: a successor takes it over.
			if err := engine.Close(); err != nil {
				t.Fatal(err)
			}
			pair.SendUDP(t, 4, 1000, 1)
			engine = pair.Engine(t)
			pair.Apply(t, engine, next)
			if got := drained(t, pair, engine, 1000)[flow.PolicyRef{ID: 1, Generation: 1}]; got != 8 {
				t.Errorf("%d packets counted, want 3 before and 5 after", got)
			}
			if n := len(attached(t, pair, pair.Ifindex)); n != 1 {
				t.Errorf("%d programs attached", n)
			}
		})
	}
}

func detachAll(t *testing.T, pair *probetest.Pair) {
	t.Helper()
	err := pair.Do(func() error {
		result, err := link.QueryPrograms(link.QueryOptions{Target: int(pair.Ifindex), Attach: ebpf.AttachTCXIngress})
		if err != nil {
			return err
		}
		for _, p := range result.Programs {
			id, _ := p.LinkID()
			l, err := link.NewFromID(id)
			if err != nil {
				return err
			}
			if err := l.Detach(); err != nil {
				return err
			}
			l.Close()
		}
		filters, err := netlink.FilterList(&netlink.Device{LinkAttrs: netlink.LinkAttrs{Index: int(pair.Ifindex)}}, netlink.HANDLE_MIN_INGRESS)
		if err != nil {
			return err
		}
		for _, f := range filters {
			if err := netlink.FilterDel(f); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func removeDiscipline(t *testing.T, pair *probetest.Pair) {
	t.Helper()
	err := pair.Do(func() error {
		return netlink.QdiscDel(&netlink.Clsact{QdiscAttrs: netlink.QdiscAttrs{
			LinkIndex: int(pair.Ifindex), Handle: netlink.MakeHandle(0xffff, 0), Parent: netlink.HANDLE_CLSACT,
		}})
	})
	if err != nil {
		t.Fatal(err)
	}
}

// The queueing discipline that was made for us goes with us, unless somebody
// has come to use it.
func TestDisciplineOfOthersStays(t *testing.T) {
	for _, shared := range []bool{false, true} {
		pair := probetest.NewPair(t)
		engine := pair.Open(t, probe.Config{PinDir: pair.PinDir, Without: []string{probe.FeatureTCX}})
		pair.Apply(t, engine, plan.Plan{MaxFlows: 64, Points: []plan.Point{
			pair.Ingress(probetest.Metering(1, 1)), pair.Egress(probetest.Metering(2, 1)),
		}})
		if shared {
			newForeign(t, ebpf.SchedCLS, tcNext).attachClsact(t, pair, 5)
		}
		if err := engine.Destroy(); err != nil {
			t.Fatal(err)
		}
		var left int
		if err := pair.Do(func() error {
			all, err := netlink.QdiscList(&netlink.Device{LinkAttrs: netlink.LinkAttrs{Index: int(pair.Ifindex)}})
			for _, q := range all {
				if q.Type() == "clsact" {
					left++
				}
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if (left == 1) != shared {
			t.Errorf("shared %t: %d disciplines left", shared, left)
		}
	}
}
