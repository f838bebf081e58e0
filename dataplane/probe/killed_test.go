//go:build linux

package probe_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/dataplane/probe"
	"github.com/openifit/openifit/dataplane/probe/probetest"
)

// restlessEnv makes this test binary a restless process: "DIR IFINDEX".
const restlessEnv = "OPENIFIT_TEST_RESTLESS"

func TestMain(m *testing.M) {
	if args := os.Getenv(restlessEnv); args != "" {
		if err := restless(args); err != nil {
			fmt.Fprintln(os.Stderr, "restless:", err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// restless changes a point's program, rates and rule sets as fast as it can
// until it is killed. Everything is metered by policy 1 all the time.
func restless(args string) error {
	dir, index, _ := strings.Cut(args, " ")
	ifindex, err := strconv.ParseUint(index, 10, 32)
	if err != nil {
		return err
	}
	engine, err := probe.Open(probe.Config{PinDir: dir, Without: probetest.Without()})
	if err != nil {
		return err
	}
	for generation := uint32(os.Getpid()); ; generation++ {
		policies := []plan.Policy{probetest.Metering(1, generation/2)}
		if generation%4 >= 2 {
			sampled := probetest.Metering(2, generation)
			sampled.Select = plan.Selection{Algorithm: plan.SelectUniform, Threshold: generation}
			policies = append(policies, sampled)
		}
		change, err := engine.Prepare(plan.Plan{MaxFlows: 4096, Points: []plan.Point{{
			ID: plan.PointID{Ifindex: uint32(ifindex), Direction: flow.Ingress}, Interface: probetest.Name, Policies: policies,
		}}})
		if err != nil {
			return err
		}
		if err := change.Commit(); err != nil {
			return err
		}
		fmt.Println("changed")
	}
}

// However often a process is killed in the midst of changes, its successor
// takes over, no packet is lost or counted twice, and each is counted for the
// policy.
func TestKilledAgainAndAgain(t *testing.T) {
	pair := probetest.NewPair(t)
	const port = 1000
	sent := 0
	send := func(n int) {
		pair.SendUDP(t, 4, port, n)
		sent += n
	}
	for range 12 {
		c := exec.Command("/proc/self/exe", "-test.run=^$")
		c.Env = append(os.Environ(), fmt.Sprintf("%s=%s %d", restlessEnv, pair.PinDir, pair.Ifindex))
		c.Stderr = os.Stderr
		c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := pair.Do(c.Start); err != nil {
			t.Fatal(err)
		}
		changes := bufio.NewScanner(out)
		for range 4 {
			if !changes.Scan() {
				t.Fatalf("the process ended by itself: %v", c.Wait())
			}
			send(20)
		}
		if err := c.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		send(20)
		if err := c.Wait(); err == nil {
			t.Error("the process ended by itself")
		}
		send(20)
	}
	engine := pair.Engine(t)
	if n := len(attached(t, pair, pair.Ifindex)); n != 1 {
		t.Errorf("%d programs attached, want 1", n)
	}
	before := pointCounters(t, engine, pair.Ingress().ID)
	if before.Packets < uint64(sent) {
		t.Errorf("counters %+v of %d packets", before, sent)
	}
	pair.Apply(t, engine, plan.Plan{MaxFlows: 4096, Points: []plan.Point{pair.Ingress(probetest.Metering(1, 1))}})
	send(20)
	total := uint64(0)
	for ref, n := range drained(t, pair, engine, port) {
		if ref.ID == 1 {
			total += n
		}
	}
	if total != uint64(sent) {
		t.Errorf("%d packets in records, %d sent", total, sent)
	}
}
