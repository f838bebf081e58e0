//go:build linux

package livebench

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/dataplane/probe"
	"github.com/openifit/openifit/dataplane/source"
)

// Swap is what became of packets while programs were swapped under them.
type Swap struct {
	// Swaps were made in all, Least of each kind.
	Swaps, Least int
	// Kinds are the kinds of change, with the longest time that one took.
	Kinds   map[string]time.Duration
	Packets uint64
	// Counted by the point, and Recorded in flow records.
	Counted, Recorded uint64
	// Orphans are packets in records that belong to no policy; their records
	// are not among those above.
	Orphans uint64
	// PerSwap is the mean time from a plan to the new program at work.
	PerSwap time.Duration
}

// Frames of one injection, and flows among them.
const (
	swapFrames = 64 * BatchFrames
	swapFlows  = 1000
)

// MeasureSwap replaces the program of a point, or what it does, in every way
// there is, until there were that many swaps and packets, and drains the
// point's flow tables meanwhile.
func MeasureSwap(swaps int, packets uint64) (*Swap, error) {
	s, err := newStage()
	if err != nil {
		return nil, err
	}
	out, err := s.measureSwap(swaps, packets)
	return out, errors.Join(err, s.close())
}

func (s *stage) measureSwap(swaps int, packets uint64) (*Swap, error) {
	w := &swapping{stage: s, out: &Swap{Kinds: make(map[string]time.Duration)}}
	if err := w.begin(); err != nil {
		return nil, err
	}
	if err := w.swap(); err != nil {
		return nil, err
	}
	if _, err := s.attach(s.objects.BenchDrop); err != nil {
		return nil, err
	}
	traffic := s.startTraffic()
	err := w.run(swaps, packets, traffic)
	sent, trafficErr := traffic.stop()
	if err := errors.Join(err, trafficErr); err != nil {
		return nil, err
	}
	w.out.Packets = sent
	if err := w.drain(); err != nil {
		return nil, err
	}
	counters, err := s.engine.PointCounters()
	if err != nil {
		return nil, err
	}
	w.out.Counted, w.out.Orphans = counters[0].Packets, w.out.Orphans+w.records.Orphans()
	return w.out, nil
}

// swapping is the changes of one point under traffic.
type swapping struct {
	*stage
	out     *Swap
	setting setting
	agents  int
	records *source.Records
}

func (w *swapping) begin() (err error) {
	if err := w.open(); err != nil {
		return err
	}
	w.records, err = source.NewRecords(w.engine)
	return err
}

// run makes changes of all kinds in turn.
func (w *swapping) run(swaps int, packets uint64, traffic *traffic) error {
	start := time.Now()
	for w.out.Swaps < swaps || traffic.soFar() < packets {
		for _, kind := range swapKinds() {
			kind.make(&w.setting)
			began := time.Now()
			if err := w.swap(); err != nil {
				return fmt.Errorf("change of %s: %w", kind.name, err)
			}
			w.out.Kinds[kind.name] = max(w.out.Kinds[kind.name], time.Since(began))
			w.out.Swaps++
		}
		w.out.Least++
		if w.out.Least%4 == 0 {
			if err := w.drain(); err != nil {
				return err
			}
		}
	}
	w.out.PerSwap = time.Since(start) / time.Duration(w.out.Swaps)
	return nil
}

// swap brings the setting into force, by another agent where it says so.
func (w *swapping) swap() error {
	if w.agents != w.setting.again {
		w.agents = w.setting.again
		w.out.Orphans += w.records.Orphans()
		if err := w.engine.Close(); err != nil {
			return err
		}
		if err := w.begin(); err != nil {
			return err
		}
	}
	return w.ns.Do(func() error {
		next := w.setting.plan(w.point)
		change, err := w.engine.Prepare(next)
		for tries := 0; errors.Is(err, probe.ErrUndrained) && tries < 2; tries++ {
			if err := w.drain(); err != nil {
				return err
			}
			change, err = w.engine.Prepare(next)
		}
		if err != nil {
			return err
		}
		if err := change.Commit(); err != nil || !w.setting.marks {
			return err
		}
		return w.engine.RenewLease(markingPolicy, time.Minute)
	})
}

// drain adds up what the policy for every packet has counted.
func (w *swapping) drain() error {
	return w.records.Drain(func(r *flow.Record) {
		if !r.Sampled && slices.ContainsFunc(r.Policies, func(p flow.PolicyRef) bool { return p.ID == 1 }) {
			w.out.Recorded += r.Packets
		}
	})
}

// point is that of the loopback interface, where the frames arrive.
func (s *stage) point(policies ...plan.Policy) plan.Point {
	return plan.Point{
		ID:        plan.PointID{Ifindex: loopback, Direction: flow.Ingress},
		Interface: "lo", Policies: policies,
	}
}

// traffic injects frames until it is stopped.
type traffic struct {
	mu   sync.Mutex
	sent uint64
	quit chan struct{}
	done chan error
}

func (s *stage) startTraffic() *traffic {
	t := &traffic{quit: make(chan struct{}), done: make(chan error, 1)}
	go func() {
		for {
			select {
			case <-t.quit:
				t.done <- nil
				return
			default:
			}
			n, err := s.inject(swapFrames, swapFlows)
			if err != nil {
				t.done <- fmt.Errorf("traffic: %w", err)
				return
			}
			t.mu.Lock()
			t.sent += n
			t.mu.Unlock()
		}
	}()
	return t
}

func (t *traffic) soFar() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.sent
}

func (t *traffic) stop() (uint64, error) {
	close(t.quit)
	err := <-t.done
	return t.soFar(), err
}
