//go:build linux

package livebench

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/plan"
	"github.com/openifit/openifit/dataplane/source"
)

// Swap is what became of packets while programs were swapped under them.
type Swap struct {
	Swaps   int
	Packets uint64
	// Counted by the point, and Recorded in flow records.
	Counted, Recorded uint64
	// Orphans are packets in records that belong to no policy; their records
	// are not among those above.
	Orphans uint64
	// PerSwap is the time from a plan to the new program at work.
	PerSwap time.Duration
}

// Frames of one injection, and flows among them.
const (
	swapFrames = 64 * BatchFrames
	swapFlows  = 1000
)

// MeasureSwap replaces the program of a point until there were that many
// swaps and packets, and drains the point's flow tables meanwhile.
func MeasureSwap(swaps int, packets uint64) (*Swap, error) {
	s, err := newStage()
	if err != nil {
		return nil, err
	}
	out, err := s.measureSwap(swaps, packets)
	return out, errors.Join(err, s.close())
}

func (s *stage) measureSwap(swaps int, packets uint64) (*Swap, error) {
	if err := s.open(); err != nil {
		return nil, err
	}
	// Programs with and without rules: other code, other maps.
	plain := []plan.Point{s.point(metering(1))}
	ruled := metering(2)
	ruled.Rules = []plan.Rule{{
		Sequence: 1, Protocol: 17, DSCP: -1, FlowLabel: -1,
		SourcePort: plan.AnyPort, DestinationPort: plan.PortRange{Min: 7001, Max: 7001},
	}}
	if err := s.apply(plain...); err != nil {
		return nil, err
	}
	if _, err := s.attach(s.objects.BenchDrop); err != nil {
		return nil, err
	}
	records, err := source.NewRecords(s.engine)
	if err != nil {
		return nil, err
	}
	out := &Swap{}
	drain := func() error {
		return records.Drain(func(r *flow.Record) {
			if len(r.Policies) == 1 {
				out.Recorded += r.Packets
			}
		})
	}
	traffic := s.startTraffic()
	err = func() error {
		start := time.Now()
		for out.Swaps < swaps || traffic.soFar() < packets {
			points := plain
			if out.Swaps%2 == 0 {
				points = []plan.Point{s.point(ruled)}
			}
			if err := s.apply(points...); err != nil {
				return err
			}
			out.Swaps++
			if out.Swaps%50 == 0 {
				if err := drain(); err != nil {
					return err
				}
			}
		}
		out.PerSwap = time.Since(start) / time.Duration(out.Swaps)
		return nil
	}()
	sent, trafficErr := traffic.stop()
	if err := errors.Join(err, trafficErr); err != nil {
		return nil, err
	}
	out.Packets = sent
	if err := drain(); err != nil {
		return nil, err
	}
	counters, err := s.engine.PointCounters()
	if err != nil {
		return nil, err
	}
	out.Counted, out.Orphans = counters[0].Packets, records.Orphans()
	return out, nil
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
