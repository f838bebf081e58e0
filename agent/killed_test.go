//go:build linux

package agent

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/openifit/openifit/agent/meter"
	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/dataplane/probe"
	"github.com/openifit/openifit/dataplane/probe/probetest"
	"github.com/openifit/openifit/dataplane/source"
)

// mortalEnv makes this test binary a process that lives through stages and
// kills itself before a step: "PINS STATE IFINDEX STEP".
const mortalEnv = "OPENIFIT_TEST_MORTAL"

func TestMain(m *testing.M) {
	if args := os.Getenv(mortalEnv); args != "" {
		if err := mortal(args); err != nil {
			fmt.Fprintln(os.Stderr, "mortal:", err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// stages of a life: what changes at each, and whether tables are drained then.
func stages(ifindex uint32) []stage {
	udp := probetest.Metering(1, 1)
	// The kernel's own neighbour discovery must not count.
	udp.Rules = []plan.Rule{{
		Sequence: 1, Protocol: 17, DSCP: -1, FlowLabel: -1, SourcePort: plan.AnyPort, DestinationPort: plan.AnyPort,
	}}
	wider := udp
	wider.Generation, wider.Keys = 2, plan.Key5Tuple|plan.KeyDSCP
	sampled := probetest.Metering(2, 1)
	sampled.Select = plan.Selection{Algorithm: plan.SelectUniform, Threshold: 1 << 30}
	faster := sampled
	faster.Generation, faster.Select.Threshold = 2, 1<<31
	at := func(maxFlows uint32, d ...[]plan.Policy) plan.Plan {
		p := plan.Plan{MaxFlows: maxFlows}
		for i, policies := range d {
			p.Points = append(p.Points, plan.Point{
				ID: plan.PointID{Ifindex: ifindex, Direction: flow.Direction(i)}, Interface: probetest.Name, Policies: policies,
			})
		}
		return p
	}
	return []stage{
		{at(64, []plan.Policy{udp}, []plan.Policy{udp}), false},
		{at(64, []plan.Policy{udp, sampled}), true},
		{at(128, []plan.Policy{wider, sampled}), true},
		{at(128, []plan.Policy{sampled, wider}, []plan.Policy{wider}), false},
		{at(128, []plan.Policy{faster, wider}, []plan.Policy{wider}), true},
	}
}

type stage struct {
	plan  plan.Plan
	drain bool
}

// mortal goes from stage to stage, each time that it is told to.
func mortal(args string) error {
	var pins, state string
	var ifindex uint32
	var end, step int
	if _, err := fmt.Sscan(args, &pins, &state, &ifindex, &end); err != nil {
		return err
	}
	engine, err := probe.Open(probe.Config{PinDir: pins, Fault: func(string) error {
		if step++; step == end {
			return syscall.Kill(os.Getpid(), syscall.SIGKILL)
		}
		return nil
	}})
	if err != nil {
		return err
	}
	b := &being{engine: engine}
	if b.counters, err = openCounters(state, meter.New(func(*meter.Record) {})); err != nil {
		return err
	}
	if b.records, err = source.NewRecords(engine); err != nil {
		return err
	}
	told := bufio.NewScanner(os.Stdin)
	for _, s := range stages(ifindex) {
		if err := b.live(s); err != nil {
			return err
		}
		fmt.Println("steps", step)
		if !told.Scan() {
			return told.Err()
		}
	}
	return nil
}

// live goes through one stage.
func (b *being) live(s stage) error {
	b.meter.Configure([]meter.Policy{{
		PolicyRef: flow.PolicyRef{ID: 1, Generation: s.plan.Points[0].Policies[0].Generation}, Totals: b.place(1),
		Points: []plan.PointID{s.plan.Points[0].ID},
	}})
	change, err := b.engine.Prepare(s.plan)
	if err != nil {
		return err
	}
	if err := change.Commit(); err != nil {
		return err
	}
	if !s.drain {
		return nil
	}
	return b.take()
}

func (b *being) take() error {
	return b.records.DrainInto(b.counters, func(r *flow.Record) { b.meter.Observe(r, 0) })
}

// Whichever step of a commit or of a drain a process is killed before, with
// rules, rates, keys, points and tables changing, its successor has counted
// every packet once.
func TestKilledBeforeEveryStep(t *testing.T) {
	steps := 1
	for end := 0; end <= steps; end++ {
		pair, dir := probetest.NewPair(t), t.TempDir()
		c := exec.Command("/proc/self/exe", "-test.run=^$")
		c.Env = append(os.Environ(), fmt.Sprintf("%s=%s %s %d %d", mortalEnv, pair.PinDir, dir, pair.Ifindex, end))
		c.Stderr = os.Stderr
		c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		in, err := c.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := pair.Do(c.Start); err != nil {
			t.Fatal(err)
		}
		sent := uint64(0)
		send := func(n int) {
			pair.SendUDP(t, 4, 1000, n)
			sent += uint64(n)
		}
		attached := false
		says := bufio.NewScanner(out)
		for n := 3; says.Scan(); n++ {
			if end == 0 {
				if _, err := fmt.Sscanf(says.Text(), "steps %d", &steps); err != nil {
					t.Fatal(err)
				}
			}
			attached = true
			send(n)
			if _, err := io.WriteString(in, "go on\n"); err != nil {
				break
			}
		}
		if err := c.Wait(); (end == 0) != (err == nil) {
			t.Fatalf("step %d: the process ended with %v", end, err)
		}
		if attached {
			send(10)
		}
		successor := beget(t, pair, dir, nil)
		all := stages(pair.Ifindex)
		for range 2 {
			if err := pair.Do(func() error { return successor.live(all[len(all)-1]) }); err != nil {
				t.Fatalf("after a death before step %d: %v", end, err)
			}
		}
		if got := successor.of(1).PacketsObserved; got != sent {
			t.Errorf("after a death before step %d: %d packets counted, %d sent", end, got, sent)
		}
		successor.die(t)
	}
	if steps < 30 {
		t.Errorf("a life of %d steps does not say much", steps)
	}
	t.Logf("%d steps", steps)
}
