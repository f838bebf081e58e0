//go:build linux

package livebench

import (
	"errors"
	"fmt"
	"time"

	"github.com/openifit/openifit/dataplane/flow"
	"github.com/openifit/openifit/dataplane/source"
)

// Drain is what became of flow records when they were drained.
type Drain struct {
	Flows int
	Took  time.Duration
	// Packets were sent and Recorded found in records, at rest and then with
	// packets coming while tables were drained over and over.
	Packets, Recorded               uint64
	TrafficPackets, TrafficRecorded uint64
	Drains                          int
}

// MeasureDrain drains a table with that many flows, then drains under traffic.
func MeasureDrain(flows uint32, drains int) (*Drain, error) {
	s, err := newStage()
	if err != nil {
		return nil, err
	}
	out, err := s.measureDrain(flows, drains)
	return out, errors.Join(err, s.close())
}

func (s *stage) measureDrain(flows uint32, drains int) (*Drain, error) {
	if err := s.open(); err != nil {
		return nil, err
	}
	if err := s.apply(s.point(metering(1))); err != nil {
		return nil, err
	}
	if _, err := s.attach(s.objects.BenchDrop); err != nil {
		return nil, err
	}
	records, err := source.NewRecords(s.engine)
	if err != nil {
		return nil, err
	}
	out := &Drain{Drains: drains}
	frames := (flows + BatchFrames - 1) / BatchFrames * BatchFrames
	if out.Packets, err = s.inject(frames, flows); err != nil {
		return nil, err
	}
	start := time.Now()
	err = records.Drain(func(r *flow.Record) {
		out.Flows++
		out.Recorded += r.Packets
	})
	if err != nil {
		return nil, err
	}
	out.Took = time.Since(start)

	traffic := s.startTraffic()
	count := func(r *flow.Record) { out.TrafficRecorded += r.Packets }
	for range drains {
		if err := records.Drain(count); err != nil {
			_, trafficErr := traffic.stop()
			return nil, errors.Join(err, trafficErr)
		}
	}
	if out.TrafficPackets, err = traffic.stop(); err != nil {
		return nil, err
	}
	if err := records.Drain(count); err != nil {
		return nil, err
	}
	counters, err := s.engine.PointCounters()
	if err != nil {
		return nil, err
	}
	if refused := counters[0].Refused; refused != 0 {
		return nil, fmt.Errorf("%d packets found the flow table full", refused)
	}
	return out, nil
}
