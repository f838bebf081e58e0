package agent

import (
	"context"
	"runtime/metrics"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/openifit/openifit/dataplane/plan"
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
	// runs of all programs together, as far as they were measured.
	runs uint64
	// mapBytes is the kernel memory of maps, in octets.
	mapBytes uint64
	// packets that each side of each interface has passed.
	packets map[plan.PointID]uint64
}

// overhead measures what telemetry costs the node.
type overhead struct {
	// sample reads the counters of export and selection.
	sample func(*spent)
	// measured takes the percentage of each interval.
	measured func(percent float64)

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
	if o.measured != nil && !o.before.at.IsZero() {
		o.measured(o.percent())
	}
}

// percent is the processor time of agent and programs over the last interval.
func (o *overhead) percent() float64 {
	used := o.last.agent - o.before.agent + o.last.inPrograms - o.before.inPrograms
	return used.Seconds() / o.last.at.Sub(o.before.at).Seconds() * 100
}

// price is what telemetry takes now in percent of a processor, and what one
// run of a program takes. It is not known before programs have run.
func (o *overhead) price() (used float64, run time.Duration, known bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.before.at.IsZero() || o.last.runs == 0 {
		return 0, 0, false
	}
	return o.percent(), o.last.inPrograms / time.Duration(o.last.runs), true
}

// packetRate is how many packets a second pass a point.
func (o *overhead) packetRate(id plan.PointID) float64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	before, known := o.before.packets[id]
	if !known {
		return 0
	}
	after := max(o.last.packets[id], before)
	return float64(after-before) / o.last.at.Sub(o.before.at).Seconds()
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
	s.MapBytes = ptr(last.mapBytes)
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
