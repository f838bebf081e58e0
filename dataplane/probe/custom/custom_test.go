//go:build linux

package custom_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/dataplane/probe/custom"
	"github.com/openifit/openifit/dataplane/probe/custom/object"
	"github.com/openifit/openifit/dataplane/probe/probetest"
	"github.com/openifit/openifit/lab/testenv"
)

// stage is a pair of namespaces with a Manager in the near one.
type stage struct {
	*probetest.Pair
	manager *custom.Manager

	mu       sync.Mutex
	records  [][]byte
	exceeded []custom.Excess
	fault    func(string) error
}

func newStage(t *testing.T) *stage {
	t.Helper()
	testenv.NeedRoot(t)
	s := &stage{Pair: probetest.NewPair(t)}
	s.manager = custom.New(custom.Config{
		Report: func(r *custom.Report) {
			if r.Layout != r.Instance.Object.Record {
				return
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			s.records = append(s.records, slices.Clone(r.Data))
		},
		Exceeded: func(_ custom.Instance, e custom.Excess) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.exceeded = append(s.exceeded, e)
		},
		Interval: 10 * time.Millisecond,
		Fault: func(step string) error {
			if s.fault == nil {
				return nil
			}
			return s.fault(step)
		},
	})
	t.Cleanup(func() {
		if err := s.manager.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func read(t testing.TB, name string) *object.Object {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("object", "testdata", name+".o"))
	if err != nil {
		t.Fatal(err)
	}
	o, err := object.Read(data, object.Usual())
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// instance runs an object at both sides of the near end.
func (s *stage) instance(t testing.TB, id uint32, o *object.Object, parameters map[string]string) custom.Instance {
	t.Helper()
	data, err := o.Encode(parameters)
	if err != nil {
		t.Fatal(err)
	}
	return custom.Instance{
		PolicyRef: flow.PolicyRef{ID: id, Generation: 1}, Policy: "test", Probe: o.Name, Object: o, Parameters: data,
		Points: []plan.PointID{
			{Ifindex: s.Ifindex, Direction: flow.Ingress}, {Ifindex: s.Ifindex, Direction: flow.Egress},
		},
	}
}

func (s *stage) apply(instances ...custom.Instance) error {
	return s.Do(func() error {
		c, err := s.manager.Prepare(instances)
		if err != nil {
			return err
		}
		if err := c.Commit(); err != nil {
			return err
		}
		c.Finish()
		return nil
	})
}

// state is that of the only instance.
func (s *stage) state(t testing.TB) custom.State {
	t.Helper()
	states := s.manager.States()
	if len(states) != 1 {
		t.Fatalf("there are %d instances", len(states))
	}
	return states[0]
}

// until waits for a condition.
func until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

func TestTheKernelRefusesTheRestAndThePreviousProbeGoesOn(t *testing.T) {
	s := newStage(t)
	if err := s.apply(s.instance(t, 1, read(t, "dns"), nil)); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"beyond":  "outside of the allowed memory range",
		"packet":  "invalid mem access 'scalar'",
		"endless": "infinite loop",
		"leak":    "reference leak",
		"long":    "the verifier had to walk",
	} {
		err := s.apply(s.instance(t, 1, read(t, "hostile_"+name), nil))
		var refused *custom.InstanceError
		if !errors.As(err, &refused) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
	before := s.state(t).Counters[0]
	s.SendUDP(t, 4, 4000, 10)
	if st := s.state(t); st.Object.Name != "dns" || st.Counters[0] < before+10 {
		t.Errorf("probe %s has counted %d packets, %d before", st.Object.Name, st.Counters[0], before)
	}
}

func TestProbeReports(t *testing.T) {
	s := newStage(t)
	if err := s.apply(s.instance(t, 1, read(t, "dns"), map[string]string{"port": "7000"})); err != nil {
		t.Fatal(err)
	}
	s.SendUDP(t, 4, 4000, 20)
	s.SendUDP(t, 6, 4000, 5)
	until(t, "20 records have come", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.records) == 20
	})
	of := s.state(t)
	client := of.Object.Record.Fields[1]
	if got := s.records[0][client.Offset : client.Offset+4]; !slices.Equal(got, s.Far4.AsSlice()) {
		t.Errorf("client is %v", got)
	}
	if of.Counters[0] < 25 || of.Counters[2] != 20 || of.Records != 20 || of.Lost != 0 {
		t.Errorf("state is %+v", of)
	}
	if len(of.Attached) != 2 || of.Runs < 25 || of.RunTime <= 0 || len(of.Programs) != 2 {
		t.Errorf("attached to %v, %d runs in %v", of.Attached, of.Runs, of.RunTime)
	}
}

func TestNothingThatAProbeDoesTouchesPackets(t *testing.T) {
	s := newStage(t)
	if err := s.apply(s.instance(t, 1, read(t, "scribble"), nil)); err != nil {
		t.Fatal(err)
	}
	// Each packet arrives, with its checksums right.
	s.SendUDP(t, 4, 4000, 50)
	s.SendUDP(t, 6, 4000, 50)
	if runs := s.state(t).Runs; runs < 100 {
		t.Errorf("the probe has run %d times", runs)
	}
}

func TestSwapKeepsCountersAndMissesNothing(t *testing.T) {
	s := newStage(t)
	dns, size := read(t, "dns"), read(t, "size")
	if err := s.apply(s.instance(t, 1, dns, nil)); err != nil {
		t.Fatal(err)
	}
	stop, done := make(chan struct{}), make(chan int)
	go func() {
		n := 0
		for {
			select {
			case <-stop:
				done <- n
				return
			default:
				s.SendUDP(t, 4, 4000, 20)
				n += 20
			}
		}
	}()
	const swaps = 40
	for i := range swaps {
		next := []*object.Object{size, dns}[i%2]
		if err := s.apply(s.instance(t, 1, next, nil)); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	sent := <-done
	// Other packets, such as neighbour discovery, are counted too; octets tell
	// these apart: 14 + 20 + 8 + 5.
	st := s.state(t)
	if got := st.Counters[0]; got < uint64(sent) || got > uint64(sent)+40 {
		t.Errorf("%d packets were sent over %d swaps and %d counted", sent, swaps, got)
	}
	if st.Runs < uint64(sent) {
		t.Errorf("%d runs are remembered of %d", st.Runs, sent)
	}
}

func TestAProbeThatCostsTooMuchIsDetached(t *testing.T) {
	s := newStage(t)
	slow, dns := s.instance(t, 1, read(t, "slow"), nil), s.instance(t, 2, read(t, "dns"), nil)
	slow.Budget.PerPacket = 500 * time.Nanosecond
	if err := s.apply(slow, dns); err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	go s.manager.Run(ctx) //nolint:errcheck // it ends with the test
	until(t, "the budget is exceeded", func() bool {
		s.SendUDP(t, 4, 4000, 50)
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.exceeded) == 1
	})
	check := func(attached int) {
		t.Helper()
		states := s.manager.States()
		if len(states[0].Attached) != attached || (states[0].Excess == nil) != (attached > 0) {
			t.Errorf("the slow probe is attached to %v: %v", states[0].Attached, states[0].Excess)
		}
		if len(states[1].Attached) != 2 || states[1].Excess != nil {
			t.Errorf("the other probe is attached to %v: %v", states[1].Attached, states[1].Excess)
		}
	}
	check(0)
	if e := s.exceeded[0]; !e.OfPacket || !strings.Contains(e.String(), "the budget is 500 ns") {
		t.Errorf("the reason is %s", e.String())
	}
	// Applied once more as it was, it stays away; with another budget it is back.
	if err := s.apply(slow, dns); err != nil {
		t.Fatal(err)
	}
	check(0)
	slow.Budget.PerPacket = time.Second
	if err := s.apply(slow, dns); err != nil {
		t.Fatal(err)
	}
	check(2)
}

func TestAFailedChangeLeavesEverythingAsItWas(t *testing.T) {
	s := newStage(t)
	dns := s.instance(t, 1, read(t, "dns"), nil)
	if err := s.apply(dns); err != nil {
		t.Fatal(err)
	}
	before := s.state(t)
	next := []custom.Instance{s.instance(t, 1, read(t, "size"), nil), s.instance(t, 2, read(t, "scribble"), nil)}
	for n := range 4 {
		count := 0
		s.fault = func(string) error {
			if count++; count > n {
				return errors.New("a fault on purpose")
			}
			return nil
		}
		if err := s.apply(next...); err == nil || !strings.Contains(err.Error(), "a fault on purpose") {
			t.Fatalf("step %d: %v", n, err)
		}
		after := s.state(t)
		if !slices.Equal(after.Programs, before.Programs) || !slices.Equal(after.Attached, before.Attached) {
			t.Errorf("step %d: programs %v at %v", n, after.Programs, after.Attached)
		}
		packets := after.Counters[0]
		s.fault = nil
		s.SendUDP(t, 4, 4000, 5)
		if got := s.state(t).Counters[0]; got < packets+5 {
			t.Errorf("step %d: the probe counts no more", n)
		}
	}
	if err := s.apply(); err != nil || len(s.manager.States()) != 0 {
		t.Errorf("removing everything leaves %d: %v", len(s.manager.States()), err)
	}
}
