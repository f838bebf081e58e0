package agent

import (
	"context"
	"runtime/metrics"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/openifit/openifit/gen/yang"
)

// overheadInterval is the span over which rates are taken.
const overheadInterval = time.Second

// spent is what telemetry has used up since the agent started.
type spent struct {
	at                time.Time
	octets, records   uint64
	selected, lost    uint64
	agent, inPrograms time.Duration
	// statistics: the kernel measures inPrograms.
	statistics bool
}

// overhead measures what telemetry costs the node.
type overhead struct {
	// sample reads the counters of export and selection.
	sample func(*spent)

	mu           sync.Mutex
	before, last spent
}

// String names the task.
func (o *overhead) String() string { return "telemetry overhead" }

// Run samples until ctx ends.
func (o *overhead) Run(ctx context.Context) error {
	tick := time.NewTicker(overheadInterval)
	defer tick.Stop()
	o.take()
	for {
		select {
		case <-tick.C:
			o.take()
		case <-ctx.Done():
			return nil
		}
	}
}

func (o *overhead) take() {
	now := spent{at: time.Now(), statistics: runStatistics()}
	var use unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &use); err == nil {
		now.agent = time.Duration(use.Utime.Nano() + use.Stime.Nano())
	}
	o.sample(&now)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.before, o.last = o.last, now
}

// show writes the rates over the last interval.
func (o *overhead) show(s *yang.State_TelemetryOverhead) {
	o.mu.Lock()
	before, last := o.before, o.last
	o.mu.Unlock()
	s.MemoryBytes, s.SamplesLost = ptr(memory()), ptr(last.lost)
	if before.at.IsZero() {
		return
	}
	seconds := last.at.Sub(before.at).Seconds()
	rate := func(a, b uint64) *uint64 { return ptr(uint64(float64(b-min(a, b)) / seconds)) }
	s.ExportedOctetsPerSecond = rate(before.octets, last.octets)
	s.ExportedRecordsPerSecond = rate(before.records, last.records)
	s.SelectedPacketsPerSecond = rate(before.selected, last.selected)
	s.CpuPercent = percent(last.agent-before.agent, seconds)
	s.ProgramCpuPercent = nil
	if inPrograms := last.inPrograms - before.inPrograms; last.statistics || inPrograms > 0 {
		s.ProgramCpuPercent = percent(inPrograms, seconds)
	}
}

// percent has the three digits of the model.
func percent(used time.Duration, seconds float64) *float64 {
	return ptr(float64(int64(used.Seconds()/seconds*100_000)) / 1000)
}

func memory() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/total:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
